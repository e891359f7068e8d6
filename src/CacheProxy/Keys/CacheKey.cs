namespace CacheProxy.Keys;

/// <summary>
/// The cache key: the target URI as text, <c>scheme://host/path?query</c>. A host has no slash and a target begins with one, so the
/// parts cannot run into each other. All stored responses answer GET and HEAD, so the method is not part of it.
/// </summary>
internal static class CacheKey
{
    /// <summary>Keys up to this many characters are looked up from the stack, without a string.</summary>
    public const int StackLength = 512;

    public static int Length(in TargetUri uri) => uri.Scheme.Length + 3 + uri.Host.Length + uri.Target.Length;

    /// <summary>Writes the key into a buffer of at least <see cref="Length"/> characters and returns the part that it fills.</summary>
    public static ReadOnlySpan<char> Write(in TargetUri uri, Span<char> buffer)
    {
        var position = uri.Scheme.Length;
        uri.Scheme.CopyTo(buffer);
        "://".CopyTo(buffer[position..]);
        position += 3;
        uri.Host.CopyTo(buffer[position..]);
        position += uri.Host.Length;
        uri.Target.CopyTo(buffer[position..]);
        return buffer[..(position + uri.Target.Length)];
    }

    public static string Text(in TargetUri uri) => string.Concat(uri.Scheme, "://", uri.Host, uri.Target);
}
