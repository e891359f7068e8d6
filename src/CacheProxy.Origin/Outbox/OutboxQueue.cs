using System.Collections.Concurrent;

namespace CacheProxy.Origin.Outbox;

/// <summary>What writers tell the outbox's worker, and what it knows of what is left.</summary>
internal sealed class OutboxQueue : IDisposable
{
    private readonly ConcurrentQueue<Guid> _done = new();
    private readonly SemaphoreSlim _woken = new(0, 1);
    private int _isPressing;

    /// <summary>Rows that were there at two looks in a row, at the last look.</summary>
    public int Backlog { get; set; }

    /// <summary>How long the oldest of them has been seen.</summary>
    public TimeSpan BacklogAge { get; set; }

    /// <summary>Rows whose writes have been published: to be deleted at the next look.</summary>
    public void Done(IEnumerable<Guid> rows)
    {
        foreach (var row in rows)
            _done.Enqueue(row);
        if (_done.Count >= OutboxWorker.MostRows)
            Signal();
    }

    /// <summary>A write could not be published: look at once, and take whatever is there.</summary>
    public void Wake()
    {
        Volatile.Write(ref _isPressing, 1);
        Signal();
    }

    public bool TakePressing() => Interlocked.Exchange(ref _isPressing, 0) == 1;

    public List<Guid> TakeDone()
    {
        var rows = new List<Guid>();
        while (rows.Count < OutboxWorker.MostRows && _done.TryDequeue(out var row))
            rows.Add(row);
        return rows;
    }

    /// <summary>Until something is to be done, or for so long.</summary>
    public async Task WaitAsync(TimeSpan longest, TimeProvider time, CancellationToken cancellation)
    {
        using var timer = new CancellationTokenSource(longest, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancellation);
        try
        {
            await _woken.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // the time has come
        }
    }

    public void Dispose() => _woken.Dispose();

    private void Signal()
    {
        try
        {
            _woken.Release();
        }
        catch (SemaphoreFullException)
        {
            // it is awake already
        }
    }
}
