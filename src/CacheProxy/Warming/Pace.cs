namespace CacheProxy.Warming;

/// <summary>When the next request may go out: so many a second, and none for a while after the origin has failed, twice as long each time.</summary>
/// <param name="perSecond">1 at least.</param>
/// <param name="time">Whose seconds.</param>
/// <remarks>The lock guards everything; one at a time waits for its turn.</remarks>
internal sealed class Pace(int perSecond, TimeProvider time)
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    /// <summary>Timers count in these: a shorter wait would be none, and the turn be asked for over and over.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    private readonly Lock _lock = new();
    private readonly TimeSpan _interval = TimeSpan.FromSeconds(1) / perSecond;
    private readonly long _began = time.GetTimestamp();
    private TimeSpan _next;
    private TimeSpan _resume;
    private int _failures;

    private TimeSpan Now => time.GetElapsedTime(_began);

    /// <summary>Which stretch between two pauses this is.</summary>
    public int Stretch { get; private set; }

    /// <summary>The last that was heard of the origin is a failure: requests go out one by one.</summary>
    public bool IsProbing
    {
        get { lock (_lock) return _failures > 0; }
    }

    /// <summary>Waits for the turn of the next request.</summary>
    public async Task NextAsync(CancellationToken cancellation)
    {
        while (true)
        {
            TimeSpan wait;
            lock (_lock)
            {
                var now = Now;
                wait = (_next > _resume ? _next : _resume) - now;
                if (wait <= TimeSpan.Zero)
                {
                    _next = (_next > now - Tick ? _next : now) + _interval; // what was missed is not made up for, but for what no timer can tell
                    return;
                }
            }
            await Task.Delay(wait > Tick ? wait : Tick, time, cancellation);
        }
    }

    /// <summary>The origin has answered.</summary>
    public void OnAnswer(int stretch)
    {
        lock (_lock)
            if (stretch == Stretch)
                _failures = 0;
    }

    /// <summary>The origin has failed.</summary>
    /// <param name="stretch">The <see cref="Stretch"/> in which that request went out: others of it tell nothing new.</param>
    /// <returns>Whether this begins a pause after a time without one.</returns>
    public bool OnFailure(int stretch)
    {
        lock (_lock)
        {
            if (stretch != Stretch)
                return false;
            Stretch++;
            var pause = TimeSpan.FromSeconds(1L << Math.Min(_failures, 10));
            _resume = Now + (pause < LongestPause ? pause : LongestPause);
            return _failures++ == 0;
        }
    }
}
