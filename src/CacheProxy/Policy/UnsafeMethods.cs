using CacheProxy.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Policy;

/// <summary>What a request with an unsafe method invalidates (RFC 9111 section 4.4).</summary>
internal static class UnsafeMethods
{
    /// <summary>Whether the method may change state: everything but GET, HEAD, OPTIONS, TRACE (RFC 9110 section 9.2.1) and CONNECT.</summary>
    public static bool IsUnsafe(string method) => throw new NotSupportedException();

    /// <summary>Whether the answer says that the method did its work: 2xx or 3xx.</summary>
    public static bool Invalidates(int statusCode) => throw new NotSupportedException();

    /// <summary>
    /// The path and query that a Location or Content-Location names if it is of the same origin as the target URI, as it would stand in a
    /// request line; <c>null</c> otherwise (other origin, unreadable, empty).
    /// </summary>
    /// <param name="reference">The field's value, a URI reference, resolved against the target URI.</param>
    /// <param name="scheme">Scheme of the target URI, lower case.</param>
    /// <param name="host">Host, with port unless it is the scheme's own, lower case.</param>
    /// <param name="target">Path and query of the target URI.</param>
    public static string? SameOriginTarget(StringValues reference, string scheme, string host, string target) =>
        throw new NotSupportedException();
}
