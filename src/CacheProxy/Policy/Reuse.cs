using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Storage;

namespace CacheProxy.Policy;

/// <summary>What to do with a request for which a response is stored (RFC 9111 section 4; RFC 5861).</summary>
internal static class Reuse
{
    /// <param name="request">The request.</param>
    /// <param name="stored">What is stored and selected by Vary.</param>
    /// <param name="mark">The strongest invalidation that came after it.</param>
    /// <param name="isTrusted">Whether this node would know of an invalidation.</param>
    /// <param name="now">The time.</param>
    /// <param name="policy">The route's.</param>
    public static ReuseDecision Decide(in RequestHead request, StoredResponse stored, MarkStrength mark, bool isTrusted, DateTimeOffset now, CachePolicy policy)
    {
        var age = stored.AgeAt(now);
        var (verb, reason) = Decide(request, stored, mark, isTrusted, age, policy);
        // Section 5.2.1.7.
        if (verb is ReuseVerb.Validate or ReuseVerb.Forward && request.CacheControl.OnlyIfCached)
            verb = ReuseVerb.GatewayTimeout;
        return new ReuseDecision(verb, reason, age);
    }

    /// <summary>What to do when nothing that matches is stored: forward, or 504 for only-if-cached.</summary>
    public static ReuseDecision DecideMiss(in RequestHead request)
    {
        var verb = request.CacheControl.OnlyIfCached ? ReuseVerb.GatewayTimeout : ReuseVerb.Forward;
        return new ReuseDecision(verb, ReuseReason.Miss, TimeSpan.Zero);
    }

    /// <summary>Whether a stale response may stand in for an error of the origin (RFC 5861 section 4).</summary>
    /// <remarks>
    /// It does not know the request: to be asked only where the decision was to go forward as <see cref="ReuseReason.Stale"/>.
    /// </remarks>
    public static bool MayServeOnError(StoredResponse stored, DateTimeOffset now, CachePolicy policy, bool isUnhealthy = false)
    {
        var age = stored.AgeAt(now);
        if (age > policy.MaxAge || stored.Facts.CacheControl.NoCache)
            return false;
        var staleness = age - stored.FreshnessLifetime;
        return staleness < TimeSpan.Zero || staleness < Freshness.StaleIfError(stored.Facts.CacheControl, policy, isUnhealthy);
    }

    private static (ReuseVerb Verb, ReuseReason Reason) Decide(
        in RequestHead request, StoredResponse stored, MarkStrength mark, bool isTrusted, TimeSpan age, CachePolicy policy)
    {
        ref readonly var head = ref stored.Facts;
        ref readonly var directives = ref head.CacheControl;
        if (mark == MarkStrength.Hard)
            return (ReuseVerb.Forward, ReuseReason.Miss);

        // RFC 9111 section 3.5. It was only stored with leave, which a 304 to another may have taken back.
        if (stored.RequestWasAuthorized && !Storability.AllowsAuthorized(directives))
            return (ReuseVerb.Forward, ReuseReason.Miss);

        // Section 4.4. Only an entity tag tells two states of one second apart, and nothing that is not confirmed stands in for an error.
        if (mark == MarkStrength.Invalid)
            return (head.HasEntityTag ? ReuseVerb.Validate : ReuseVerb.Forward, ReuseReason.Invalidated);

        // It may have been purged without a word to this node. What is purged is not served again, though it be unchanged: a 304 is of no use.
        if (!isTrusted)
            return (ReuseVerb.Forward, ReuseReason.OutOfTouch);

        // Section 4, fifth clause.
        if (directives.NoCache)
            return Ask(head, ReuseReason.NoCache);

        // A request that could not have taken the proxy's own lifetime does not profit from it either: its answer may be its own.
        if (!Freshness.HasExplicitLifetime(head) && !StoreLifetime.AllowsUnspoken(request, directives, policy))
            return (ReuseVerb.Forward, ReuseReason.Request);

        // Sixth clause: fresh, allowed to be stale, or validated. Older than the route's bound is neither of the first two.
        if (age > policy.MaxAge)
            return Ask(head, ReuseReason.Stale);
        var staleness = age - stored.FreshnessLifetime;
        if (mark == MarkStrength.Soft && staleness < TimeSpan.Zero)
            staleness = TimeSpan.Zero;
        if (policy.HonorRequestDirectives && RequestForbids(request, age, staleness))
            return Ask(head, ReuseReason.Request);
        if (staleness < TimeSpan.Zero)
            return (ReuseVerb.Serve, ReuseReason.Fresh);
        if (policy.HonorRequestDirectives && MayBeStaleFor(request.CacheControl, directives, staleness))
            return (ReuseVerb.Serve, ReuseReason.MaxStale);
        var refusesStale = policy.HonorRequestDirectives && RefusesStale(request.CacheControl);
        if (!refusesStale && staleness < Freshness.StaleWhileRevalidate(directives))
            return (ReuseVerb.ServeStale, ReuseReason.StaleWhileRevalidate);
        return Ask(head, ReuseReason.Stale);
    }

    private static (ReuseVerb Verb, ReuseReason Reason) Ask(in HeadFacts head, ReuseReason reason) =>
        (Validation.HasValidator(head) ? ReuseVerb.Validate : ReuseVerb.Forward, reason);

    /// <summary>The request's no-cache, max-age and min-fresh (sections 5.2.1.1, 5.2.1.3, 5.2.1.4).</summary>
    private static bool RequestForbids(in RequestHead request, TimeSpan age, TimeSpan staleness)
    {
        var directives = request.CacheControl;
        return directives.NoCache || request.IsPragmaNoCache
            || age > directives.MaxAge
            || (staleness < TimeSpan.Zero && -staleness < directives.MinFresh);
    }

    /// <summary>The request's max-stale (section 5.2.1.2), where the response may be stale at all; s-maxage forbids it here.</summary>
    private static bool MayBeStaleFor(in CacheControl request, in CacheControl response, TimeSpan staleness) =>
        staleness <= request.MaxStale && Freshness.MayBeStale(response) && response.SharedMaxAge is null;

    /// <summary>
    /// max-age without max-stale, and min-fresh: "does not wish to receive a stale response" (sections 5.2.1.1, 5.2.1.3).
    /// </summary>
    private static bool RefusesStale(in CacheControl request) =>
        request.MinFresh is not null || (request.MaxAge is not null && request.MaxStale is null);
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

    /// <summary>An invalidation asks for validation.</summary>
    Invalidated,

    /// <summary>The node could not know of an invalidation.</summary>
    OutOfTouch,

    /// <summary>The response's no-cache.</summary>
    NoCache,

    /// <summary>The request's directives, or its credentials where the lifetime is the proxy's own.</summary>
    Request,

    /// <summary>Nothing that matches is stored.</summary>
    Miss,
}

/// <param name="Verb">What to do.</param>
/// <param name="Reason">Why.</param>
/// <param name="Age">The stored response's current age.</param>
internal readonly record struct ReuseDecision(ReuseVerb Verb, ReuseReason Reason, TimeSpan Age);
