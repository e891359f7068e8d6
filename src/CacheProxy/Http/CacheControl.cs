using Microsoft.Extensions.Primitives;

namespace CacheProxy.Http;

/// <summary>The directives of all Cache-Control lines of one message (RFC 9111 section 5.2; RFC 5861).</summary>
/// <remarks>
/// Lifetimes are whole seconds, saturated at 2^31 (section 1.2.2). A directive that is there but unreadable, or stands twice with
/// different values, is <see cref="TimeSpan.Zero"/>: never fresh, never the default. <c>null</c> means the directive is absent.
/// A quote that is never closed may hide anything behind it, so it counts as <see cref="NoStore"/>.
/// </remarks>
internal readonly record struct CacheControl
{
    private readonly Lifetime _maxAge, _sharedMaxAge, _staleWhileRevalidate, _staleIfError, _maxStale, _minFresh;

    /// <summary>Whether the message has any Cache-Control line, readable or not.</summary>
    public bool IsPresent { get; init; }

    public bool NoStore { get; init; }

    /// <summary><c>no-cache</c> without field names.</summary>
    public bool NoCache { get; init; }

    /// <summary><c>private</c> without field names.</summary>
    public bool Private { get; init; }

    public bool Public { get; init; }

    public bool MustRevalidate { get; init; }

    public bool ProxyRevalidate { get; init; }

    public bool MustUnderstand { get; init; }

    public bool OnlyIfCached { get; init; }

    /// <summary>The fields of <c>no-cache="a, b"</c>; <c>null</c> when there are none.</summary>
    public IReadOnlyList<string>? NoCacheFields { get; init; }

    /// <summary>The fields of <c>private="a, b"</c>; <c>null</c> when there are none.</summary>
    public IReadOnlyList<string>? PrivateFields { get; init; }

    public TimeSpan? MaxAge { get => _maxAge.Value; init => _maxAge = new(value); }

    public TimeSpan? SharedMaxAge { get => _sharedMaxAge.Value; init => _sharedMaxAge = new(value); }

    public TimeSpan? StaleWhileRevalidate { get => _staleWhileRevalidate.Value; init => _staleWhileRevalidate = new(value); }

    public TimeSpan? StaleIfError { get => _staleIfError.Value; init => _staleIfError = new(value); }

    /// <summary>Request only; <see cref="TimeSpan.MaxValue"/> when the directive has no argument.</summary>
    public TimeSpan? MaxStale { get => _maxStale.Value; init => _maxStale = new(value); }

    /// <summary>Request only.</summary>
    public TimeSpan? MinFresh { get => _minFresh.Value; init => _minFresh = new(value); }

    public static CacheControl Parse(StringValues lines)
    {
        if (lines.Count == 0)
            return default;

        var reader = default(CacheControlReader);
        var members = new FieldList(lines);
        while (members.MoveNext())
            reader.Read(members.Current);
        return reader.Result(members.IsBroken);
    }

    /// <summary>A lifetime or none in four bytes: every stored response has these.</summary>
    private readonly record struct Lifetime
    {
        private const uint None = 0, Endless = uint.MaxValue;

        private readonly uint _secondsAndOne;

        public Lifetime(TimeSpan? value) => _secondsAndOne = value switch
        {
            null => None,
            { Ticks: long.MaxValue } => Endless,
            { } lifetime => (uint)(lifetime.Ticks / TimeSpan.TicksPerSecond) + 1,
        };

        public TimeSpan? Value => _secondsAndOne switch
        {
            None => null,
            Endless => TimeSpan.MaxValue,
            _ => new TimeSpan((_secondsAndOne - 1) * TimeSpan.TicksPerSecond),
        };
    }
}
