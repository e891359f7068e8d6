using CacheProxy.Http;
using CacheProxy.Storage;

namespace CacheProxy.Policy;

/// <summary>What to do with a request for which a response is stored (RFC 9111 section 4; RFC 5861).</summary>
internal static class Reuse
{
    public static ReuseDecision Decide(in RequestHead request, StoredResponse stored, DateTimeOffset now, CachePolicy policy) =>
        throw new NotSupportedException();

    /// <summary>Whether a stale response may stand in for an error of the origin (RFC 5861 section 4).</summary>
    public static bool MayServeOnError(StoredResponse stored, DateTimeOffset now, CachePolicy policy) => throw new NotSupportedException();
}

internal enum ReuseVerb
{
    /// <summary>Answer from the stored response.</summary>
    Serve,

    /// <summary>Answer from it though stale, and refresh behind (stale-while-revalidate).</summary>
    ServeStale,

    /// <summary>Ask the origin with the stored validators.</summary>
    Validate,

    /// <summary>Go to the origin without them.</summary>
    Forward,

    /// <summary>only-if-cached without a usable response: 504.</summary>
    GatewayTimeout,
}

internal enum ReuseReason
{
    Fresh,
    StaleWhileRevalidate,

    /// <summary>The request's max-stale allowed it.</summary>
    MaxStale,
    Stale,

    /// <summary>The response's no-cache.</summary>
    NoCache,

    /// <summary>The request's directives.</summary>
    Request,

    /// <summary>Nothing that matches is stored.</summary>
    Miss,
}

/// <param name="Verb">What to do.</param>
/// <param name="Reason">Why.</param>
/// <param name="Age">The stored response's current age.</param>
internal readonly record struct ReuseDecision(ReuseVerb Verb, ReuseReason Reason, TimeSpan Age);
