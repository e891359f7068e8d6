using CacheProxy.Http;
using CacheProxy.Policy;

namespace CacheProxy.Pipeline;

/// <summary>An outcome as our member of the Cache-Status field (RFC 9211).</summary>
internal static class CacheStatusText
{
    private static readonly CacheStatusWriter Writer = new("CacheProxy");

    /// <param name="outcome">How the request is answered.</param>
    /// <param name="forwardStatus">The status code of the origin's answer, if the request went there.</param>
    /// <param name="key">The cache key, if it is to be told.</param>
    public static string Of(in Outcome outcome, int? forwardStatus, string? key = null)
    {
        if (key is null && outcome is { Result: CacheResult.Hit, TimeToLive: { } timeToLive })
            return Writer.Hit(timeToLive);
        var isHit = outcome.Forward == ForwardReason.None;
        return Writer.Write(new CacheStatus
        {
            IsHit = isHit,
            Forward = outcome.Forward,
            ForwardStatus = isHit ? null : forwardStatus,
            TimeToLive = outcome.TimeToLive,
            IsStored = outcome.Stored,
            IsCollapsed = outcome.Collapsed,
            Key = key,
            Detail = outcome switch
            {
                { Result: CacheResult.Remote } => "remote",
                { Stored: false, StoreReason: { } reason } => DetailOf(reason),
                { Result: CacheResult.Stale, Forward: not ForwardReason.None } => "stale-if-error",
                _ => null,
            },
        });
    }

    /// <summary>Why a response was not stored, as a token.</summary>
    public static string DetailOf(StoreReason reason) => reason switch
    {
        StoreReason.NoStore => "no-store",
        StoreReason.RequestNoStore => "request-no-store",
        StoreReason.Private => "private",
        StoreReason.Authorization => "authorization",
        StoreReason.SetCookie => "set-cookie",
        StoreReason.VaryStar => "vary-star",
        StoreReason.Status => "status",
        StoreReason.PartialContent => "partial-content",
        StoreReason.NoLifetime => "no-lifetime",
        StoreReason.Cookie => "cookie",
        StoreReason.Expired => "expired",
        StoreReason.TooLarge => "too-large",
        StoreReason.Incomplete => "close-delimited",
        StoreReason.TooManyGroups => "too-many-groups",
        StoreReason.SearchRule => "search-rule",
        StoreReason.ContentRange => "content-range",
        StoreReason.NoValidator => "no-strong-validator",
        StoreReason.Changed => "changed",
        StoreReason.Cut => "cut",
        StoreReason.Overtaken => "overtaken",
        _ => "not-stored",
    };
}
