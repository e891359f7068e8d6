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
    public const string FieldName = "CacheProxy-Seq";
    public const string CookieName = "cacheproxy-seq";

    /// <summary>Reads the request's token, and takes the cookie out of the request: it is ours, and would keep the origin's answer from being shared.</summary>
    public static Need Take(HttpRequest request, ReadYourWrites kind)
    {
        if (kind == ReadYourWrites.Field)
            return request.Headers[FieldName] is [{ } field] ? Need.Parse(field) : default;
        if (kind != ReadYourWrites.Cookie || request.Headers.Cookie.Count == 0)
            return default;
        var need = default(Need);
        var others = new List<string>();
        foreach (var line in request.Headers.Cookie)
        {
            foreach (var pair in (line ?? "").Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                if (pair.StartsWith(CookieName + "=", StringComparison.Ordinal))
                    need = Need.Parse(pair.AsSpan(CookieName.Length + 1));
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
    /// <param name="staleness">How long any node may lag behind.</param>
    public static void Give(HttpContext context, ReadYourWrites kind, Position? position, TimeSpan staleness)
    {
        var token = position?.ToString() ?? Need.PendingText;
        if (kind == ReadYourWrites.Field)
            context.Response.Headers[FieldName] = token;
        if (kind != ReadYourWrites.Cookie)
            return;
        context.Response.Cookies.Append(CookieName, token, new CookieOptions
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
