using CacheProxy.Http;

namespace CacheProxy.Policy;

/// <summary>
/// Whether a response may be stored and shared with others who wait for it, and how long it is fresh (RFC 9111 section 3). Unknown means no.
/// </summary>
internal static class Storability
{
    /// <param name="request">The head of the request that was forwarded (a GET).</param>
    /// <param name="response">The response's head as received, hop-by-hop fields already gone.</param>
    /// <param name="age">Its corrected initial age.</param>
    /// <param name="policy">The route's policy.</param>
    public static StoreDecision Decide(in RequestHead request, ResponseHead response, TimeSpan age, CachePolicy policy) =>
        throw new NotSupportedException();
}

/// <summary>Why a response is stored or not.</summary>
internal enum StoreReason
{
    /// <summary>Stored: max-age, s-maxage or Expires.</summary>
    ExplicitLifetime,

    /// <summary>Stored: the route's default lifetime.</summary>
    DefaultLifetime,

    /// <summary>Stored: a fraction of its age since Last-Modified.</summary>
    HeuristicLifetime,

    /// <summary>Stored though never fresh, to be validated.</summary>
    ForValidation,
    NoStore,
    RequestNoStore,
    Private,
    Authorization,
    SetCookie,
    VaryStar,
    Status,
    PartialContent,
    NoLifetime,
    Cookie,
    Expired,
    TooLarge,
    Fenced,
    Incomplete,
}

/// <param name="Store">May be stored, and handed to those who wait (each is checked for itself as well).</param>
/// <param name="Reason">Why.</param>
/// <param name="FreshnessLifetime">freshness_lifetime, bounded by the policy; zero: to be validated at each use.</param>
/// <param name="Retention">How long from now it is worth keeping, stale windows and validation included.</param>
internal readonly record struct StoreDecision(bool Store, StoreReason Reason, TimeSpan FreshnessLifetime, TimeSpan Retention);
