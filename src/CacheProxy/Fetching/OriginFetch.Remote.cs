using CacheProxy.Coherence;
using CacheProxy.Keys;
using CacheProxy.Policy;
using CacheProxy.Storage;

namespace CacheProxy.Fetching;

/// <content>The stored responses that all nodes share: asked before the origin is, and told afterwards.</content>
internal sealed partial class OriginFetch
{
    /// <summary>How long another node's fetch of the same thing is waited for, from when the request came; then this one goes to the origin as well.</summary>
    private static readonly TimeSpan HeldWait = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(80);

    /// <summary>What was said before the fetch; <c>null</c> once it has been told what came of it, or when nobody was asked.</summary>
    private RemoteAnswer? _remote;

    /// <summary>
    /// Variants and what only one may have are fetched by each node for itself: what an invalidation names is the URL, and so is the lease that it
    /// takes away.
    /// </summary>
    private string? LeaseName => _flight.Key == CacheKey.UriOf(_order.CacheKey) ? Tag.Key(_flight.Key) : null;

    /// <returns>Whether that was all; otherwise the origin is to be asked.</returns>
    private async ValueTask<bool> AnswerRemotelyAsync(RemoteResponses remote)
    {
        if (_order.Need.IsPending)
            return false;
        for (var pause = TimeSpan.FromMilliseconds(5); ; pause = pause < LongestPause ? 2 * pause : LongestPause)
        {
            _remote = await remote.FindAsync(_order.CacheKey, LeaseName, _requestFields, _flight.Cancellation);
            _flight.Keep(_remote.Response);
            _remote.Response?.Release();
            if (_remote.Kind != RemoteFindKind.Held || _fetcher.Time.GetElapsedTime(_order.Since) > HeldWait)
                break;
            await Task.Delay(pause, _fetcher.Time, _flight.Cancellation);
        }
        if (_remote.Kind != RemoteFindKind.Found || !_order.Need.IsMetAt(_remote.Position))
            return false;
        if (_remote.IsUnshareable)
        {
            _fetcher.Coalescer.RememberUncacheable(_flight.Key, _fetcher.Clock.Now);
            Publish(FlightAnswer.Alone);
            return true;
        }
        if (_remote.Response is not { } found || !_order.IsFoundBy(found)
            || Reuse.Decide(Request, found, found.Fence.Check(_fetcher.Node), isTrusted: true, _fetcher.Clock.Now, _order.Settings.Policy).Verb != ReuseVerb.Serve)
            return false;
        _flight.Fenced(found.Fence);
        Publish(new FlightAnswer(FlightAnswerKind.Found) { Stored = found, IsShared = true });
        return true;
    }

    /// <summary>What the origin's own caches must not answer from behind either.</summary>
    private void RequireOfOrigin()
    {
        var place = _remote is { Position.Generation: not 0 } said ? said.Position : _flight.Fill.Shared;
        _requestFields[SequenceFields.Needed] = MinSeq.Of(place, _order.Need);
    }

    /// <param name="stored">What was stored here.</param>
    /// <param name="retention">How long it is worth keeping.</param>
    /// <param name="isFreshened">
    /// Its body was read before this fetch: only what this node has heard was compared with it, so the order must not take it for newer.
    /// </param>
    private void ShareStored(StoredResponse stored, TimeSpan retention, bool isFreshened = false)
    {
        if (_fetcher.Remote is not { } remote || _remote is not { } fetch)
            return;
        _remote = null;
        remote.Store(_order.CacheKey, stored, retention, isFreshened ? fetch with { Position = _flight.Fill.Shared } : fetch);
    }

    /// <summary>Others wait for what will be shared; for what turns out too large for that they need not.</summary>
    private void ShareOnlyUpTo(long length)
    {
        if (_remote is not null && length > _fetcher.Remote!.MaxBytes)
            ShareNothing();
    }

    /// <param name="memory">How long others are to know that nothing comes of it.</param>
    private void ShareNothing(TimeSpan memory = default)
    {
        if (_fetcher.Remote is not { } remote || _remote is not { } fetch)
            return;
        _remote = null;
        remote.StoreNothing(_order.CacheKey, fetch, memory);
    }
}

/// <summary>What goes into <see cref="SequenceFields.Needed"/>: the answer must not come from before this place in the order of invalidations.</summary>
internal static class MinSeq
{
    /// <param name="place">Where the cache that asks stands.</param>
    /// <param name="need">What its client has written before.</param>
    public static string Of(Position place, in Invalidation.Need need) =>
        need.IsMetAt(place) ? place.Generation == 0 ? SequenceFields.Pending : place.ToString()
        : need.IsPending ? SequenceFields.Pending : need.Position.ToString();
}
