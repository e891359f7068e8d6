namespace CacheProxy.Fetching;

/// <summary>What recordings may take, each and all together.</summary>
/// <param name="MaxBodyBytes">The largest body that is kept.</param>
/// <param name="LaggardGrace">How long a reader may hold others back, in sum.</param>
/// <param name="Budget">Shared by all recordings.</param>
/// <param name="Time">For the grace.</param>
internal sealed record RecordingLimits(long MaxBodyBytes, TimeSpan LaggardGrace, RecordingBudget Budget, TimeProvider Time)
{
    public bool TryReserve(long bytes) => Budget.TryReserve(bytes);

    /// <inheritdoc cref="RecordingBudget.TryReserveSparingly"/>
    public bool TryReserveSparingly(long bytes) => Budget.TryReserveSparingly(bytes);

    public void Release(long bytes) => Budget.Release(bytes);
}

/// <summary>Bytes that recordings under way may hold at one time, all together.</summary>
internal sealed class RecordingBudget(long bytes)
{
    private readonly long _half = bytes / 2;
    private long _free = bytes;

    public bool TryReserve(long count) => TryReserve(count, leaving: 0);

    /// <summary>For what is held as long as a slow client likes: all of it together leaves half to others.</summary>
    public bool TryReserveSparingly(long count) => TryReserve(count, leaving: _half);

    public void Release(long count) => Interlocked.Add(ref _free, count);

    private bool TryReserve(long count, long leaving)
    {
        if (Interlocked.Add(ref _free, -count) >= leaving)
            return true;
        Interlocked.Add(ref _free, count);
        return false;
    }
}
