using System.Buffers;

namespace CacheProxy.Keys;

/// <summary>
/// The target URI of a request (RFC 9110 section 7.1) as it is keyed and forwarded: one normal form, made in one place, so that the two
/// cannot differ. Scheme and host are lower case and the scheme's own port is dropped; path and query stay byte for byte.
/// </summary>
internal readonly record struct TargetUri(string Scheme, string Host, string Target)
{
    /// <summary>Of names, addresses and ports.</summary>
    private static readonly SearchValues<char> HostCharacters =
        SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~:[]");

    /// <summary>What else the answer depends on, as part of the key; <c>null</c> for nothing.</summary>
    public string? Qualifier { get; init; }

    /// <summary>
    /// The text of the <see cref="SearchRule"/> that has made the target for the key; the origin gets it as it came. <c>null</c>: none has.
    /// </summary>
    public string? SearchRule { get; init; }

    /// <param name="scheme"><c>http</c> or <c>https</c>, as the client used it with the outermost trusted proxy.</param>
    /// <param name="host">The Host field.</param>
    /// <param name="rawTarget">The request target as it stood in the request line.</param>
    /// <param name="uri">The normal form; defined only when there is no error.</param>
    /// <returns>What is wrong with the request line; the answer to it is 400.</returns>
    public static TargetError Read(string scheme, string host, string rawTarget, out TargetUri uri)
    {
        host = NormalHost(scheme, host);
        uri = new TargetUri(scheme, host, rawTarget);
        if (rawTarget.Length == 0)
            return TargetError.Form;
        if (rawTarget[0] != '/')
        {
            // RFC 9112 section 3.2.2: absolute-form; its authority replaces Host, so only the same one is safe to believe.
            var error = AbsoluteForm(host, rawTarget, out var authorityScheme, out var target);
            if (error != TargetError.None)
                return error;
            if (!scheme.Equals(authorityScheme, StringComparison.OrdinalIgnoreCase))
                return TargetError.Authority;
            uri = uri with { Target = target };
            rawTarget = target;
        }
        // A server may let white space and control characters through; in the request line to the origin they would be its end.
        return rawTarget.AsSpan().ContainsAnyExceptInRange('!', '~') || rawTarget.Contains('#') ? TargetError.Form
            : HasDotSegment(rawTarget) ? TargetError.DotSegment
            : TargetError.None;
    }

    /// <summary>
    /// Reads an absolute URL as clients use it, from a file, a sitemap or an operator: as it is written, with no parser in between that would make
    /// it another.
    /// </summary>
    /// <returns>Whether it is one: http or https, a host without a user, no fragment, no dot segments.</returns>
    public static bool TryReadUrl(string url, out TargetUri uri)
    {
        uri = default;
        var authority = url.IndexOf("://", StringComparison.Ordinal) + 3;
        if (authority < 3 || url[..(authority - 3)].ToLowerInvariant() is not (("http" or "https") and var scheme))
            return false;
        var path = url.IndexOfAny(['/', '?', '#'], authority);
        var host = path < 0 ? url[authority..] : url[authority..path];
        var target = path < 0 ? "/" : url[path] == '/' ? url[path..] : "/" + url[path..];
        return host.Length > 0 && !host.AsSpan().ContainsAnyExcept(HostCharacters) && Read(scheme, host, target, out uri) == TargetError.None;
    }

    private static string NormalHost(string scheme, string host)
    {
        var defaultPort = scheme == "https" ? ":443" : ":80";
        // An IPv6 address ends in a bracket when it has no port, so this suffix is always a port.
        if (host.EndsWith(defaultPort, StringComparison.Ordinal) && (host[0] == '[' || host.IndexOf(':') == host.Length - defaultPort.Length))
            host = host[..^defaultPort.Length];
        return host.ToLowerInvariant(); // the same instance when nothing changes
    }

    private static TargetError AbsoluteForm(string host, string rawTarget, out string scheme, out string target)
    {
        scheme = target = "";
        var schemeEnd = rawTarget.IndexOf("://", StringComparison.Ordinal);
        if (schemeEnd <= 0)
            return TargetError.Form;
        scheme = rawTarget[..schemeEnd];
        var authority = rawTarget.AsSpan(schemeEnd + 3);
        var end = authority.IndexOfAny('/', '?', '#');
        target = end < 0 ? "/" : authority[end] == '/' ? authority[end..].ToString() : string.Concat("/", authority[end..]);
        if (end >= 0)
            authority = authority[..end];
        return authority.Length > 0 && NormalHost(scheme.ToLowerInvariant(), authority.ToString()) == host
            ? TargetError.None
            : TargetError.Authority;
    }

    /// <summary>
    /// Whether the path has a segment <c>.</c> or <c>..</c>, plain or percent-encoded. Routing and authorization see the path with such
    /// segments resolved, the origin would resolve them once more below the destination's own prefix: two readings of one target.
    /// </summary>
    private static bool HasDotSegment(string target)
    {
        // Nearly every target is decided by this vectorised search.
        if (!target.AsSpan().ContainsAny('.', '%'))
            return false;
        var path = target.AsSpan();
        var query = path.IndexOf('?');
        if (query >= 0)
            path = path[..query];
        foreach (var range in path.Split('/'))
            if (IsDots(path[range]))
                return true;
        return false;
    }

    private static bool IsDots(ReadOnlySpan<char> segment)
    {
        var dots = 0;
        while (segment.Length > 0)
        {
            if (segment[0] == '.')
                segment = segment[1..];
            else if (segment.StartsWith("%2e", StringComparison.OrdinalIgnoreCase))
                segment = segment[3..];
            else
                return false;
            dots++;
        }
        return dots is 1 or 2;
    }
}

/// <summary>Why a request target is refused.</summary>
internal enum TargetError
{
    None,

    /// <summary>Neither origin-form nor absolute-form, with a fragment, or with a character that no URI has.</summary>
    Form,

    /// <summary>absolute-form with another authority or scheme than the request's own.</summary>
    Authority,

    /// <summary>A segment <c>.</c> or <c>..</c> in the path.</summary>
    DotSegment,
}
