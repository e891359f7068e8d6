using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace CacheProxy.Coherence;

/// <summary>
/// One node's view of the order: what it has applied, whether it is in touch, and the way to invalidate. A cache takes <see cref="Standing"/> before it
/// reads something, keeps it in a <see cref="Fence"/>, and asks the fence before each reuse.
/// </summary>
/// <remarks>
/// Everything between the node and the order happens in rounds, one at a time (<c>CoherenceNode.Rounds.cs</c>). Whoever wants something of the order
/// leaves it here, rings, and waits for the end of the next round that begins. <c>_lock</c> guards the standing, the marks' one writer and what waits
/// to be sent; nothing is awaited and nobody called under it.
/// </remarks>
public sealed partial class CoherenceNode : IAsyncDisposable
{
    private readonly IOrder _order;
    private readonly TimeProvider _time;
    private readonly CoherenceMetrics? _metrics;
    private readonly ILogger _log;
    private readonly TimeSpan _staleness;
    private readonly TimeSpan _callTimeout;
    private readonly Lock _lock = new();
    private Standing _standing; // one field for both of its numbers: who has seen one of them has seen the other

    /// <summary>A node of its own, without others and without Redis.</summary>
    public CoherenceNode() : this(new InProcessOrder(), new CoherenceOptions(), TimeProvider.System, NullLogger.Instance)
    {
    }

    internal CoherenceNode(IOrder order, CoherenceOptions options, TimeProvider time, ILogger log, CoherenceMetrics? metrics = null, Marks? marks = null, string? id = null)
    {
        (_order, _time, _log, _metrics, _staleness, _callTimeout) = (order, time, log, metrics, options.Staleness, options.CallTimeout);
        Name = string.IsNullOrEmpty(options.NodeName) ? $"{Environment.MachineName}-{Random.Shared.Next():x8}" : options.NodeName;
        _id = id ?? $"{Name}~{Random.Shared.NextInt64():x16}";
        Marks = marks ?? new Marks();
        _place = order is InProcessOrder here ? here.Now : default;
        _standing = new Standing(1, _place.Position);
        metrics?.Observe(this);
    }

    /// <summary>A node as the options say: over Redis, or in this process alone. Trusts itself from <see cref="StartAsync"/> on.</summary>
    /// <param name="options">Valid ones; read once.</param>
    /// <param name="time">Monotonic time; wall clocks are not looked at.</param>
    /// <param name="loggers">Who hears of a change of state; <c>null</c>: nobody.</param>
    /// <param name="meters">Who makes the meter <c>CacheProxy.Coherence</c>; <c>null</c>: nothing is counted.</param>
    public static CoherenceNode Create(
        CoherenceOptions options, TimeProvider? time = null, ILoggerFactory? loggers = null, System.Diagnostics.Metrics.IMeterFactory? meters = null)
    {
        time ??= TimeProvider.System;
        var log = loggers?.CreateLogger("CacheProxy.Coherence") ?? NullLogger.Instance;
        var metrics = meters is null ? null : new CoherenceMetrics(meters);
        return string.IsNullOrEmpty(options.Redis)
            ? new CoherenceNode(new InProcessOrder(), options, time, log, metrics)
            : CreateOverRedis(options, time, log, metrics);
    }

    /// <summary>Apart, so that who has no Redis does not load its client.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static CoherenceNode CreateOverRedis(CoherenceOptions options, TimeProvider time, ILogger log, CoherenceMetrics? metrics)
    {
        var connection = new RedisConnection(options, time, log, metrics);
        var node = new CoherenceNode(new RedisOrder(connection, options), options, time, log, metrics);
        node.Store = new RedisStore(connection, node, options, metrics);
        return node;
    }

    /// <summary>
    /// Every invalidation once, in order, after its marks are set: for caches that drop what it names. Must not block or throw. It is a help, not the
    /// fence: a node that was out of touch for long hears of what it missed as marks only, after the order was lost as a hard one of all.
    /// </summary>
    public event Action<Invalidation>? OnApplied;

    /// <summary>This node's name in receipts and metrics.</summary>
    public string Name { get; }

    public Marks Marks { get; }

    /// <summary>The entries that all nodes share; <c>null</c> without Redis.</summary>
    public IRemoteStore? Store { get; private set; }

    /// <summary><see cref="Standing.Local"/> of now. Marks up to it are set.</summary>
    public long Applied => Standing.Local;

    /// <summary>Where this node stands.</summary>
    public Standing Standing => Volatile.Read(ref _standing);

    /// <summary>Whether the order has been heard from within <see cref="CoherenceOptions.Staleness"/>. Always in process.</summary>
    public bool IsInTouch => IsInTouchWithin(TimeSpan.Zero);

    /// <summary>Whether the order has been heard from within <see cref="CoherenceOptions.Staleness"/> and that much more.</summary>
    public bool IsInTouchWithin(TimeSpan grace) => _order.IsInProcess || SinceHeard < _staleness + grace;

    /// <summary><see cref="CoherenceOptions.Staleness"/>.</summary>
    public TimeSpan Staleness => _staleness;

    /// <summary>Whether there are no other nodes, and nothing outside this process to ask.</summary>
    public bool IsAlone => _order.IsInProcess;

    /// <summary>Connects, and waits for the first answer, at most <see cref="CoherenceOptions.Staleness"/>. A Redis that is away is not a failure.</summary>
    public async ValueTask StartAsync(CancellationToken cancellation)
    {
        if (_order.IsInProcess)
            return;
        _timer = _time.CreateTimer(_ => Ring(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        var first = _firstTouch.Task;
        await _order.StartAsync(_id, Ring);
        Ring();
        await EndsWithinAsync(first, _staleness, cancellation);
    }

    /// <summary>
    /// Takes the next place in the order and applies the invalidation here before it returns, reachable or not. Then waits until every other node has
    /// applied it too, at most <paramref name="wait"/>. Giving up the wait does not take the invalidation back.
    /// </summary>
    /// <exception cref="ArgumentException">The strength is <see cref="MarkStrength.None"/>.</exception>
    public async ValueTask<InvalidationReceipt> InvalidateAsync(Invalidation invalidation, TimeSpan wait, CancellationToken cancellation)
    {
        if (invalidation.Strength is < MarkStrength.Soft or > MarkStrength.Hard)
            throw new ArgumentException($"An invalidation has a strength; {invalidation.Strength} is none.", nameof(invalidation));
        var isAwaited = wait > TimeSpan.Zero && !_order.IsInProcess;
        if (isAwaited)
            Interlocked.Increment(ref _awaiting);
        try
        {
            var own = Enqueue(invalidation, isAwaited);
            var round = NextRound;
            Ring();
            if (_order.IsReachable)
                await EndsWithinAsync(round, _callTimeout, cancellation);
            if (ApplyUnsent(own) is not { } position)
                return new InvalidationReceipt(null, []);
            return new InvalidationReceipt(position, isAwaited ? await AwaitNodesAsync(position, wait, cancellation) : []);
        }
        finally
        {
            if (isAwaited)
                Interlocked.Decrement(ref _awaiting);
        }
    }

    /// <summary>Waits until this node has applied everything up to a position, at most <paramref name="wait"/>.</summary>
    /// <returns>Whether it has. Not when the position is of another generation.</returns>
    public ValueTask<bool> ReachAsync(Position need, TimeSpan wait, CancellationToken cancellation) =>
        HasReached(need) || _order.IsInProcess || wait <= TimeSpan.Zero ? ValueTask.FromResult(HasReached(need)) : CatchUpAsync(need, wait, cancellation);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isStopped, 1) != 0)
            return;
        if (_timer is not null)
            await _timer.DisposeAsync();
        if (!_order.IsInProcess)
            await _order.LeaveAsync(_id);
        await _order.DisposeAsync();
        _metrics?.Dispose();
    }

    private bool HasReached(Position need)
    {
        var shared = Standing.Shared;
        return shared.Generation == need.Generation && shared.Sequence >= need.Sequence;
    }

    /// <summary>One round that begins now hears of every place there is; what it does not reach, nothing will.</summary>
    private async ValueTask<bool> CatchUpAsync(Position need, TimeSpan wait, CancellationToken cancellation)
    {
        var round = NextRound;
        Ring();
        await EndsWithinAsync(round, wait, cancellation);
        return HasReached(need);
    }

    /// <summary>
    /// Waits for a task's end. Not by <c>WaitAsync</c>: that goes by the thread pool whatever the context is, and the checker has all of it on one thread.
    /// </summary>
    private async ValueTask EndsWithinAsync(Task task, TimeSpan wait, CancellationToken cancellation)
    {
        if (task.IsCompleted)
            return;
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var timer = _time.CreateTimer(_ => ended.TrySetResult(), null, wait, Timeout.InfiniteTimeSpan);
        await using var registration = cancellation.Register(() => ended.TrySetResult());
        _ = EndAsync();
        await ended.Task;

        async Task EndAsync()
        {
            await task;
            ended.TrySetResult();
        }
    }
}
