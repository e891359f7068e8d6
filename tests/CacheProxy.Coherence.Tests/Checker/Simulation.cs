namespace CacheProxy.Coherence.Tests.Checker;

/// <summary>
/// Virtual time and one thread: everything that happens is an event with a due time, ties and delays come from the seed, and continuations run here. The
/// same seed gives the same run.
/// </summary>
internal sealed class Simulation(int seed) : SynchronizationContext
{
    private readonly PriorityQueue<(int Owner, Action Act), (long Due, int Order)> _events = new();
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _ready = new();
    private readonly Dictionary<int, long> _pausedUntil = [];

    public Random Random { get; } = new(seed);

    /// <summary>Ticks of the monotonic clock.</summary>
    public long Now { get; private set; }

    /// <summary>What is wrong with the wall clock.</summary>
    public TimeSpan WallError { get; set; }

    public static long Milliseconds(double ms) => (long)(ms * TimeSpan.TicksPerMillisecond);

    /// <summary>Something happens later, in the process of <paramref name="owner"/> (-1: of nobody that can pause).</summary>
    public void In(long ticks, int owner, Action act) => _events.Enqueue((owner, act), (Now + ticks, Random.Next()));

    /// <summary>The process stops, and goes on where it was.</summary>
    public void Pause(int owner, long ticks) => _pausedUntil[owner] = Now + ticks;

    public Task DelayAsync(long ticks, int owner)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        In(ticks, owner, done.SetResult);
        return done.Task;
    }

    public void RunUntil(long end)
    {
        var before = Current;
        SetSynchronizationContext(this);
        try
        {
            while (true)
            {
                while (_ready.TryDequeue(out var work))
                    work.Callback(work.State);
                if (!_events.TryPeek(out var next, out var at) || at.Due > end)
                    break;
                _events.Dequeue();
                Now = at.Due;
                if (_pausedUntil.TryGetValue(next.Owner, out var until) && until > Now)
                    _events.Enqueue(next, (until, at.Order));
                else
                    next.Act();
            }
            Now = end;
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }

    public override void Post(SendOrPostCallback d, object? state) => _ready.Enqueue((d, state));

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException();

    public TimeProvider ClockOf(int owner) => new Clock(this, owner);

    private sealed class Clock(Simulation simulation, int owner) : TimeProvider
    {
        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => simulation.Now;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddYears(56).AddTicks(simulation.Now) + simulation.WallError;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new Timer(simulation, owner, callback, state);
            timer.Change(dueTime, period);
            return timer;
        }
    }

    private sealed class Timer(Simulation simulation, int owner, TimerCallback callback, object? state) : ITimer
    {
        private int _setting;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var setting = ++_setting;
            if (dueTime >= TimeSpan.Zero)
                simulation.In(dueTime.Ticks, owner, () =>
                {
                    if (setting == _setting)
                        callback(state);
                });
            return true;
        }

        public void Dispose() => _setting++;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
