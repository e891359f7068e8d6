using CacheProxy.Coherence;
using CacheProxy.Diagnostics;
using CacheProxy.Http;
using CacheProxy.Keys;
using CacheProxy.Policy;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Invalidation;

/// <summary>
/// Invalidates: what a write through the proxy may have changed, and what an operator names. Marks hide at once what they name; the memory of
/// it comes back behind.
/// </summary>
internal sealed class Invalidator
{
    private readonly CoherenceNode _node;
    private readonly ResponseStore _store;
    private readonly CacheMetrics _metrics;
    private readonly Lock _sweeping = new();
    private readonly TimeSpan _writeWait;
    private readonly TimeProvider _time;
    private int _sweepWanted;

    public Invalidator(CoherenceNode node, ResponseStore store, CacheMetrics metrics, CoherenceOptions options, TimeProvider time)
    {
        _writeWait = options.WriteWait;
        Staleness = options.Staleness;
        _time = time;
        _node = node;
        _store = store;
        _metrics = metrics;
        node.OnApplied += Release;
    }

    /// <summary>How long any node may lag behind.</summary>
    public TimeSpan Staleness { get; }

    /// <summary>Where a request that is about to go out stands; <c>null</c> when no other node counts with this one.</summary>
    public Position? Standing => _node.IsAlone ? null : _node.Standing.Shared;

    /// <summary>Where this node stands: <see cref="Coherence.Standing.Local"/>.</summary>
    public long Applied => _node.Applied;

    /// <summary>
    /// A successful unsafe method: its URI in all variants, those of Location and Content-Location in the same origin (RFC 9111 section 4.4), and
    /// the groups of Cache-Group-Invalidation (RFC 9875 section 3). Applied here when this returns.
    /// </summary>
    /// <param name="target">What was written to.</param>
    /// <param name="responseFields">The answer's.</param>
    /// <param name="since">Where this node stood when the write went out.</param>
    /// <returns>
    /// The place in the order (<c>null</c> when it has none yet); and the place at which what the write itself brought may be stored: <see cref="Standing.Local"/> of this invalidation, if it is the only one of
    /// the URI, and of the groups of the answer, since the write went out; <c>null</c> when that is not known.
    /// </returns>
    public async ValueTask<(Position? Position, long? Fill)> OnWriteAsync(WriteTarget target, IHeaderDictionary responseFields, long since)
    {
        var uri = target.Uri;
        var key = CacheKey.Text(uri);
        var tags = new List<string>(Tags.OfUri(key));
        AddReference(responseFields.Location);
        AddReference(responseFields.ContentLocation);
        var groups = StringList.Parse(responseFields["Cache-Group-Invalidation"]) ?? [];
        // Beyond what a response may be in, everything of the origin is meant: it can only be too much.
        var ban = groups.Length > Tags.MaxNames ? new Ban(BanKind.Prefix, Tags.OriginOf(key).ToString() + "/") : null;
        if (ban is null)
            tags.AddRange(groups.Select(group => Tags.Group(key, group)));
        _metrics.Invalidated("url");
        if (groups.Length > 0)
            _metrics.Invalidated("group");
        var before = _node.Applied;
        var isFirst = Tags.Of(key, responseFields["Cache-Groups"], responseFields["Surrogate-Key"], responseFields["Cache-Tag"]) is { } names
            && new Fence(key, [.. names, Tags.Path(key)], since).Check(_node) == MarkStrength.None;
        var receipt = await _node.InvalidateAsync(new Coherence.Invalidation(MarkStrength.Hard, tags, ban), _writeWait, CancellationToken.None);
        var after = _node.Applied;
        return (receipt.Position, isFirst && after == before + 1 ? after : null);

        void AddReference(StringValues reference)
        {
            if (reference.Count == 0 || UnsafeMethods.SameOriginTarget(reference, uri.Scheme, uri.Host, uri.Target) is not { } other)
                return;
            other = target.Rules?.Apply(other) ?? other;
            if (other != uri.Target)
                tags.AddRange(Tags.OfUri(CacheKey.Text(uri with { Target = other })));
        }
    }

    /// <summary>What an operator orders: applied here when this returns, elsewhere as the receipt says.</summary>
    /// <remarks>
    /// A node that is out of touch serves nothing that it has stored, but lets requests share a fetch for as long as the staleness bound. So if there is
    /// one, the answer comes no sooner than that; and where the wait is shorter, the node counts as lagging.
    /// </remarks>
    public async ValueTask<InvalidationReceipt> PurgeAsync(PurgeOrder order, TimeSpan wait, CancellationToken cancellation)
    {
        _metrics.Invalidated(order.Kind);
        var began = _time.GetTimestamp();
        var receipt = await _node.InvalidateAsync(order.Invalidation, wait, cancellation);
        if (receipt.Nodes.All(node => node.State != NodeState.OutOfTouch))
            return receipt;
        if (Staleness > wait)
            return receipt with { Nodes = [.. receipt.Nodes.Select(node => node.State == NodeState.OutOfTouch ? node with { State = NodeState.Lagging } : node)] };
        while (Staleness - _time.GetElapsedTime(began) is { Ticks: > 0 } left)
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), _time, cancellation); // timers count in milliseconds, and may be early by some
        return receipt;
    }

    /// <summary>The stored responses in this node's memory that the invalidation means, and the bytes they take.</summary>
    public (long Responses, long Bytes) Count(Coherence.Invalidation invalidation)
    {
        var marks = new Marks();
        marks.Set(invalidation, long.MaxValue);
        var (responses, bytes) = (0L, 0L);
        foreach (var resource in _store.All)
        {
            foreach (var stored in resource.Variants)
            {
                if (marks.Find(CacheKey.UriOf(resource.Key), stored.Fence.Tags, fill: 0) == MarkStrength.None)
                    continue;
                responses++;
                bytes += stored.Size;
            }
        }
        return (responses, bytes);
    }

    /// <summary>What is named by its key goes at once; for all else the store is gone through.</summary>
    private void Release(Coherence.Invalidation invalidation)
    {
        if (invalidation.Strength != MarkStrength.Hard)
            return;
        var hasParts = false;
        foreach (var tag in invalidation.Tags)
            if (tag.StartsWith(Tag.Key(""), StringComparison.Ordinal))
                hasParts |= _store.Remove(tag[Tag.Key("").Length..]);
        // What else is found by queries of the path is hidden, and goes with its time: it is not worth going through everything at each write.
        if (!hasParts && invalidation.Ban is null && invalidation.Tags.All(Tags.IsOfUri))
            return;
        if (Interlocked.Exchange(ref _sweepWanted, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(static invalidator => invalidator.Sweep(), this, preferLocal: false);
    }

    /// <summary>Gives back the memory of what is hidden for good. One at a time; an invalidation while it runs makes for another.</summary>
    private void Sweep()
    {
        lock (_sweeping)
        {
            Volatile.Write(ref _sweepWanted, 0);
            _store.RemoveHidden();
        }
    }
}
