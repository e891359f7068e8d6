namespace CacheProxy.Policy;

/// <summary>What a route's options come down to for the decisions of this room. Immutable.</summary>
internal sealed record CachePolicy
{
    /// <summary>Lifetime of a response that says nothing of its own; zero for none (the origin's words alone).</summary>
    public required TimeSpan DefaultLifetime { get; init; }

    /// <summary>Upper bound of every age that is served, stale or fresh; <c>null</c> for no bound.</summary>
    public required TimeSpan? MaxAge { get; init; }

    /// <summary>Lifetime of 404 and 410 that say nothing of their own; zero: they are not stored without explicit freshness.</summary>
    public TimeSpan NegativeLifetime { get; init; }

    /// <summary>Whether a response with Last-Modified and no explicit lifetime gets a tenth of its age (RFC 9111 section 4.2.2).</summary>
    public required bool HeuristicFreshness { get; init; }

    /// <summary>How long a stale response with a validator is kept to be validated.</summary>
    public required TimeSpan Keep { get; init; }

    /// <summary>
    /// How long a stale response without stale-if-error of its own may stand in for an error of the origin (RFC 9111 section 4.2.4);
    /// zero for not at all. s-maxage, must-revalidate, proxy-revalidate and no-cache forbid it.
    /// </summary>
    public TimeSpan DefaultStaleIfError { get; init; }

    /// <summary>Whether a lifetime that the origin did not give (default or heuristic) may apply to requests with a Cookie.</summary>
    public bool DefaultLifetimeWithCookie { get; init; }

    /// <summary>Whether a response with Set-Cookie that the origin gives a lifetime may be stored, cookies and all.</summary>
    public bool StoreSetCookie { get; init; }

    /// <summary>Whether no-cache, no-store, max-age, max-stale and min-fresh of a request count. only-if-cached always does.</summary>
    public bool HonorRequestDirectives { get; init; }
}
