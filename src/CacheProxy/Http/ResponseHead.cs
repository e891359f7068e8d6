using System.Globalization;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace CacheProxy.Http;

/// <summary>A final response's head, parsed once; immutable.</summary>
internal sealed class ResponseHead
{
    private const long None = -1;

    private readonly KeyValuePair<string, StringValues>[] _fields;
    private readonly CacheControl _cacheControl;

    // As numbers, for every stored response has them: ticks, and None for null.
    private readonly long _date, _expires, _lastModified, _contentLength;

    /// <param name="statusCode">The final status code.</param>
    /// <param name="reasonPhrase">The reason phrase of HTTP/1.1; <c>null</c> means the standard one.</param>
    /// <param name="fields">The fields to keep, in their order; owned by this object from now on.</param>
    /// <param name="now">The time of receipt, for the two-digit years of obsolete dates.</param>
    public ResponseHead(int statusCode, string? reasonPhrase, KeyValuePair<string, StringValues>[] fields, DateTimeOffset now)
    {
        StatusCode = statusCode;
        ReasonPhrase = reasonPhrase;
        _fields = fields;
        ReceivedAt = now;
        var targeted = TargetedCacheControl.Parse(this[TargetedCacheControl.OwnField]) ?? TargetedCacheControl.Parse(this[TargetedCacheControl.CdnField]);
        _cacheControl = targeted ?? CacheControl.Parse(this[HeaderNames.CacheControl]);
        _date = SingleDate(this[HeaderNames.Date]);
        Age = FirstAge(this[HeaderNames.Age]);
        var expires = targeted is null ? this[HeaderNames.Expires] : StringValues.Empty; // RFC 9213 section 2.2
        HasExpires = expires.Count > 0;
        _expires = SingleDate(expires);
        _lastModified = SingleDate(this[HeaderNames.LastModified]);
        EntityTag = Single(this[HeaderNames.ETag]) is { } tag && Http.EntityTag.IsValid(tag) ? tag : null;
        _contentLength = SingleLength(this[HeaderNames.ContentLength]) ?? None;
        HasSetCookie = this[HeaderNames.SetCookie].Count > 0 || this["Set-Cookie2"].Count > 0;
        HasPragma = this[HeaderNames.Pragma].Count > 0;
        Vary = this[HeaderNames.Vary];
    }

    public int StatusCode { get; }

    public string? ReasonPhrase { get; }

    public ReadOnlySpan<KeyValuePair<string, StringValues>> Fields => _fields;

    /// <summary>The directives that count here: of a targeted field (RFC 9213) where there is one, else of Cache-Control.</summary>
    public ref readonly CacheControl CacheControl => ref _cacheControl;

    /// <summary>The time of receipt; stands in for a Date that is absent or unreadable.</summary>
    public DateTimeOffset ReceivedAt { get; }

    /// <summary>The Date field; <c>null</c> when absent, unreadable, or there more than once with different values.</summary>
    public DateTimeOffset? Date => DateOf(_date);

    /// <summary>The first member of Age; <see cref="TimeSpan.Zero"/> when absent or unreadable (RFC 9111 section 5.1).</summary>
    public TimeSpan Age { get; }

    /// <summary>Whether there is an Expires, readable or not, that counts: beside a targeted field it does not.</summary>
    public bool HasExpires { get; }

    /// <summary>
    /// The Expires field; <c>null</c> when absent, unreadable, or there more than once with different values: see
    /// <see cref="HasExpires"/>.
    /// </summary>
    public DateTimeOffset? Expires => DateOf(_expires);

    public DateTimeOffset? LastModified => DateOf(_lastModified);

    /// <summary>The entity tag as sent, with its <c>W/</c> and quotes; <c>null</c> when absent or not a single tag.</summary>
    public string? EntityTag { get; }

    /// <summary><c>null</c> when absent or unreadable.</summary>
    public long? ContentLength => _contentLength == None ? null : _contentLength;

    public bool HasSetCookie { get; }

    public bool HasPragma { get; }

    /// <summary>All lines of Vary as received; empty when absent.</summary>
    public StringValues Vary { get; }

    /// <summary>Content-Length follows from the body, Age from the time; what was said to this cache alone is said: a stored response is given without them.</summary>
    public static bool IsMadeAnew(string name) =>
        name.Equals(HeaderNames.ContentLength, StringComparison.OrdinalIgnoreCase)
        || name.Equals(HeaderNames.Age, StringComparison.OrdinalIgnoreCase)
        || name.Equals(TargetedCacheControl.OwnField, StringComparison.OrdinalIgnoreCase);

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

    private long SingleDate(StringValues lines) => HttpDate.Parse(Single(lines), ReceivedAt)?.UtcTicks ?? None;

    private static DateTimeOffset? DateOf(long ticks) => ticks == None ? null : new DateTimeOffset(ticks, TimeSpan.Zero);

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
