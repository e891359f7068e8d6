using CacheProxy.Http;
using CacheProxy.Policy;

namespace CacheProxy.Pipeline;

/// <summary>How one request was answered, and why: the one source of metric, log line, Cache-Status and dashboard.</summary>
/// <param name="Result">What answered.</param>
/// <param name="Forward">Why the request went to the origin; <see cref="ForwardReason.None"/> on a hit.</param>
/// <param name="Stored">Whether the response was stored, if it was fetched.</param>
/// <param name="StoreReason">Why it was stored or not; <c>null</c> when that question did not come up.</param>
/// <param name="Collapsed">Whether the answer came from another request's fetch.</param>
/// <param name="TimeToLive">Freshness left, negative when stale; <c>null</c> when nothing stored was used.</param>
internal readonly record struct Outcome(
    CacheResult Result,
    ForwardReason Forward = ForwardReason.None,
    bool Stored = false,
    StoreReason? StoreReason = null,
    bool Collapsed = false,
    TimeSpan? TimeToLive = null);

/// <summary>What answered a request.</summary>
internal enum CacheResult
{
    /// <summary>A fresh stored response.</summary>
    Hit,

    /// <summary>A fresh stored response that another node has fetched, from the store that all nodes share.</summary>
    Remote,

    /// <summary>A stale stored response: while revalidating, or in place of an error.</summary>
    Stale,

    /// <summary>A stored response that the origin has just confirmed.</summary>
    Revalidated,

    /// <summary>The origin; the cache took part.</summary>
    Miss,

    /// <summary>The origin; the cache took no part.</summary>
    Pass,

    /// <summary>The cache itself refused (400, 405) or had nothing to give (only-if-cached: 504).</summary>
    Refused,
}
