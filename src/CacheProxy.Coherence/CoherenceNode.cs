namespace CacheProxy.Coherence;

/// <summary>
/// One node's view of the order: what it has applied, whether it is in touch, and the way to invalidate. A cache takes <see cref="Standing"/> before it
/// reads something, keeps it in a <see cref="Fence"/>, and asks the fence before each reuse.
/// </summary>
public sealed class CoherenceNode : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private Standing _standing = new(1, new Position((ulong)Random.Shared.NextInt64(1, long.MaxValue), 0));
    private long _applied = 1;

    /// <summary>Every invalidation once, in order, after its marks are set: for caches that drop what it names. Must not block or throw.</summary>
    public event Action<Invalidation>? OnApplied;

    public Marks Marks { get; } = new();

    /// <summary><see cref="Standing.Local"/> of now. Marks up to it are set.</summary>
    public long Applied => Volatile.Read(ref _applied);

    /// <summary>Where this node stands.</summary>
    public Standing Standing => Volatile.Read(ref _standing);

    /// <summary>Whether the order has been heard from within <see cref="CoherenceOptions.Staleness"/>. Always in process.</summary>
    public bool IsInTouch { get; } = true;

    /// <summary>
    /// Takes the next place in the order and applies the invalidation here before it returns, reachable or not. Then waits until every other node has
    /// applied it too, at most <paramref name="wait"/>.
    /// </summary>
    public ValueTask<InvalidationReceipt> InvalidateAsync(Invalidation invalidation, TimeSpan wait, CancellationToken cancellation)
    {
        Position position;
        lock (_lock)
        {
            var last = _standing;
            position = last.Shared with { Sequence = last.Shared.Sequence + 1 };
            Marks.Set(invalidation, last.Local + 1);
            Volatile.Write(ref _standing, new Standing(last.Local + 1, position));
            Volatile.Write(ref _applied, last.Local + 1);
        }
        OnApplied?.Invoke(invalidation);
        return ValueTask.FromResult(new InvalidationReceipt(position, []));
    }

    /// <summary>Waits until this node has applied everything up to a position, at most <paramref name="wait"/>.</summary>
    /// <returns>Whether it has. Not when the position is of another generation.</returns>
    public ValueTask<bool> ReachAsync(Position need, TimeSpan wait, CancellationToken cancellation) =>
        ValueTask.FromResult(Standing.Shared.Generation == need.Generation && Standing.Shared.Sequence >= need.Sequence);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
