using CacheProxy.Http;

namespace CacheProxy.Policy;

/// <summary>A client's own conditions and range, evaluated on a stored response (RFC 9110 sections 13 and 14; RFC 9111 section 4.3.2).</summary>
internal static class Preconditions
{
    /// <summary>
    /// The whole, a single satisfiable range, 304 or 416. Conditions come before the range, If-None-Match before
    /// If-Modified-Since; anything unreadable is ignored. Only a 200 has ranges and 304s here.
    /// </summary>
    public static Selection Evaluate(in RequestHead request, ResponseHead stored, long bodyLength) => throw new NotSupportedException();
}

/// <param name="StatusCode">The status code to answer with: the stored one, 206, 304 or 416.</param>
/// <param name="Offset">The first byte of the body to send.</param>
/// <param name="Length">How many bytes of the body to send.</param>
internal readonly record struct Selection(int StatusCode, long Offset, long Length);
