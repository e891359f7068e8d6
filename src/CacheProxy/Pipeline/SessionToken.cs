using CacheProxy.Coherence;
using CacheProxy.Invalidation;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Pipeline;

/// <summary>
/// What a client takes from a write to its next reads, so that it sees what it has written on whatever node it comes to: a field for programs, a
/// cookie for browsers.
/// </summary>
internal static class SessionToken
{
    private const string CookieName = "cacheproxy-seq";

    /// <summary>A cookie of its own, for it lives longer than a place: a later write has its place, and the earlier one still none.</summary>
    private const string PendingCookieName = "cacheproxy-pending";

    /// <summary>Reads the request's token, and takes the cookies out of the request: they are ours, and would keep the origin's answer from being shared.</summary>
    public static Need Take(HttpRequest request, ReadYourWrites kind)
    {
        if (kind == ReadYourWrites.Field)
            return request.Headers[SequenceFields.Written] is [{ } field] ? Need.Parse(field) : default;
        if (kind != ReadYourWrites.Cookie || request.Headers.Cookie.Count == 0)
            return default;
        var need = default(Need);
        var others = new List<string>();
        foreach (var line in request.Headers.Cookie)
        {
            foreach (var pair in (line ?? "").Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                var (name, value) = pair.IndexOf('=', StringComparison.Ordinal) is > 0 and var at ? (pair[..at], pair[(at + 1)..]) : (pair, "");
                if (name == CookieName && Need.Parse(value) is { IsNone: false } place)
                    need = place with { IsPending = need.IsPending || place.IsPending };
                else if (name == PendingCookieName)
                    need = need with { IsPending = true };
                else
                    others.Add(pair);
            }
        }
        if (need.IsNone)
            return default;
        if (others.Count > 0)
            request.Headers.Cookie = string.Join("; ", others);
        else
            request.Headers.Remove("Cookie");
        return need;
    }

    /// <summary>Tells a client the place of its write.</summary>
    /// <param name="context">The client's; its answer has not begun.</param>
    /// <param name="kind">How.</param>
    /// <param name="position">The place; <c>null</c> when the write has none yet.</param>
    /// <param name="brought">What it knew of before: an earlier write that is pending is not covered by the place of a later one.</param>
    /// <param name="staleness">How long any node may lag behind.</param>
    public static void Give(HttpContext context, ReadYourWrites kind, Position? position, in Need brought, TimeSpan staleness)
    {
        var token = position?.ToString() ?? SequenceFields.Pending;
        if (kind == ReadYourWrites.Field)
            context.Response.Headers[SequenceFields.Written] = brought.IsPending ? SequenceFields.Pending : token;
        if (kind != ReadYourWrites.Cookie)
            return;
        context.Response.Cookies.Append(position is null ? PendingCookieName : CookieName, token, new CookieOptions
        {
            HttpOnly = true,
            Path = "/",
            SameSite = SameSiteMode.Lax,
            Secure = context.Request.IsHttps,
            // Twice what any node may lag: then it has caught up or no longer trusts itself. A write without a place takes longer to arrive.
            MaxAge = TimeSpan.FromSeconds(Math.Max(2, Math.Ceiling(2 * staleness.TotalSeconds)) * (position is null ? 30 : 1)),
        });
    }
}
