using CacheProxy.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Policy;

/// <summary>What a request with an unsafe method invalidates (RFC 9111 section 4.4).</summary>
internal static class UnsafeMethods
{
    /// <summary>
    /// Whether the method may change state: everything but GET, HEAD, OPTIONS, TRACE (RFC 9110 section 9.2.1), the other methods that are
    /// registered as safe, and CONNECT. Names count letter for letter.
    /// </summary>
    public static bool IsUnsafe(string method) =>
        method is not ("GET" or "HEAD" or "OPTIONS" or "TRACE" or "PROPFIND" or "REPORT" or "SEARCH" or "QUERY" or "CONNECT");

    /// <summary>Whether the answer says that the method did its work: 2xx or 3xx.</summary>
    public static bool Invalidates(int statusCode) => statusCode is >= 200 and < 400;

    /// <summary>
    /// The path and query that a Location or Content-Location names if it is of the same origin as the target URI, as it would stand in a
    /// request line; <c>null</c> otherwise (other origin, unreadable, empty).
    /// </summary>
    /// <param name="reference">The field's value, a URI reference, resolved against the target URI.</param>
    /// <param name="scheme">Scheme of the target URI, lower case.</param>
    /// <param name="host">Host, with port unless it is the scheme's own, lower case.</param>
    /// <param name="target">Path and query of the target URI.</param>
    public static string? SameOriginTarget(StringValues reference, string scheme, string host, string target) =>
        reference.Count == 1 && UriReference.Parse(reference[0]) is { } parsed ? parsed.SameOriginTarget(scheme, host, target) : null;
}
