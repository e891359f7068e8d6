using System.Text;

namespace CacheProxy.Keys;

/// <summary>
/// The cache key: the target URI as text, <c>scheme://host/path?query</c>. A host has no slash and a target begins with one, so the
/// parts cannot run into each other. All stored responses answer GET and HEAD, so these methods are not part of it; what an answer
/// depends on besides (<see cref="TargetUri.Qualifier"/>) stands behind a blank, which no target has.
/// </summary>
internal static class CacheKey
{
    /// <summary>Keys up to this many characters are looked up from the stack, without a string.</summary>
    public const int StackLength = 512;

    public static int Length(in TargetUri uri) =>
        uri.Scheme.Length + 3 + uri.Host.Length + uri.Target.Length + (uri.Qualifier is { } qualifier ? 1 + qualifier.Length : 0);

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
        position += uri.Target.Length;
        if (uri.Qualifier is { } qualifier)
        {
            buffer[position++] = ' ';
            qualifier.CopyTo(buffer[position..]);
            position += qualifier.Length;
        }
        return buffer[..position];
    }

    /// <summary>Writes the key of parts in ASCII that are in normal form already.</summary>
    /// <returns>Whether the buffer was long enough.</returns>
    public static bool TryWrite(string scheme, ReadOnlySpan<byte> host, ReadOnlySpan<byte> target, Span<char> buffer, out int length)
    {
        length = scheme.Length + 3 + host.Length + target.Length;
        if (length > buffer.Length)
            return false;
        scheme.CopyTo(buffer);
        "://".CopyTo(buffer[scheme.Length..]);
        Ascii.ToUtf16(host, buffer[(scheme.Length + 3)..], out _);
        Ascii.ToUtf16(target, buffer[(scheme.Length + 3 + host.Length)..], out _);
        return true;
    }

    public static string Text(in TargetUri uri) => uri.Qualifier is null
        ? string.Concat(uri.Scheme, "://", uri.Host, uri.Target)
        : string.Concat($"{uri.Scheme}://{uri.Host}", uri.Target, " ", uri.Qualifier);

    /// <summary>The key of the URI alone: all that is stored for a URI is invalidated together.</summary>
    public static string UriOf(string key) => key.IndexOf(' ') is >= 0 and var end ? key[..end] : key;
}
