namespace CacheProxy.Http;

/// <summary>
/// What reuse asks of a response's head, as numbers alone: the same of a head that has just come and of one that is stored as bytes.
/// </summary>
internal readonly struct HeadFacts
{
    /// <summary>The directives that count here: of a targeted field (RFC 9213) where there is one, else of Cache-Control.</summary>
    public readonly CacheControl CacheControl;

    private const long None = -1;

    // Every stored response has them: ticks, and None for null.
    private readonly long _receivedAt, _date, _lastModified;
    private readonly short _statusCode;

    public HeadFacts(int statusCode, in CacheControl cacheControl, DateTimeOffset receivedAt, DateTimeOffset? date, DateTimeOffset? lastModified)
    {
        _statusCode = (short)statusCode;
        CacheControl = cacheControl;
        _receivedAt = receivedAt.UtcTicks;
        _date = date?.UtcTicks ?? None;
        _lastModified = lastModified?.UtcTicks ?? None;
    }

    public int StatusCode => _statusCode;

    /// <summary>The time of receipt; stands in for a Date that is absent or unreadable.</summary>
    public DateTimeOffset ReceivedAt => new(_receivedAt, TimeSpan.Zero);

    /// <summary>The Date field; <c>null</c> when absent, unreadable, or there more than once with different values.</summary>
    public DateTimeOffset? Date => DateOf(_date);

    public DateTimeOffset? LastModified => DateOf(_lastModified);

    /// <summary>Whether there is an Expires, readable or not, that counts: beside a targeted field it does not.</summary>
    public bool HasExpires { get; init; }

    /// <summary>Whether there is a single entity tag.</summary>
    public bool HasEntityTag { get; init; }

    private static DateTimeOffset? DateOf(long ticks) => ticks == None ? null : new DateTimeOffset(ticks, TimeSpan.Zero);
}
