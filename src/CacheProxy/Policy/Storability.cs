using CacheProxy.Http;
using CacheProxy.Keys;

namespace CacheProxy.Policy;

/// <summary>
/// Whether a response may be stored and shared with others who wait for it, and how long it is fresh (RFC 9111 section 3). Unknown
/// means no.
/// </summary>
internal static class Storability
{
    /// <param name="request">The head of the request that was forwarded (a GET).</param>
    /// <param name="response">The response's head as received, hop-by-hop fields already gone.</param>
    /// <param name="age">Its corrected initial age.</param>
    /// <param name="policy">The route's policy.</param>
    public static StoreDecision Decide(in RequestHead request, ResponseHead response, TimeSpan age, CachePolicy policy)
    {
        if (Refusal(request, response, policy) is { } refusal)
            return No(refusal);

        var lifetime = StoreLifetime.Of(request, response, policy);
        if (!lifetime.IsKnown)
            return No(lifetime.Reason);
        return Keep(lifetime, response, age, policy);
    }

    /// <summary>What forbids storing, whatever the lifetime; <c>null</c> when nothing does.</summary>
    private static StoreReason? Refusal(in RequestHead request, ResponseHead response, CachePolicy policy)
    {
        ref readonly var directives = ref response.CacheControl;

        // RFC 9111 section 3, second and third clause: final, not a part, and understood where it must be.
        if (response.StatusCode == 206)
            return StoreReason.PartialContent;
        if (Statuses.IsNeverStored(response.StatusCode))
            return StoreReason.Status;
        var isUnderstood = Statuses.IsUnderstood(response.StatusCode);
        if (directives.MustUnderstand && !isUnderstood)
            return StoreReason.Status;

        // Fourth clause; section 5.2.2.3: who understands the status ignores the no-store beside must-understand.
        if (directives.NoStore && !directives.MustUnderstand)
            return StoreReason.NoStore;
        if (policy.HonorRequestDirectives && request.CacheControl.NoStore)
            return StoreReason.RequestNoStore;

        // Fifth clause. Without a field that says what the body is or how to store it, the rest is not worth storing.
        if (directives.Private || NamesEssential(directives.PrivateFields) || NamesEssential(directives.NoCacheFields))
            return StoreReason.Private;

        // Sixth clause; section 3.5.
        if (request.HasAuthorization && !AllowsAuthorized(directives))
            return StoreReason.Authorization;

        // Section 7.3: nobody gets another's cookies, not even those that the origin lets be stored; unless the operator knows them. Set-Cookie2,
        // which RFC 6265 has made historic, is a field like others to an origin that gives a lifetime.
        if (response.SetsCookies && !(Freshness.HasExplicitLifetime(response.Facts) && (policy.StoreSetCookie || !response.HasSetCookie)))
            return StoreReason.SetCookie;

        // Section 4.1: it would match no request.
        return Vary.Fields(response.Vary) is null ? StoreReason.VaryStar : null;
    }

    /// <summary>
    /// Whether an error may go to those who wait for the same fetch, so that a failing origin does not get them all: they have no credentials,
    /// and the origin does not say that it is meant for one of them. It is never stored.
    /// </summary>
    public static bool MayShareError(in RequestHead request, ResponseHead response) =>
        response.StatusCode >= 500 && !request.HasCredentials && !response.SetsCookies
        && response.CacheControl is { NoStore: false, Private: false, PrivateFields: null };

    /// <summary>Whether a response to a request with Authorization may answer others (section 3.5).</summary>
    public static bool AllowsAuthorized(in CacheControl directives) =>
        directives.Public || directives.MustRevalidate || directives.SharedMaxAge is not null;

    private static bool NamesEssential(IReadOnlyList<string>? fields)
    {
        for (var i = 0; i < fields?.Count; i++)
            if (HopByHop.IsEndToEnd(fields[i]) && !fields[i].StartsWith("Set-Cookie", StringComparison.OrdinalIgnoreCase))
                return true;
        return false;
    }

    /// <summary>Bounds the lifetime, and keeps the response as long as it can be of use.</summary>
    private static StoreDecision Keep(StoreLifetime given, ResponseHead response, TimeSpan age, CachePolicy policy)
    {
        ref readonly var directives = ref response.CacheControl;
        var lifetime = Freshness.Bound(policy.MaxAge < given.Value ? policy.MaxAge.Value : given.Value);
        var remaining = Freshness.Bound(lifetime - age);

        var whileStale = Longer(Freshness.StaleWhileRevalidate(directives), Freshness.StaleIfError(directives, policy));
        var forValidation = Validation.HasValidator(response.Facts) ? Freshness.Bound(policy.Keep) : TimeSpan.Zero;
        var retention = Longer(remaining + forValidation, lifetime - age + whileStale);
        if (policy.MaxAge is { } maxAge && maxAge - age < retention)
            retention = maxAge - age;

        if (retention <= TimeSpan.Zero)
            return No(StoreReason.Expired);
        return new StoreDecision(true, remaining > TimeSpan.Zero ? given.Reason : StoreReason.ForValidation, lifetime, retention);
    }

    private static StoreDecision No(StoreReason reason) => new(false, reason, TimeSpan.Zero, TimeSpan.Zero);

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;
}

/// <summary>Why a response is stored or not.</summary>
internal enum StoreReason
{
    /// <summary>Stored: max-age, s-maxage or Expires.</summary>
    ExplicitLifetime,

    /// <summary>Stored: the route's default or negative lifetime.</summary>
    DefaultLifetime,

    /// <summary>Stored: a fraction of its age since Last-Modified.</summary>
    HeuristicLifetime,

    /// <summary>Stored though not fresh, to be validated, or served stale where the origin allows it.</summary>
    ForValidation,
    NoStore,
    RequestNoStore,

    /// <summary>Private as a whole, or a field is private without which the rest cannot be stored.</summary>
    Private,
    Authorization,
    SetCookie,
    VaryStar,
    Status,
    PartialContent,

    /// <summary>Nothing says how long it may live.</summary>
    NoLifetime,

    /// <summary>A lifetime that the origin did not give does not apply to a request with a Cookie.</summary>
    Cookie,

    /// <summary>Neither fresh nor of use when stale.</summary>
    Expired,
    TooLarge,

    /// <summary>Only the end of its connection ends it.</summary>
    Incomplete,

    /// <summary>In more groups than are remembered: an invalidation might not find it.</summary>
    TooManyGroups,

    /// <summary>The path's responses had another No-Vary-Search before, or one at all: the key is not this one's.</summary>
    SearchRule,

    /// <summary>A part that does not say clearly which bytes it has, or has others than were asked for.</summary>
    ContentRange,

    /// <summary>A part without a strong entity tag: nothing says what it may be put together with.</summary>
    NoValidator,

    /// <summary>Asked for a part of what is stored, the origin has another by now.</summary>
    Changed,

    /// <summary>It broke off.</summary>
    Cut,

    /// <summary>An invalidation or a later response came before it was whole, or it is larger than the store.</summary>
    Overtaken,
}

/// <param name="Store">May be stored, and handed to those who wait (each is checked for itself as well).</param>
/// <param name="Reason">Why.</param>
/// <param name="FreshnessLifetime">freshness_lifetime, bounded by the policy; zero: to be validated at each use.</param>
/// <param name="Retention">How long from now it is worth keeping, stale windows and validation included.</param>
internal readonly record struct StoreDecision(bool Store, StoreReason Reason, TimeSpan FreshnessLifetime, TimeSpan Retention);
