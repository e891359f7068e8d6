using CacheProxy.Diagnostics;
using Microsoft.Extensions.Logging;

namespace CacheProxy.Pipeline;

/// <summary>
/// Bounds the bytes that slow clients hold in memory although no other budget counts them: bodies that are being sent and are not, or no
/// longer, in the store. Each body counts once, however many read it. Over the budget the clients that have waited longest to take a piece
/// are cut off.
/// </summary>
/// <remarks>
/// Only deliveries that had to wait for their client are known here, and what they hold is added up when it may have grown: when one comes
/// in, and when a recording has ended, which is the only way that bytes come into memory. The lock guards the set; clients are cut outside of it.
/// </remarks>
internal sealed class DeliveryBudget(long budgetBytes, CacheMetrics metrics, ILogger<DeliveryBudget> logger)
{
    private readonly Lock _lock = new();
    private readonly HashSet<PieceWriter> _slow = [];
    private long _turn;
    private bool _isTold;

    /// <summary>What counts now.</summary>
    public long HeldBytes
    {
        get { lock (_lock) return Sum_NeedsLock().Held; }
    }

    /// <summary>A place in the order of waits: who has the lowest has waited longest.</summary>
    public long NextTurn() => Interlocked.Increment(ref _turn);

    /// <summary>Its client did not take a piece at once.</summary>
    public void Enter(PieceWriter slow)
    {
        lock (_lock)
            _slow.Add(slow);
        Enforce();
    }

    public void Leave(PieceWriter slow)
    {
        lock (_lock)
            _slow.Remove(slow);
    }

    /// <summary>Cuts off as many clients as must go.</summary>
    public void Enforce()
    {
        List<PieceWriter> cut;
        lock (_lock)
        {
            // Enough for nearly always, and without a table: each delivery by itself.
            var atMost = 0L;
            foreach (var slow in _slow)
                atMost += slow.HeldBytes;
            if (atMost <= budgetBytes)
                return;
            cut = Choose_NeedsLock();
            _slow.ExceptWith(cut);
        }
        if (cut.Count == 0)
            return;
        foreach (var slow in cut)
            slow.Cut();
        metrics.DeliveriesCut(cut.Count);
        if (!Interlocked.Exchange(ref _isTold, true))
            Log.SlowClientsCut(logger, budgetBytes);
    }

    private List<PieceWriter> Choose_NeedsLock()
    {
        var cut = new List<PieceWriter>();
        var (held, readers) = Sum_NeedsLock();
        foreach (var slow in _slow.OrderBy(static slow => slow.Turn))
        {
            if (held <= budgetBytes)
                break;
            if (!readers.TryGetValue(slow.Source, out var holding))
                continue; // in the store, or still being recorded: it would free nothing
            cut.Add(slow);
            readers[slow.Source] = holding with { Readers = holding.Readers - 1 };
            if (holding.Readers == 1)
                held -= holding.Bytes;
        }
        return cut;
    }

    private (long Held, Dictionary<object, (long Bytes, int Readers)> Readers) Sum_NeedsLock()
    {
        var held = 0L;
        var readers = new Dictionary<object, (long Bytes, int Readers)>(ReferenceEqualityComparer.Instance);
        foreach (var slow in _slow)
        {
            if (slow.HeldBytes is not (> 0 and var bytes))
                continue;
            if (!readers.TryGetValue(slow.Source, out var holding))
                held += bytes;
            readers[slow.Source] = (bytes, holding.Readers + 1);
        }
        return (held, readers);
    }
}
