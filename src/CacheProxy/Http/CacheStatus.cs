using System.Globalization;
using System.Runtime.CompilerServices;

namespace CacheProxy.Http;

/// <summary>How one request was handled: a member of the Cache-Status field (RFC 9211 section 2).</summary>
internal readonly record struct CacheStatus
{
    /// <summary>Answered without going forward (section 2.1); when false, <see cref="Forward"/> says why not.</summary>
    public bool IsHit { get; init; }

    public ForwardReason Forward { get; init; }

    /// <summary>The status code of the origin's answer; <c>null</c> when it is not known or nothing was forwarded.</summary>
    public int? ForwardStatus { get; init; }

    /// <summary>What is left of the freshness lifetime, negative when stale; <c>null</c> leaves it out.</summary>
    public TimeSpan? TimeToLive { get; init; }

    public bool IsStored { get; init; }

    public bool IsCollapsed { get; init; }

    /// <summary>The cache key (section 2.7); <c>null</c> leaves it out.</summary>
    public string? Key { get; init; }

    /// <summary>More for those who operate the cache; <c>null</c> for nothing.</summary>
    public string? Detail { get; init; }

    /// <param name="identifier">The cache's name as <see cref="StructuredText.Item"/> gives it.</param>
    public string Write(string identifier)
    {
        var text = new DefaultInterpolatedStringHandler(0, 0, CultureInfo.InvariantCulture, stackalloc char[192]);
        text.AppendLiteral(identifier);
        text.AppendLiteral(IsHit ? "; hit" : "; fwd=");
        if (!IsHit)
            text.AppendLiteral(TokenOf(Forward));
        if (!IsHit && ForwardStatus is { } status)
        {
            text.AppendLiteral("; fwd-status=");
            text.AppendFormatted(status);
        }
        if (TimeToLive is { } timeToLive)
        {
            text.AppendLiteral("; ttl=");
            text.AppendFormatted(Seconds(timeToLive));
        }
        if (IsStored)
            text.AppendLiteral("; stored");
        if (IsCollapsed)
            text.AppendLiteral("; collapsed");
        if (Key is not null)
        {
            text.AppendLiteral("; key=");
            text.AppendLiteral(StructuredText.String(Key));
        }
        if (!string.IsNullOrEmpty(Detail))
        {
            text.AppendLiteral("; detail=");
            text.AppendLiteral(StructuredText.Item(Detail));
        }
        return text.ToStringAndClear();
    }

    /// <summary>Whole seconds, rounded down: half a second too late is -1.</summary>
    public static long Seconds(TimeSpan timeToLive) => (long)Math.Floor(timeToLive.TotalSeconds);

    private static string TokenOf(ForwardReason reason) => reason switch
    {
        ForwardReason.Bypass => "bypass",
        ForwardReason.Method => "method",
        ForwardReason.UriMiss => "uri-miss",
        ForwardReason.VaryMiss => "vary-miss",
        ForwardReason.Request => "request",
        ForwardReason.Stale => "stale",
        ForwardReason.Partial => "partial",
        _ => "miss",
    };
}

/// <summary>Why a request went forward (RFC 9211 section 2.2).</summary>
internal enum ForwardReason
{
    /// <summary>It did not: a hit.</summary>
    None,

    /// <summary>Nothing stored could answer, for a reason that is not known closer.</summary>
    Miss,

    /// <summary>The cache takes no part in this request.</summary>
    Bypass,

    /// <summary>The method's semantics require it.</summary>
    Method,

    /// <summary>Nothing is stored for the target URI.</summary>
    UriMiss,

    /// <summary>Something is stored for the target URI, but no variant for this request.</summary>
    VaryMiss,

    /// <summary>A fresh response was there; the request did not allow it.</summary>
    Request,
    Stale,
    Partial,
}
