namespace CacheProxy.Storage;

/// <summary>
/// Keeps the store within its budget of bytes by SIEVE (Zhang et al., NSDI 2024): entries stand in the order of insertion; a hit only sets
/// a bit; when room is needed a hand moves from old to new, spares what was visited since it last came by, and evicts the rest.
/// </summary>
/// <remarks>
/// The lock guards the order, the hand and the sum. Nothing is called while it is held.
/// <para>
/// Neighbours are known by number, not by reference: a collector that walks a list of a million objects has to remember all that it passes, and a
/// collection of young objects which comes meanwhile goes through that memory twice.
/// </para>
/// </remarks>
internal sealed class Eviction(long budgetBytes)
{
    private const int None = 0;

    private readonly Lock _lock = new();
    private readonly Places _places = new();
    private int _newest = None;
    private int _oldest = None;
    private int _hand = None;
    private int _sweep = None;
    private long _size;
    private long _count;
    private long _evicted;

    public long SizeBytes => Volatile.Read(ref _size);

    public long Count => Volatile.Read(ref _count);

    public long Evicted => Volatile.Read(ref _evicted);

    /// <summary>Enters a resource, in place of an older one of the same key.</summary>
    public void Add(CachedResource resource, CachedResource? replaced)
    {
        lock (_lock)
        {
            Enter_NeedsLock(resource);
            if (replaced is null || replaced.Place == None)
                return;
            resource.Visited = replaced.Visited;
            Leave_NeedsLock(replaced);
        }
    }

    /// <summary>Takes out what has to go for a newcomer; to be called until it returns <c>null</c>: there is room, or nothing else to take.</summary>
    public CachedResource? Evict(CachedResource newcomer)
    {
        if (SizeBytes <= budgetBytes)
            return null;
        lock (_lock)
        {
            if (_size <= budgetBytes || NextVictim_NeedsLock(newcomer) is not { } victim)
                return null;
            Leave_NeedsLock(victim);
            _evicted++;
            return victim;
        }
    }

    /// <summary>Takes a resource out that has left the store; nothing happens if it is out already.</summary>
    public void Remove(CachedResource resource)
    {
        lock (_lock)
            if (resource.Place != None)
                Leave_NeedsLock(resource);
    }

    /// <summary>Takes all out.</summary>
    public void Clear()
    {
        lock (_lock)
            while (_oldest != None)
                Leave_NeedsLock(_places[_oldest].Resource!);
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
            if (_sweep == None)
                _sweep = _newest;
            for (var step = 0; step < steps && _sweep != None; step++)
            {
                var (resource, older) = (_places[_sweep].Resource!, _places[_sweep].Older);
                if (resource.Expires <= now)
                {
                    Leave_NeedsLock(resource);
                    expired.Add(resource);
                }
                _sweep = older;
            }
            return _sweep != None;
        }
    }

    private CachedResource? NextVictim_NeedsLock(CachedResource newcomer)
    {
        var candidate = _hand == None ? _oldest : _hand;
        // Two rounds at most: the first takes back every bit.
        for (var steps = 2 * _count; candidate != None && steps > 0; steps--)
        {
            ref var place = ref _places[candidate];
            var resource = place.Resource!;
            if (!resource.Visited && resource != newcomer)
            {
                _hand = candidate;
                return resource;
            }
            resource.Visited = false;
            candidate = place.Newer == None ? _oldest : place.Newer;
        }
        return null;
    }

    private void Enter_NeedsLock(CachedResource resource)
    {
        var number = resource.Place = _places.Take();
        _places[number] = new Place { Resource = resource, Older = _newest };
        if (_newest == None)
            _oldest = number;
        else
            _places[_newest].Newer = number;
        _newest = number;
        resource.OnStored();
        _size += resource.Size;
        _count++;
    }

    private void Leave_NeedsLock(CachedResource resource)
    {
        var number = resource.Place;
        var (newer, older) = (_places[number].Newer, _places[number].Older);
        if (_hand == number)
            _hand = newer;
        if (_sweep == number)
            _sweep = older;
        if (newer == None)
            _newest = older;
        else
            _places[newer].Older = older;
        if (older == None)
            _oldest = newer;
        else
            _places[older].Newer = newer;
        _places.Return(number);
        resource.Place = None;
        resource.OnRemoved();
        _size -= resource.Size;
        _count--;
        if (_count == 0)
            _places.Clear();
    }

    /// <summary>Where a resource stands in the order.</summary>
    private struct Place
    {
        public CachedResource? Resource;
        public int Newer, Older;
    }

    /// <summary>Places by their numbers, from 1 on, in arrays that are never copied.</summary>
    private sealed class Places
    {
        private const int Bits = 10, Length = 1 << Bits;

        private readonly List<Place[]> _arrays = [];
        private int _used;
        private int _free = None; // the first of them; each has the next in place of its newer one

        public ref Place this[int number] => ref _arrays[number >> Bits][number & (Length - 1)];

        public int Take()
        {
            if (_free != None)
            {
                var number = _free;
                _free = this[number].Newer;
                return number;
            }
            _used++;
            if (_used >> Bits == _arrays.Count)
                _arrays.Add(new Place[Length]);
            return _used;
        }

        public void Return(int number)
        {
            this[number] = new Place { Newer = _free };
            _free = number;
        }

        /// <summary>All have been returned: the memory is, too, but for the first array.</summary>
        public void Clear()
        {
            _arrays.RemoveRange(1, _arrays.Count - 1);
            _used = 0;
            _free = None;
        }
    }
}
