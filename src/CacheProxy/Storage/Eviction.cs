namespace CacheProxy.Storage;

/// <summary>
/// Keeps the store within its budget of bytes by SIEVE (Zhang et al., NSDI 2024): entries stand in the order of insertion; a hit only sets
/// a bit; when room is needed a hand moves from old to new, spares what was visited since it last came by, and evicts the rest.
/// </summary>
/// <remarks>The lock guards the list, the hand and the sum. Nothing is called while it is held.</remarks>
internal sealed class Eviction(long budgetBytes)
{
    private readonly Lock _lock = new();
    private CachedResource? _newest;
    private CachedResource? _oldest;
    private CachedResource? _hand;
    private CachedResource? _sweep;
    private long _size;
    private long _count;
    private long _evicted;

    public long SizeBytes => Volatile.Read(ref _size);

    public long Count => Volatile.Read(ref _count);

    public long Evicted => Volatile.Read(ref _evicted);

    /// <summary>Enters a resource, in place of an older one of the same key, and returns what had to go for it.</summary>
    public List<CachedResource>? Add(CachedResource resource, CachedResource? replaced)
    {
        List<CachedResource>? victims = null;
        lock (_lock)
        {
            Link_NeedsLock(resource);
            if (replaced is { IsLinked: true })
            {
                resource.Visited = replaced.Visited;
                Unlink_NeedsLock(replaced);
            }
            while (_size > budgetBytes && NextVictim_NeedsLock(resource) is { } victim)
            {
                Unlink_NeedsLock(victim);
                _evicted++;
                (victims ??= []).Add(victim);
            }
        }
        return victims;
    }

    /// <summary>Takes a resource out that has left the store; nothing happens if it is out already.</summary>
    public void Remove(CachedResource resource)
    {
        lock (_lock)
            if (resource.IsLinked)
                Unlink_NeedsLock(resource);
    }

    /// <summary>Takes all out.</summary>
    public void Clear()
    {
        lock (_lock)
            while (_oldest is not null)
                Unlink_NeedsLock(_oldest);
    }

    /// <summary>
    /// Takes out what has expired, some entries at a time: from the newest to the oldest, over several calls.
    /// </summary>
    /// <param name="now">The time.</param>
    /// <param name="expired">What was taken out is added here.</param>
    /// <returns>Whether there is more to look at.</returns>
    public bool Sweep(DateTimeOffset now, List<CachedResource> expired)
    {
        const int steps = 256; // so many at most while others wait for the lock
        lock (_lock)
        {
            _sweep ??= _newest;
            for (var step = 0; step < steps && _sweep is { } resource; step++)
            {
                _sweep = resource.Older;
                if (resource.Expires > now)
                    continue;
                Unlink_NeedsLock(resource);
                expired.Add(resource);
            }
            return _sweep is not null;
        }
    }

    private CachedResource? NextVictim_NeedsLock(CachedResource newcomer)
    {
        var candidate = _hand ?? _oldest;
        // Two rounds at most: the first takes back every bit.
        for (var steps = 2 * _count; candidate is not null && steps > 0; steps--)
        {
            if (!candidate.Visited && candidate != newcomer)
            {
                _hand = candidate;
                return candidate;
            }
            candidate.Visited = false;
            candidate = candidate.Newer ?? _oldest;
        }
        return null;
    }

    private void Link_NeedsLock(CachedResource resource)
    {
        resource.Older = _newest;
        if (_newest is not null)
            _newest.Newer = resource;
        _newest = resource;
        _oldest ??= resource;
        resource.IsLinked = true;
        resource.OnStored();
        _size += resource.Size;
        _count++;
    }

    private void Unlink_NeedsLock(CachedResource resource)
    {
        if (_hand == resource)
            _hand = resource.Newer;
        if (_sweep == resource)
            _sweep = resource.Older;
        if (resource.Newer is null)
            _newest = resource.Older;
        else
            resource.Newer.Older = resource.Older;
        if (resource.Older is null)
            _oldest = resource.Newer;
        else
            resource.Older.Newer = resource.Newer;
        resource.Newer = resource.Older = null;
        resource.IsLinked = false;
        resource.OnRemoved();
        _size -= resource.Size;
        _count--;
    }
}
