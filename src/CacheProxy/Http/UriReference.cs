namespace CacheProxy.Http;

/// <summary>
/// A URI reference in its parts (RFC 3986 section 4.1), their text untouched. <c>null</c> stands for a part that is not there.
/// </summary>
internal sealed record UriReference(string? Scheme, string? Authority, string Path, string? Query)
{
    /// <summary>
    /// The parts without the fragment; <c>null</c> for an empty reference and for characters that no request line may have.
    /// </summary>
    public static UriReference? Parse(string? text)
    {
        var rest = text.AsSpan().Trim(FieldList.Whitespace);
        if (rest.IsEmpty || rest.ContainsAnyExceptInRange('!', '~') || rest.Contains('\\'))
            return null;

        if (rest.IndexOf('#') is >= 0 and var hash)
            rest = rest[..hash];
        string? scheme = null, authority = null, query = null;
        if (rest.IndexOf('?') is >= 0 and var mark)
        {
            query = rest[(mark + 1)..].ToString();
            rest = rest[..mark];
        }
        if (rest.IndexOfAny(':', '/') is >= 0 and var colon && rest[colon] == ':')
        {
            scheme = rest[..colon].ToString();
            rest = rest[(colon + 1)..];
        }
        if (rest.StartsWith("//", StringComparison.Ordinal))
        {
            rest = rest[2..];
            var end = rest.IndexOf('/') is >= 0 and var slash ? slash : rest.Length;
            authority = rest[..end].ToString();
            rest = rest[end..];
        }
        return new UriReference(scheme, authority, rest.ToString(), query);
    }

    /// <summary>Section 5.2.2 for one origin: the path and query, or <c>null</c> when the reference leads to another.</summary>
    public string? SameOriginTarget(string scheme, string host, string target)
    {
        if (Scheme is not null && (Authority is null || !Scheme.Equals(scheme, StringComparison.OrdinalIgnoreCase)))
            return null;
        if (Authority is not null)
            return IsSameAuthority(Authority, host, scheme) ? Join(Path.Length == 0 ? "/" : DotSegments.Remove(Path), Query) : null;
        if (!target.StartsWith('/'))
            return null;

        var mark = target.IndexOf('?');
        var basePath = mark < 0 ? target : target[..mark];
        if (Path.Length == 0)
            return Query is null ? target : Join(basePath, Query);
        var path = Path[0] == '/' ? Path : string.Concat(basePath.AsSpan(0, basePath.LastIndexOf('/') + 1), Path);
        return Join(DotSegments.Remove(path), Query);
    }

    private static string Join(string path, string? query) => query is null ? path : $"{path}?{query}";

    /// <summary>User information makes another authority: nobody sends it here in good faith.</summary>
    private static bool IsSameAuthority(ReadOnlySpan<char> authority, ReadOnlySpan<char> host, string scheme) =>
        !authority.IsEmpty
        && WithoutDefaultPort(authority, scheme).Equals(WithoutDefaultPort(host, scheme), StringComparison.OrdinalIgnoreCase);

    private static ReadOnlySpan<char> WithoutDefaultPort(ReadOnlySpan<char> authority, string scheme)
    {
        if (authority.EndsWith(":", StringComparison.Ordinal))
            return authority[..^1];
        var port = scheme.Equals("https", StringComparison.OrdinalIgnoreCase) ? ":443" : ":80";
        return authority.EndsWith(port, StringComparison.Ordinal) ? authority[..^port.Length] : authority;
    }
}
