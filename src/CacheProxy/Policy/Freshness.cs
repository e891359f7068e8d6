using CacheProxy.Http;

namespace CacheProxy.Policy;

/// <summary>Age and freshness lifetime (RFC 9111 section 4.2).</summary>
internal static class Freshness
{
    private static readonly TimeSpan Maximum = TimeSpan.FromSeconds(DeltaSeconds.Maximum);

    /// <summary>Guesses end here, however old Last-Modified is.</summary>
    public static readonly TimeSpan MaxHeuristicLifetime = TimeSpan.FromDays(1);

    /// <summary>corrected_initial_age: the larger of apparent_age and corrected_age_value (section 4.2.3).</summary>
    /// <param name="response">The response's head.</param>
    /// <param name="receivedAt">The wall clock at receipt, to compare with Date.</param>
    /// <param name="responseDelay">The time from sending the request to receiving the head.</param>
    public static TimeSpan InitialAge(ResponseHead response, DateTimeOffset receivedAt, TimeSpan responseDelay)
    {
        // Date has whole seconds: a response made and received within one second has no apparent age.
        var received = receivedAt.UtcTicks - (receivedAt.UtcTicks % TimeSpan.TicksPerSecond);
        var apparentAge = response.Date is { } date ? TimeSpan.FromTicks(received - date.UtcTicks) : TimeSpan.Zero;
        var correctedAge = response.Age + Bound(responseDelay);
        return Bound(apparentAge > correctedAge ? apparentAge : correctedAge);
    }

    /// <summary>
    /// The lifetime that the origin gives, for a shared cache (section 4.2.1): s-maxage, max-age, Expires less Date; zero when it is there
    /// and unreadable; <c>null</c> when there is none.
    /// </summary>
    public static TimeSpan? ExplicitLifetime(ResponseHead response)
    {
        ref readonly var directives = ref response.CacheControl;
        if (directives.SharedMaxAge is { } sharedMaxAge)
            return sharedMaxAge;
        if (directives.MaxAge is { } maxAge)
            return maxAge;
        if (!response.HasExpires)
            return null;
        // Section 5.3: what cannot be read, "0" above all, has expired.
        if (response.Expires is not { } expires)
            return TimeSpan.Zero;
        return Bound(expires - (response.Date ?? response.ReceivedAt));
    }

    /// <summary>Whether the origin gives a lifetime, readable or not.</summary>
    public static bool HasExplicitLifetime(in HeadFacts response)
    {
        ref readonly var directives = ref response.CacheControl;
        return directives.SharedMaxAge is not null || directives.MaxAge is not null || response.HasExpires;
    }

    /// <summary>A tenth of the time since Last-Modified (section 4.2.2), at most a day; zero when there is nothing to go by.</summary>
    public static TimeSpan HeuristicLifetime(ResponseHead response)
    {
        if (response.LastModified is not { } lastModified)
            return TimeSpan.Zero;
        var lifetime = Bound((response.Date ?? response.ReceivedAt) - lastModified) / 10;
        return lifetime < MaxHeuristicLifetime ? lifetime : MaxHeuristicLifetime;
    }

    /// <summary>Whether the response may be served stale at all (section 4.2.4; s-maxage: see <see cref="StaleIfError"/>).</summary>
    public static bool MayBeStale(in CacheControl directives) =>
        directives is { NoCache: false, MustRevalidate: false, ProxyRevalidate: false };

    /// <summary>How long after its lifetime it may be served while it is refreshed (RFC 5861 section 3); zero for not at all.</summary>
    /// <remarks>
    /// s-maxage implies proxy-revalidate (RFC 9111 section 5.2.2.10). An origin that writes stale-while-revalidate or stale-if-error next
    /// to it says what it means, so these directives override s-maxage; they never override must-revalidate, proxy-revalidate, no-cache.
    /// </remarks>
    public static TimeSpan StaleWhileRevalidate(in CacheControl directives) =>
        MayBeStale(directives) ? directives.StaleWhileRevalidate ?? TimeSpan.Zero : TimeSpan.Zero;

    /// <summary>How long after its lifetime it may stand in for an error (RFC 5861 section 4); zero for not at all.</summary>
    /// <param name="directives">The stored response's.</param>
    /// <param name="policy">The route's.</param>
    /// <param name="isUnhealthy">No server of the origin is known to work: then for as long as what is stale is kept, where the route stands in at all.</param>
    public static TimeSpan StaleIfError(in CacheControl directives, CachePolicy policy, bool isUnhealthy = false)
    {
        if (!MayBeStale(directives))
            return TimeSpan.Zero;
        if (directives.StaleIfError is { } window)
            return window;
        if (directives.SharedMaxAge is not null || policy.DefaultStaleIfError <= TimeSpan.Zero)
            return TimeSpan.Zero;
        return Bound(isUnhealthy && policy.Keep > policy.DefaultStaleIfError ? policy.Keep : policy.DefaultStaleIfError);
    }

    /// <summary>The time between zero and 2^31 seconds (section 1.2.2), so that sums do not overflow.</summary>
    public static TimeSpan Bound(TimeSpan time) => time <= TimeSpan.Zero ? TimeSpan.Zero : time < Maximum ? time : Maximum;
}
