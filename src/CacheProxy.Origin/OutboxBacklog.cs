using CacheProxy.Origin.Outbox;

namespace CacheProxy.Origin;

/// <summary>Committed writes that wait to be published, as the outbox's worker last saw them. For health checks.</summary>
public sealed class OutboxBacklog
{
    private readonly OutboxQueue _queue;

    internal OutboxBacklog(OutboxQueue queue) => _queue = queue;

    public int Count => _queue.Backlog;

    /// <summary>How long the oldest has been seen; 0 when there is none.</summary>
    public TimeSpan Age => _queue.BacklogAge;
}
