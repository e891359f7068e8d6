namespace CacheProxy.Policy;

/// <summary>What a status code means to a cache (RFC 9111 section 3; RFC 9110 section 15).</summary>
internal static class Statuses
{
    /// <summary>
    /// Never kept whatever the response says: not final, a part (206, 226), an answer to a client's own condition or range (304, 412, 416),
    /// between two hops (407), forbidden by RFC 6585 (428, 429, 431, 511), or not of HTTP.
    /// </summary>
    public static bool IsNeverStored(int status) =>
        status is < 200 or 206 or 226 or 304 or 407 or 412 or 416 or 428 or 429 or 431 or 511 or > 599;

    /// <summary>RFC 9110 section 15.1, without 206: may be kept when nothing says for how long.</summary>
    public static bool IsHeuristicallyCacheable(int status) =>
        status is 200 or 203 or 204 or 300 or 301 or 308 or 404 or 405 or 410 or 414 or 501;

    /// <summary>
    /// Codes of RFC 9110, whose rules for caches are observed here: what must-understand means (RFC 9111 section 5.2.2.3).
    /// </summary>
    public static bool IsUnderstood(int status) =>
        status is (>= 200 and <= 205) or (>= 300 and <= 303) or 305 or 307 or 308 or (>= 400 and <= 417) or 421 or 422 or 426
            or (>= 500 and <= 505);

    /// <summary>May take the route's default lifetime: complete answers and lasting redirects.</summary>
    public static bool MayHaveDefaultLifetime(int status) => status is 200 or 203 or 301 or 308;

    /// <summary>May take the route's negative lifetime.</summary>
    public static bool IsNegative(int status) => status is 404 or 410;
}
