using System.Buffers;
using CacheProxy.Coherence;
using CacheProxy.Origin.Groups;
using CacheProxy.Origin.Workers;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CacheProxy.Origin;

/// <summary>
/// A <see cref="HybridCache"/> in two levels, this process and a remote store that all nodes share, whose entries are fenced by the order of
/// invalidations: what was read before one is never served after it.
/// </summary>
/// <remarks>
/// <para>A read: (1) the process's entry, if it is fresh and no mark is on it; else (2) a flight, which asks the remote store and then the factory,
/// once for any number of callers; (3) what it brings is kept only if nothing has overtaken it. Each entry remembers where the node stood before
/// the flight began.</para>
/// <para>A caller joins a flight that began after every mark known to concern the key when the caller came. The groups that a factory is seen to
/// read are known only at its end, so they are asked about again there: a caller who came after a mark on one of them goes round once more.</para>
/// </remarks>
public sealed partial class OriginCache : HybridCache, IDisposable
{
    /// <summary>After a failure that a stale value stood in for, and between attempts to refresh.</summary>
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly CoherenceNode _node;
    private readonly IRemoteStore? _remote;
    private readonly MemoryCache _local;
    private readonly OriginCacheOptions _options;
    private readonly TimeSpan _writeWait;
    private readonly Flights _flights = new();
    private readonly Serializers _serializers;
    private readonly IServiceScopeFactory _scopes;
    private readonly TopKeys _topKeys;
    private readonly OriginMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<OriginCache> _log;
    private readonly Lock _versions = new();

    /// <param name="node">This node's view of the order.</param>
    /// <param name="options">Limits and defaults.</param>
    /// <param name="coherence">How long a removal waits for other nodes.</param>
    /// <param name="services">Where serializers and <see cref="IServiceScopeFactory"/> are; and an <see cref="IRemoteStore"/>, if it is not to be the node's.</param>
    public OriginCache(CoherenceNode node, IOptions<OriginCacheOptions> options, IOptions<CoherenceOptions> coherence, IServiceProvider services)
    {
        _node = node;
        _remote = services.GetService<IRemoteStore>() ?? node.Store;
        _options = options.Value;
        _writeWait = coherence.Value.WriteWait;
        _local = new MemoryCache(new MemoryCacheOptions { SizeLimit = _options.LocalEntries, TrackStatistics = true });
        _serializers = new Serializers(services);
        _scopes = services.GetRequiredService<IServiceScopeFactory>();
        _topKeys = services.GetRequiredService<TopKeys>();
        _metrics = services.GetRequiredService<OriginMetrics>();
        _time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        _log = services.GetRequiredService<ILogger<OriginCache>>();
        _metrics.Meter.CreateObservableGauge("cacheproxy.origin.entries", () => (long)_local.Count, "{entry}", "Entries in this process.");
    }

    private bool HasRemote => _remote is not null;

    /// <inheritdoc/>
    public override ValueTask<T> GetOrCreateAsync<TState, T>(
        string key, TState state, Func<TState, CancellationToken, ValueTask<T>> factory, HybridCacheEntryOptions? options = null,
        IEnumerable<string>? tags = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(factory);
        return ReadAsync(key, state, factory, Terms.Of(_options.Default, options, HasRemote), GroupsOf(tags), cancellationToken);
    }

    /// <summary>The value of an id, from a cache or from the kind's loader.</summary>
    public ValueTask<T> GetAsync<T>(EntryKind<T> kind, string id, CancellationToken cancellation)
    {
        if (kind.Policy.Lifetime == TimeSpan.Zero)
            return kind.LoadAsync(_scopes, id, cancellation);
        var terms = Terms.Of(kind.Policy, kind.Name, HasRemote);
        var key = kind.KeyOf(id);
        _topKeys.Touch(key);
        if (!TryReadLocal<T>(key, terms, out var value, out var refresh))
            return ReadRestAsync(key, (this, kind, id), Load, terms, FencesOf(kind, id), cancellation);
        if (refresh is not null)
            BeginRefresh(key, refresh, (this, kind, id), Load, terms, FencesOf(kind, id), "early");
        return new ValueTask<T>(value);
    }

    /// <summary>Begins to make an entry anew if its time for it has come. Whether it did.</summary>
    internal bool RefreshIfDue<T>(EntryKind<T> kind, string id)
    {
        var key = kind.KeyOf(id);
        if (!_node.IsInTouch || !_local.TryGetValue(key, out Entry? entry) || entry!.Check(_node) != MarkStrength.None || !TakeRefresh(entry))
            return false;
        return BeginRefresh(key, entry, (this, kind, id), Load, Terms.Of(kind.Policy, kind.Name, HasRemote), FencesOf(kind, id), "hot");
    }

    public void Dispose() => _local.Dispose();

    private static ValueTask<T> Load<T>((OriginCache Cache, EntryKind<T> Kind, string Id) state, CancellationToken cancellation) =>
        state.Kind.LoadAsync(state.Cache._scopes, state.Id, cancellation);

    private static Group[] FencesOf<T>(EntryKind<T> kind, string id) => kind.Policy.Writes == WritePolicy.Ttl ? [] : kind.GroupsOf(id);

    private ValueTask<T> ReadAsync<TState, T>(
        string key, TState state, Func<TState, CancellationToken, ValueTask<T>> factory, Terms terms, Group[] groups, CancellationToken cancellation)
    {
        if (!IsUsable(key))
        {
            _metrics.Read(terms.Kind, "uncached");
            return terms.MakesValue ? factory(state, cancellation) : new ValueTask<T>(default(T)!);
        }
        if (!TryReadLocal<T>(key, terms, out var value, out var refresh))
            return ReadRestAsync(key, state, factory, terms, groups, cancellation);
        if (refresh is not null)
            BeginRefresh(key, refresh, state, factory, terms, groups, "early");
        return new ValueTask<T>(value);
    }

    /// <summary>Step 1. Takes no lock and waits for nothing.</summary>
    /// <param name="key">The key.</param>
    /// <param name="terms">What the call asks.</param>
    /// <param name="value">The value.</param>
    /// <param name="refresh">The entry, when the caller is to refresh it.</param>
    private bool TryReadLocal<T>(string key, in Terms terms, out T value, out Entry? refresh)
    {
        (value, refresh) = (default!, null);
        var scope = CacheScope.Current;
        var now = _time.GetTimestamp();
        if (FindLocal(key, terms, scope?.Need, now) is not { } entry || !TryGive(entry, out value))
            return false;
        if (now >= entry.RefreshAt && terms.MakesValue && TakeRefresh(entry))
            refresh = entry;
        scope?.Read.Add(entry.Groups);
        _metrics.Read(terms.Kind, "local");
        return true;
    }

    /// <summary>The process's entry, if it may be read, is fresh, and no mark is on it.</summary>
    private Entry? FindLocal(string key, in Terms terms, Position? need, long now) =>
        terms.ReadsLocal && need is null && _node.IsInTouch && _local.TryGetValue(key, out Entry? entry) && now < entry!.FreshUntil
            && entry.Check(_node) == MarkStrength.None
            ? entry
            : null;

    /// <summary>Steps 2 and 3, by oneself or by joining who is at it.</summary>
    private async ValueTask<T> ReadRestAsync<TState, T>(
        string key, TState state, Func<TState, CancellationToken, ValueTask<T>> factory, Terms terms, Group[] groups, CancellationToken cancellation)
    {
        var scope = CacheScope.Current;
        var id = new FlightId(key, typeof(T), terms.Flags);
        var arrived = _node.Applied; // once: what began after that is new enough, however much is written meanwhile
        Entry? useless = null; // an entry that was found but could not be given
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            var boarding = _flights.JoinOrBegin(
                id, (Cache: this, Key: key, Groups: groups, Arrived: arrived, scope?.Need, Terms: terms, Useless: useless),
                static (flight, caller) => caller.Cache.IsInTime(flight, caller.Key, caller.Groups, caller.Arrived, caller.Need),
                static caller =>
                {
                    var now = caller.Cache._time.GetTimestamp();
                    var isThere = caller.Cache.FindLocal(caller.Key, caller.Terms, caller.Need, now) is { } entry && entry != caller.Useless;
                    return isThere ? null : new Flight(caller.Cache._node.Standing, caller.Need, now);
                });
            if (boarding is not var (flight, isOwn))
            {
                useless = FindLocal(key, terms, scope?.Need, _time.GetTimestamp());
                if (!TryReadLocal<T>(key, terms, out var kept, out var refresh))
                    continue;
                if (refresh is not null)
                    BeginRefresh(key, refresh, state, factory, terms, groups, "early");
                return kept;
            }
            if (isOwn)
                _ = FlyAsync(flight, id, state, factory, terms, groups, isRefresh: false);
            Entry entry;
            try
            {
                entry = await flight.Result.WaitAsync(cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                _flights.Leave(id, flight);
                throw;
            }
            if (flight.Standing.Local < arrived && entry.Check(_node) != MarkStrength.None)
                continue;
            if (!TryGive(entry, out T value))
                throw new InvalidOperationException($"The serializer of {typeof(T)} cannot read what it has written.");
            scope?.Read.Add(entry.Groups);
            if (!isOwn)
                _metrics.Read(terms.Kind, "shared");
            return value;
        }
    }

    /// <summary>Whether a caller may take what a flight brings, as far as is known before it lands.</summary>
    private bool IsInTime(Flight flight, string key, Group[] groups, long arrived, Position? need)
    {
        if (!_node.IsInTouch && _time.GetElapsedTime(flight.Began) > _node.Staleness)
            return false; // nobody could say what has been written since it began
        if (need is { } position && !(flight.Need is { Generation: not 0 } known && known.Generation == position.Generation && known.Sequence >= position.Sequence))
            return false;
        return flight.Standing.Local >= arrived || _node.Marks.Find(key, EntryTags.Of(key, groups), flight.Standing.Local) == MarkStrength.None;
    }

    private bool TakeRefresh(Entry entry)
    {
        var now = _time.GetTimestamp();
        return entry.TakeRefresh(now, now + Ticks(RetryAfter));
    }

    /// <summary>Whether it did: not where somebody is at it, or was since <paramref name="old"/> was found.</summary>
    private bool BeginRefresh<TState, T>(
        string key, Entry old, TState state, Func<TState, CancellationToken, ValueTask<T>> factory, Terms terms, Group[] groups, string reason)
    {
        var id = new FlightId(key, typeof(T), terms.Flags);
        var boarding = _flights.JoinOrBegin(
            id, (Cache: this, Key: key, Old: old),
            static (_, _) => true, // one that flies already will do
            static caller => caller.Cache._local.TryGetValue(caller.Key, out var there) && there == caller.Old
                ? new Flight(caller.Cache._node.Standing, null, caller.Cache._time.GetTimestamp())
                : null);
        if (boarding is not (var flight, true))
            return false;
        using (ExecutionContext.SuppressFlow())
            _ = Task.Run(() => FlyAsync(flight, id, state, factory, terms, groups, isRefresh: true));
        _metrics.Background(reason);
        return true;
    }

    /// <summary>The object an entry holds, or one of the caller's own, read from its bytes.</summary>
    private bool TryGive<T>(Entry entry, out T value)
    {
        switch (entry.Value)
        {
            case null:
                value = default!;
                return true;
            case SerializedValue { Bytes: var bytes }:
                try
                {
                    value = _serializers.For<T>().Deserialize(new ReadOnlySequence<byte>(bytes));
                    return true;
                }
                catch (Exception unreadable) when (unreadable is not OutOfMemoryException) // stored by a type of another shape: a miss
                {
                    value = default!;
                    return false;
                }
            case T own:
                value = own;
                return true;
            default:
                value = default!;
                return false;
        }
    }

    private bool IsUsable(string key) => !string.IsNullOrWhiteSpace(key) && key.Length <= _options.MaxKeyLength;

    private static Group[] GroupsOf(IEnumerable<string>? tags)
    {
        if (tags is null)
            return [];
        var groups = new List<Group>();
        foreach (var tag in tags)
        {
            if (string.IsNullOrWhiteSpace(tag) || tag == Tag.All)
                throw new ArgumentException($"'{tag}' is not a tag of an entry: it must not be empty, nor '{Tag.All}', which means every entry.", nameof(tags));
            groups.Add(new Group(tag));
        }
        return [.. groups];
    }

    private long Ticks(TimeSpan time) => (long)(time.TotalSeconds * _time.TimestampFrequency);
}
