namespace CacheProxy.Tests.Scenarios;

/// <summary>A clock that moves by hand: wall clock and monotonic clock together, or the wall clock alone.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<ManualTimer> _timers = [];
    private DateTimeOffset _wall = new(2026, 1, 5, 12, 0, 0, TimeSpan.Zero);
    private long _monotonic = TimeSpan.TicksPerDay;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Timers that will fire if time goes on.</summary>
    public int PendingTimers
    {
        get { lock (_lock) return _timers.Count(t => t.Due != long.MaxValue); }
    }

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
            return _wall;
    }

    public override long GetTimestamp()
    {
        lock (_lock)
            return _monotonic;
    }

    public void Advance(TimeSpan by)
    {
        ManualTimer[] due;
        lock (_lock)
        {
            _wall += by;
            _monotonic += by.Ticks;
            due = [.. _timers.Where(t => t.Due <= _monotonic)];
            foreach (var timer in due)
                timer.Due = long.MaxValue;
        }
        foreach (var timer in due)
            timer.Fire();
    }

    /// <summary>Sets the wall clock without time passing, as a wrong time server does.</summary>
    public void JumpWallClock(TimeSpan by)
    {
        lock (_lock)
            _wall += by;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        lock (_lock)
            _timers.Add(timer);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class ManualTimer(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        public long Due { get; set; } = long.MaxValue;

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var fireNow = dueTime == TimeSpan.Zero;
            lock (time._lock)
                Due = dueTime < TimeSpan.Zero || fireNow ? long.MaxValue : time._monotonic + dueTime.Ticks;
            if (fireNow)
                ThreadPool.QueueUserWorkItem(_ => Fire());
            return true;
        }

        public void Dispose()
        {
            lock (time._lock)
                time._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
