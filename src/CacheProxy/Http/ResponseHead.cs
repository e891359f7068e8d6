using System.Globalization;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace CacheProxy.Http;

/// <summary>A final response's head, parsed once; immutable.</summary>
internal sealed class ResponseHead
{
    private readonly KeyValuePair<string, StringValues>[] _fields;
    private readonly HeadFacts _facts;

    /// <param name="statusCode">The final status code.</param>
    /// <param name="reasonPhrase">The reason phrase of HTTP/1.1; <c>null</c> means the standard one.</param>
    /// <param name="fields">The fields to keep, in their order; owned by this object from now on.</param>
    /// <param name="now">The time of receipt, for the two-digit years of obsolete dates.</param>
    public ResponseHead(int statusCode, string? reasonPhrase, KeyValuePair<string, StringValues>[] fields, DateTimeOffset now)
    {
        ReasonPhrase = reasonPhrase;
        _fields = fields;
        var targeted = TargetedCacheControl.Parse(this[TargetedCacheControl.OwnField]) ?? TargetedCacheControl.Parse(this[TargetedCacheControl.CdnField]);
        var expires = targeted is null ? this[HeaderNames.Expires] : StringValues.Empty; // RFC 9213 section 2.2
        EntityTag = Single(this[HeaderNames.ETag]) is { } tag && Http.EntityTag.IsValid(tag) ? tag : null;
        _facts = new HeadFacts(
            statusCode, targeted ?? CacheControl.Parse(this[HeaderNames.CacheControl]), now,
            date: SingleDate(this[HeaderNames.Date], now), lastModified: SingleDate(this[HeaderNames.LastModified], now))
        {
            HasExpires = expires.Count > 0,
            HasEntityTag = EntityTag is not null,
        };
        Age = FirstAge(this[HeaderNames.Age]);
        Expires = SingleDate(expires, now);
        ContentLength = SingleLength(this[HeaderNames.ContentLength]);
        HasSetCookie = this[HeaderNames.SetCookie].Count > 0;
        SetsCookies = HasSetCookie || this["Set-Cookie2"].Count > 0;
        HasPragma = this[HeaderNames.Pragma].Count > 0;
        Vary = this[HeaderNames.Vary];
    }

    /// <summary>What reuse asks of it.</summary>
    public ref readonly HeadFacts Facts => ref _facts;

    public int StatusCode => _facts.StatusCode;

    public string? ReasonPhrase { get; }

    public ReadOnlySpan<KeyValuePair<string, StringValues>> Fields => _fields;

    /// <inheritdoc cref="HeadFacts.CacheControl"/>
    public ref readonly CacheControl CacheControl => ref _facts.CacheControl;

    /// <inheritdoc cref="HeadFacts.ReceivedAt"/>
    public DateTimeOffset ReceivedAt => _facts.ReceivedAt;

    /// <inheritdoc cref="HeadFacts.Date"/>
    public DateTimeOffset? Date => _facts.Date;

    /// <summary>The first member of Age; <see cref="TimeSpan.Zero"/> when absent or unreadable (RFC 9111 section 5.1).</summary>
    public TimeSpan Age { get; }

    /// <inheritdoc cref="HeadFacts.HasExpires"/>
    public bool HasExpires => _facts.HasExpires;

    /// <summary>
    /// The Expires field; <c>null</c> when absent, unreadable, or there more than once with different values: see
    /// <see cref="HasExpires"/>.
    /// </summary>
    public DateTimeOffset? Expires { get; }

    public DateTimeOffset? LastModified => _facts.LastModified;

    /// <summary>The entity tag as sent, with its <c>W/</c> and quotes; <c>null</c> when absent or not a single tag.</summary>
    public string? EntityTag { get; }

    /// <summary><c>null</c> when absent or unreadable.</summary>
    public long? ContentLength { get; }

    public bool HasSetCookie { get; }

    /// <summary>Set-Cookie, or Set-Cookie2 of RFC 2965.</summary>
    public bool SetsCookies { get; }

    public bool HasPragma { get; }

    /// <summary>All lines of Vary as received; empty when absent.</summary>
    public StringValues Vary { get; }

    /// <summary>All lines of a field; empty when absent.</summary>
    public StringValues this[string name]
    {
        get
        {
            var lines = StringValues.Empty;
            foreach (var field in _fields)
                if (string.Equals(field.Key, name, StringComparison.OrdinalIgnoreCase))
                    lines = StringValues.Concat(lines, field.Value);
            return lines;
        }
    }

    /// <summary>The value of a field that has one: of several lines, all must be the same.</summary>
    private static string? Single(StringValues lines)
    {
        for (var i = 1; i < lines.Count; i++)
            if (lines[i] != lines[0])
                return null;
        return lines.Count > 0 ? lines[0] : null;
    }

    private static DateTimeOffset? SingleDate(StringValues lines, DateTimeOffset now) => HttpDate.Parse(Single(lines), now);

    /// <summary>RFC 9111 section 5.1: the first member; an unreadable one is ignored.</summary>
    private static TimeSpan FirstAge(StringValues lines)
    {
        var members = new FieldList(lines);
        return members.MoveNext() && DeltaSeconds.TryParse(members.Current, out var age) ? age : TimeSpan.Zero;
    }

    /// <summary>RFC 9110 section 8.6: repeated equal values are one value, others are an error.</summary>
    private static long? SingleLength(StringValues lines)
    {
        long? length = null;
        foreach (var member in new FieldList(lines))
        {
            if (!long.TryParse(member, NumberStyles.None, CultureInfo.InvariantCulture, out var value) || (length ?? value) != value)
                return null;
            length = value;
        }
        return length;
    }
}
