namespace CacheProxy.Storage;

/// <summary>
/// The cache's own time: as fast as the monotonic clock at least, and never behind the wall clock. A wall clock that is set back cannot
/// make anything fresh again, and a machine that slept has aged.
/// </summary>
internal sealed class CacheClock(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();
    private long _base = time.GetUtcNow().UtcTicks;

    public DateTimeOffset Now
    {
        get
        {
            var elapsed = time.GetElapsedTime(_start).Ticks;
            var ahead = time.GetUtcNow().UtcTicks - elapsed;
            var known = Volatile.Read(ref _base);
            while (ahead > known)
            {
                var seen = Interlocked.CompareExchange(ref _base, ahead, known);
                if (seen == known)
                    known = ahead;
                else
                    known = seen;
            }
            return new DateTimeOffset(known + elapsed, TimeSpan.Zero);
        }
    }

    /// <summary>A timer that rests until its due time is set.</summary>
    public ITimer CreateTimer(Action callback) =>
        time.CreateTimer(static state => ((Action)state!)(), callback, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
}
