namespace CacheProxy.Benchmarks.Eviction;

/// <summary>Least recently used.</summary>
internal sealed class Lru(int capacity, int keys) : Cache
{
    private readonly KeyQueue _queue = new(new Links(keys));
    private readonly bool[] _stored = new bool[keys];

    public override bool Ask(int key)
    {
        var hit = _stored[key];
        if (hit)
            _queue.Remove(key);
        _queue.Add(key);
        _stored[key] = true;
        if (_queue.Count > capacity)
            _stored[_queue.RemoveOldest()] = false;
        return hit;
    }

    public override bool Holds(int key) => _stored[key];
}

/// <summary>SIEVE (Zhang et al., NSDI 2024), as the store has it.</summary>
internal sealed class Sieve : Cache
{
    private readonly int _capacity;
    private readonly Links _links;
    private readonly KeyQueue _queue;
    private readonly bool[] _stored;
    private readonly bool[] _visited;
    private int _hand = Links.None;

    public Sieve(int capacity, int keys)
    {
        (_capacity, _links, _stored, _visited) = (capacity, new Links(keys), new bool[keys], new bool[keys]);
        _queue = new KeyQueue(_links);
    }

    public override bool Ask(int key)
    {
        if (_stored[key])
            return _visited[key] = true;
        if (_queue.Count == _capacity)
            Evict();
        _queue.Add(key);
        _stored[key] = true;
        return false;
    }

    public override bool Holds(int key) => _stored[key];

    private void Evict()
    {
        var candidate = _hand == Links.None ? _queue.Oldest : _hand;
        while (_visited[candidate])
        {
            _visited[candidate] = false;
            candidate = _links.Newer[candidate] == Links.None ? _queue.Oldest : _links.Newer[candidate];
        }
        _hand = _links.Newer[candidate];
        _queue.Remove(candidate);
        _stored[candidate] = false;
    }
}

/// <summary>
/// S3-FIFO (Yang et al., SOSP 2023): a tenth of the room is for newcomers; who is asked for again there moves to the main queue, who is
/// not leaves only its name, and goes straight to the main queue if it comes back soon.
/// </summary>
internal sealed class S3Fifo : Cache
{
    private const int MostUses = 3;
    private enum Place : byte { Nowhere, Small, Main, Ghost }

    private readonly int _smallCapacity;
    private readonly int _mainCapacity;
    private readonly KeyQueue _small, _main, _ghosts;
    private readonly Place[] _place;
    private readonly byte[] _uses;

    public S3Fifo(int capacity, int keys)
    {
        _smallCapacity = Math.Max(capacity / 10, 1);
        _mainCapacity = capacity - _smallCapacity;
        var links = new Links(keys);
        (_small, _main, _ghosts) = (new(links), new(links), new(links));
        (_place, _uses) = (new Place[keys], new byte[keys]);
    }

    public override bool Ask(int key)
    {
        if (_place[key] is Place.Small or Place.Main)
        {
            _uses[key] = (byte)Math.Min(_uses[key] + 1, MostUses);
            return true;
        }

        var isBack = _place[key] == Place.Ghost;
        if (isBack)
            _ghosts.Remove(key);
        _place[key] = Place.Nowhere;
        while (_small.Count + _main.Count >= _smallCapacity + _mainCapacity)
            Evict();
        _uses[key] = 0;
        Enter(key, isBack ? Place.Main : Place.Small);
        return false;
    }

    public override bool Holds(int key) => _place[key] is Place.Small or Place.Main;

    private void Evict()
    {
        if (_small.Count >= _smallCapacity || _main.Count == 0)
        {
            var key = _small.RemoveOldest();
            Enter(key, _uses[key] > 1 ? Place.Main : Place.Ghost);
            _uses[key] = 0;
            if (_ghosts.Count > _mainCapacity)
                _place[_ghosts.RemoveOldest()] = Place.Nowhere;
            return;
        }

        while (true)
        {
            var key = _main.RemoveOldest();
            if (_uses[key] == 0)
            {
                _place[key] = Place.Nowhere;
                return;
            }
            _uses[key]--;
            _main.Add(key);
        }
    }

    private void Enter(int key, Place place)
    {
        _place[key] = place;
        (place switch { Place.Small => _small, Place.Main => _main, _ => _ghosts }).Add(key);
    }
}

/// <summary>
/// Admission on second use: what has not been asked for lately is answered but not stored. Names are remembered for as many keys as the
/// cache holds objects. While there is room all is admitted.
/// </summary>
internal sealed class SecondUse(Cache cache, int capacity, int keys) : Cache
{
    private readonly KeyQueue _names = new(new Links(keys));
    private readonly bool[] _named = new bool[keys];
    private int _stored;

    public override bool Ask(int key)
    {
        if (cache.Holds(key) || _stored++ < capacity)
            return cache.Ask(key);
        if (_named[key])
        {
            _names.Remove(key);
            _named[key] = false;
            return cache.Ask(key);
        }

        _names.Add(key);
        _named[key] = true;
        if (_names.Count > capacity)
            _named[_names.RemoveOldest()] = false;
        return false;
    }

    public override bool Holds(int key) => cache.Holds(key);
}
