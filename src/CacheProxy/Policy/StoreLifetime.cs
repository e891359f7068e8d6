using CacheProxy.Http;
using Microsoft.Net.Http.Headers;

namespace CacheProxy.Policy;

/// <summary>Where a lifetime comes from, last clause of RFC 9111 section 3: the origin, the route's default, or a guess.</summary>
/// <param name="IsKnown">Whether there is one, be it zero.</param>
/// <param name="Reason">Its source, or why there is none.</param>
/// <param name="Value">Not yet bounded by the policy.</param>
internal readonly record struct StoreLifetime(bool IsKnown, StoreReason Reason, TimeSpan Value)
{
    public static StoreLifetime Of(in RequestHead request, ResponseHead response, CachePolicy policy)
    {
        ref readonly var directives = ref response.CacheControl;
        var isHeuristic = Statuses.IsHeuristicallyCacheable(response.StatusCode) || directives.Public;

        if (Freshness.ExplicitLifetime(response) is { } lifetime)
            return new StoreLifetime(true, StoreReason.ExplicitLifetime, directives.NoCache ? TimeSpan.Zero : lifetime);
        // no-cache gives leave to store as much as any lifetime does, where the status may be stored without one.
        if (directives.NoCache)
            return isHeuristic ? new StoreLifetime(true, StoreReason.ForValidation, TimeSpan.Zero) : None(StoreReason.Status);

        if (IsEndless(response))
            return None(StoreReason.NoLifetime);
        if (Default(response, policy) is { } byDefault && byDefault > TimeSpan.Zero)
            return Unless(request, policy, new StoreLifetime(true, StoreReason.DefaultLifetime, byDefault));
        if (!isHeuristic)
            return None(StoreReason.Status);
        if (policy.HeuristicFreshness && Freshness.HeuristicLifetime(response) is var heuristic && heuristic > TimeSpan.Zero)
            return Unless(request, policy, new StoreLifetime(true, StoreReason.HeuristicLifetime, heuristic));
        return None(StoreReason.NoLifetime);
    }

    /// <summary>
    /// Media types of streams that have no end: each client is to have its own from where it comes in, not another's from the beginning.
    /// Only an origin that gives such a stream a lifetime can mean something else.
    /// </summary>
    private static bool IsEndless(ResponseHead response)
    {
        var contentType = response[HeaderNames.ContentType];
        var type = contentType.Count > 0 ? contentType[0].AsSpan() : default;
        var end = type.IndexOf(';');
        type = (end < 0 ? type : type[..end]).Trim(FieldList.Whitespace);
        return type.Equals("text/event-stream", StringComparison.OrdinalIgnoreCase)
            || type.Equals("multipart/x-mixed-replace", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>
    /// Whether the request may have a lifetime that the origin did not give: here the proxy answers for what is shared, so what may be
    /// meant for one user is not.
    /// </summary>
    public static bool AllowsUnspoken(in RequestHead request, in CacheControl response, CachePolicy policy) =>
        (!request.HasAuthorization || Storability.AllowsAuthorized(response)) && (!request.HasCookie || policy.DefaultLifetimeWithCookie);

    /// <summary>
    /// The route's lifetime for responses that say nothing: no Cache-Control, Expires or Pragma, not even an unreadable one.
    /// </summary>
    private static TimeSpan? Default(ResponseHead response, CachePolicy policy)
    {
        if (response.CacheControl.IsPresent || response.HasExpires || response.HasPragma)
            return null;
        if (Statuses.MayHaveDefaultLifetime(response.StatusCode))
            return policy.DefaultLifetime;
        return Statuses.IsNegative(response.StatusCode) ? policy.NegativeLifetime : null;
    }

    private static StoreLifetime Unless(in RequestHead request, CachePolicy policy, StoreLifetime lifetime)
    {
        // Authorization has had its say in Storability.
        return request.HasCookie && !policy.DefaultLifetimeWithCookie ? None(StoreReason.Cookie) : lifetime;
    }

    private static StoreLifetime None(StoreReason reason) => new(false, reason, TimeSpan.Zero);
}
