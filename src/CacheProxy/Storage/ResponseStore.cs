using CacheProxy.Coherence;
using CacheProxy.Keys;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Internal;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Storage;

/// <summary>
/// The stored responses, in <see cref="IMemoryCache"/> with absolute expiration and a budget of bytes.
/// </summary>
/// <remarks>
/// Finding takes no lock. What changes a key (store, remove, evict) does so under the lock of the key's stripe, and never holds two.
/// Invalidations need none: who takes a stored response from here asks its fence before using it. Each stripe has a memory cache of its own: one
/// for all would stand still for a second when it grows beyond a million entries, because its dictionary makes all of its nodes anew.
/// <para>
/// What has expired is not found any more, but stays counted until it is taken out: by what is stored in its place, or by the sweep. The
/// memory cache is told to wait for that, so that nothing leaves it uncounted; a callback on each entry, which would tell as much, costs
/// three objects an entry, and a task when it goes.
/// </para>
/// </remarks>
internal sealed class ResponseStore : IDisposable
{
    /// <summary>
    /// Few enough for what each look reads of a memory cache itself to stay in a core's first caches, and so many that a dictionary of a million entries grows
    /// within milliseconds.
    /// </summary>
    private const int Stripes = 64;

    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(1);

    /// <summary>It is worth a pause to give back that much.</summary>
    private const long MuchMemory = 64 << 20;

    private readonly Eviction _eviction;
    private readonly CoherenceNode _node;
    private readonly CacheClock _clock;
    private readonly long _budgetBytes;
    private readonly int _maxVariants;
    private readonly long _maxVariantsBytes;
    private readonly Stripe[] _stripes = new Stripe[Stripes];
    private readonly LastSweep _lastSweep;
    private readonly ITimer _sweepTimer;

    public ResponseStore(long budgetBytes, int maxVariants, CoherenceNode node, CacheClock clock)
    {
        _eviction = new Eviction(budgetBytes);
        _node = node;
        _clock = clock;
        _budgetBytes = budgetBytes;
        _maxVariants = maxVariants;
        _maxVariantsBytes = budgetBytes / 2; // a URL's variants go together when evicted, so one URL must leave room for others
        _lastSweep = new LastSweep(clock.Now);
        for (var i = 0; i < Stripes; i++)
            _stripes[i] = new Stripe(_lastSweep);
        _sweepTimer = clock.CreateTimer(Sweep);
        _sweepTimer.Change(SweepInterval, Timeout.InfiniteTimeSpan);
    }

    public long SizeBytes => _eviction.SizeBytes;

    public long Count => _eviction.Count;

    public long Evicted => _eviction.Evicted;

    /// <summary>All that is stored at some moment while one goes through it, in no order.</summary>
    public IEnumerable<CachedResource> All =>
        _stripes.SelectMany(stripe => stripe.Cache.Keys.Select(stripe.Get)).OfType<CachedResource>().Where(resource => resource.Expires > _clock.Now);

    /// <summary>Everything stored under the key; <c>null</c> when nothing is, or when it has expired.</summary>
    public CachedResource? Find(ReadOnlySpan<char> key, DateTimeOffset now)
    {
        if (!StripeOf(key).Cache.TryGetValue(key, out object? value))
            return null;
        var resource = (CachedResource)value!;
        if (resource.Expires <= now)
            return null;
        if (!resource.Visited) // reading first keeps a hot entry's cache line shared between cores
            resource.Visited = true;
        return resource;
    }

    /// <summary>The newest stored response that the request selects by Vary (RFC 9111 section 4.1).</summary>
    public static StoredResponse? Select(CachedResource resource, IDictionary<string, StringValues> requestFields)
    {
        foreach (var variant in resource.Variants)
            if (variant.VaryFields.Length == 0 || Vary.Matches(variant.VaryFields, variant.VaryValues, requestFields))
                return variant;
        return null;
    }

    /// <summary>The same by one Accept-Encoding line as it came, empty when there is none; <c>null</c> also where it takes more than that to say.</summary>
    public static StoredResponse? Select(CachedResource resource, ReadOnlySpan<byte> acceptEncoding)
    {
        var (codings, isRead) = (default(string), false);
        foreach (var variant in resource.Variants)
        {
            if (variant.VaryFields.Length == 0)
                return variant;
            if (!AcceptEncoding.IsAllOf(variant.VaryFields) || !(isRead || AcceptEncoding.TryNormalise(acceptEncoding, out codings)))
                return null;
            isRead = true;
            if (variant.VaryValues[0] == codings)
                return variant;
        }
        return null;
    }

    /// <summary>
    /// The stored response in the language that the request likes best, for one that selects none by its own text (see <see cref="LanguageChoice"/>):
    /// the most exact, of those the newest.
    /// </summary>
    public static StoredResponse? SelectByLanguage(CachedResource resource, IDictionary<string, StringValues> requestFields)
    {
        requestFields.TryGetValue("Accept-Language", out var acceptLanguage);
        var preferred = LanguageChoice.Preferred(acceptLanguage);
        if (preferred.IsEmpty)
            return null;
        var (chosen, best) = (default(StoredResponse), 0);
        foreach (var variant in resource.Variants)
            if (!variant.IsIncomplete && LanguageChoice.Match(preferred, variant.ReadField("Content-Language")) is var match && match > best
                && Vary.MatchesButForLanguage(variant.VaryFields, variant.VaryValues, requestFields))
                (chosen, best) = (variant, match);
        return chosen;
    }

    /// <summary>Stores a response unless an invalidation came after its fetch began.</summary>
    /// <param name="key">The cache key.</param>
    /// <param name="response">A whole response, held by the caller; the store takes a hold of its own.</param>
    /// <param name="retention">How long it is worth keeping; nothing is stored when it is not positive.</param>
    /// <returns>
    /// Whether it is stored: not when it has been overtaken by an invalidation or by a later response in its place, or is larger than the budget.
    /// </returns>
    public bool Store(string key, StoredResponse response, TimeSpan retention)
    {
        if (retention <= TimeSpan.Zero)
            return false;
        CachedResource resource;
        var stripe = StripeOf(key);
        lock (stripe.Lock)
        {
            if (response.Fence.Check(_node) != MarkStrength.None)
                return false;
            var now = _clock.Now;
            var replaced = stripe.Get(key);
            var present = replaced?.Expires > now ? replaced : null;
            if (present is not null && HasLater(present, response))
                return false;
            var expires = Later(now + retention, present?.Expires);
            response.TryHold(); // the caller holds it, so this does not fail
            resource = present is null ? new CachedResource(key, [response], expires) : new CachedResource(key, Merge(response, present), expires);
            if (resource.Size > _budgetBytes)
            {
                resource.Release();
                return false;
            }
            _eviction.Add(resource, replaced);
            using var entry = stripe.Cache.CreateEntry(key);
            entry.Value = resource;
            entry.AbsoluteExpiration = expires + (2 * SweepInterval);
        }
        while (_eviction.Evict(resource) is { } victim)
            RemoveEvicted(victim);
        return true;
    }

    /// <summary>Removes everything under the key.</summary>
    /// <returns>Whether there was anything that has parts under other keys.</returns>
    public bool Remove(string key)
    {
        var stripe = StripeOf(key);
        lock (stripe.Lock)
        {
            if (stripe.Get(key) is not { } resource)
                return false;
            Drop_NeedsLock(stripe, resource);
            foreach (var variant in resource.Variants)
                if (variant.IsIncomplete)
                    return true;
            return false;
        }
    }

    /// <summary>Removes one stored response, if it is still there.</summary>
    public void Remove(string key, StoredResponse response)
    {
        var stripe = StripeOf(key);
        lock (stripe.Lock)
            if (stripe.Get(key) is { } resource && resource.Variants.Contains(response))
                Drop_NeedsLock(stripe, resource);
    }

    /// <summary>Takes out what an invalidation hides for good.</summary>
    public void RemoveHidden()
    {
        var before = SizeBytes;
        foreach (var resource in All)
            foreach (var stored in resource.Variants)
                if (stored.Fence.Check(_node) == MarkStrength.Hard)
                    Remove(resource.Key, stored);
        ReturnMemory(before - SizeBytes);
    }

    public void Dispose()
    {
        _sweepTimer.Dispose();
        foreach (var stripe in _stripes)
            stripe.Dispose();
        _eviction.Clear();
    }

    private Stripe StripeOf(ReadOnlySpan<char> key) => _stripes[string.GetHashCode(key) & (Stripes - 1)];

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset? other) => other > one ? other.Value : one;

    /// <summary>
    /// The newest first; as many of the older ones as the number allows and half of the budget, since a key is evicted as a whole. All held: what is
    /// being evicted is left out.
    /// </summary>
    private StoredResponse[] Merge(StoredResponse response, CachedResource replaced)
    {
        var merged = new List<StoredResponse>(replaced.Variants.Length + 1) { response };
        var size = response.Size;
        foreach (var variant in replaced.Variants)
        {
            if (SameVariant(variant, response))
                continue;
            size += variant.Size;
            if (merged.Count == _maxVariants || size > _maxVariantsBytes)
                break; // the oldest go
            if (variant.TryHold())
                merged.Add(variant);
        }
        return [.. merged.OrderByDescending(static variant => variant.ResponseTime)];
    }

    /// <summary>Whether the origin has given another in its place since: a slow body is whole long after its head came.</summary>
    private static bool HasLater(CachedResource resource, StoredResponse response)
    {
        foreach (var variant in resource.Variants)
            if (variant.ResponseTime > response.ResponseTime && SameVariant(variant, response))
                return true;
        return false;
    }

    private static bool SameVariant(StoredResponse one, StoredResponse other) =>
        one.VaryFields.AsSpan().SequenceEqual(other.VaryFields, StringComparer.OrdinalIgnoreCase)
        && one.VaryValues.AsSpan().SequenceEqual(other.VaryValues);

    private void Sweep()
    {
        var began = _clock.Now;
        var expired = new List<CachedResource>();
        bool more;
        do
        {
            more = _eviction.Sweep(_clock.Now, expired);
            foreach (var resource in expired)
                RemoveEvicted(resource);
            expired.Clear();
        }
        while (more);
        _lastSweep.Ended(began);
        _sweepTimer.Change(SweepInterval, Timeout.InfiniteTimeSpan);
    }

    /// <summary>After a purge the process is to be as small as what it keeps. Collector and allocator would keep it for the next time.</summary>
    private static void ReturnMemory(long removedBytes)
    {
        if (removedBytes < MuchMemory)
            return;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        Block.ReturnFree();
    }

    /// <summary>Removes what the eviction has taken out, unless something else is stored in its place.</summary>
    private void RemoveEvicted(CachedResource resource)
    {
        var stripe = StripeOf(resource.Key);
        lock (stripe.Lock)
            if (stripe.Get(resource.Key) == resource)
                stripe.Remove(resource.Key);
    }

    private void Drop_NeedsLock(Stripe stripe, CachedResource resource)
    {
        stripe.Remove(resource.Key);
        _eviction.Remove(resource);
    }

    /// <summary>
    /// The memory caches' own clock: the time up to which the sweep has taken out what expired. They would ask it at each look, and must let go nothing
    /// that is counted.
    /// </summary>
    private sealed class LastSweep(DateTimeOffset start) : ISystemClock
    {
        private long _ticks = start.UtcTicks;

        public DateTimeOffset UtcNow => new(Volatile.Read(ref _ticks), TimeSpan.Zero);

        public void Ended(DateTimeOffset began) => Volatile.Write(ref _ticks, began.UtcTicks);
    }
}
