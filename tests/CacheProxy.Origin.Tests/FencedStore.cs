using CacheProxy.Coherence;

namespace CacheProxy.Origin.Tests;

/// <summary>
/// A remote store in memory that keeps the promises of <see cref="IRemoteStore"/>, fenced by one node's marks, whose order it takes as the shared
/// one. It has no lifetimes. Counts what it is asked, and can be away.
/// </summary>
internal sealed class FencedStore(CoherenceNode order) : IRemoteStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (RemoteItem Item, long Local, TimeSpan Lifetime)> _items = [];
    private readonly Dictionary<string, (RemoteLease Lease, long Local)> _leases = [];
    private long _token;

    public bool IsAway { get; set; }

    public int Finds { get; private set; }

    public int Stores { get; private set; }

    public int Leases
    {
        get { lock (_lock) return _leases.Count; }
    }

    public IReadOnlyDictionary<string, RemoteItem> Items
    {
        get { lock (_lock) return _items.ToDictionary(pair => pair.Key, pair => pair.Value.Item); }
    }

    public TimeSpan LifetimeOf(string key)
    {
        lock (_lock)
            return _items[key].Lifetime;
    }

    /// <summary>Puts an item there as another program would.</summary>
    public void Plant(string key, RemoteItem item)
    {
        lock (_lock)
            _items[key] = (item, order.Applied, TimeSpan.FromHours(1));
    }

    public ValueTask<RemoteFind> FindAsync(string key, string? lease, CancellationToken cancellation)
    {
        if (IsAway)
            return new(default(RemoteFind));
        lock (_lock)
        {
            Finds++;
            var standing = order.Standing;
            if (_items.TryGetValue(key, out var there) && order.Marks.Find(key, there.Item.Tags, there.Local) < MarkStrength.Invalid)
                return new(new RemoteFind(RemoteFindKind.Found, [there.Item], null, standing.Shared));
            if (lease is null)
                return new(new RemoteFind(RemoteFindKind.Missing, [], null, standing.Shared));
            if (_leases.TryGetValue(lease, out var held) && order.Marks.Find("", [Tag.Of(lease)], held.Local) < MarkStrength.Invalid)
                return new(new RemoteFind(RemoteFindKind.Held, [], null, standing.Shared));
            var token = new RemoteLease(lease, ++_token);
            _leases[lease] = (token, standing.Local);
            return new(new RemoteFind(RemoteFindKind.Missing, [], token, standing.Shared));
        }
    }

    public ValueTask<bool> StoreAsync(string key, RemoteItem item, RemoteLease? lease, TimeSpan lifetime, CancellationToken cancellation)
    {
        if (IsAway)
            return new(false);
        lock (_lock)
        {
            Stores++;
            if (lease is not null)
            {
                if (!_leases.TryGetValue(lease.Name, out var held) || held.Lease != lease)
                    return new(false);
                _leases.Remove(lease.Name);
            }
            return new(Put_NeedsLock(key, item, lifetime, mustHold: true));
        }
    }

    public ValueTask<bool> StoreIfNewerAsync(string key, RemoteItem item, TimeSpan lifetime, CancellationToken cancellation)
    {
        if (IsAway)
            return new(false);
        lock (_lock)
        {
            Stores++;
            if (_items.TryGetValue(key, out var there) && there.Item.Version >= item.Version)
                return new(false);
            return new(Put_NeedsLock(key, item, lifetime, mustHold: false));
        }
    }

    public ValueTask ReleaseAsync(string key, RemoteLease lease, CancellationToken cancellation)
    {
        lock (_lock)
            if (_leases.TryGetValue(lease.Name, out var held) && held.Lease == lease)
                _leases.Remove(lease.Name);
        return ValueTask.CompletedTask;
    }

    /// <summary>In this order local and shared numbers run side by side.</summary>
    private bool Put_NeedsLock(string key, RemoteItem item, TimeSpan lifetime, bool mustHold)
    {
        var now = order.Standing;
        if (item.Fill.Generation != now.Shared.Generation)
            return false;
        var local = now.Local - (now.Shared.Sequence - item.Fill.Sequence);
        if (mustHold && order.Marks.Find(key, item.Tags, local) >= MarkStrength.Invalid)
            return false;
        _items[key] = (item, local, lifetime);
        return true;
    }
}
