using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Keys;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Storage;

/// <summary>
/// The stored responses that all nodes share: what one has fetched the others find, and of several nodes that miss the same thing one asks the
/// origin. Trouble with the remote store is a miss.
/// </summary>
/// <param name="store">Where they are.</param>
/// <param name="local">Where what is found goes as well.</param>
/// <param name="node">This node.</param>
/// <param name="clock">The cache's time.</param>
/// <param name="fenceOf">Makes a response's fence; <c>null</c>: it must not be stored.</param>
/// <param name="maxBytes">The largest response that is shared, encoded.</param>
/// <param name="uncacheableMemory">How long the other nodes are to know that nothing comes of a fetch.</param>
internal sealed class RemoteResponses(
    IRemoteStore store, ResponseStore local, CoherenceNode node, CacheClock clock, Func<string, ResponseHead, long, Fence?> fenceOf, long maxBytes,
    TimeSpan uncacheableMemory)
{
    /// <summary>What may be on its way to the remote store at one time, all together; beyond it a response stays on this node.</summary>
    private const long MaxPendingBytes = 32 << 20;

    /// <summary>The name of an item that says: what comes back for this cannot be shared.</summary>
    private const string Unshareable = "!";

    private long _pendingBytes;

    /// <summary>The largest response that is shared, encoded.</summary>
    public long MaxBytes => maxBytes;

    /// <summary>Finds what is stored for the request, and keeps it here as well; or takes the lease for the fetch.</summary>
    /// <param name="cacheKey">The cache key.</param>
    /// <param name="lease">What is fetched by one node alone; <c>null</c>: each fetches for itself.</param>
    /// <param name="requestFields">The request's fields as forwarded.</param>
    /// <param name="cancellation">Gives up.</param>
    public async ValueTask<RemoteAnswer> FindAsync(
        string cacheKey, string? lease, IDictionary<string, StringValues> requestFields, CancellationToken cancellation)
    {
        var standing = node.Standing; // before: what is invalidated from now on hides what is found
        var found = await store.FindAsync(cacheKey, lease, cancellation);
        if (found.Kind != RemoteFindKind.Found)
            return new RemoteAnswer(found.Kind, null, false, found.Lease, found.Position);
        StoredResponse? selected = null;
        var isUnshareable = false;
        foreach (var item in found.Items)
        {
            if (item.Value.IsEmpty)
            {
                isUnshareable |= lease is not null && item.Name == Unshareable && item.Resident < uncacheableMemory; // the key's other items may keep it longer
                continue;
            }
            if (StoredResponseCodec.Decode(cacheKey, item.Value.Span, item.Resident, clock.Now, standing, fenceOf) is not var (response, retention))
                continue;
            var isBetter = item.Name == NameOf(response) && !item.IsSoft && local.Store(cacheKey, response, retention)
                && (selected is null || response.AgeAt(clock.Now) < selected.AgeAt(clock.Now))
                && Vary.Matches(response.VaryFields, response.VaryValues, requestFields);
            (isBetter ? selected : response)?.Release();
            selected = isBetter ? response : selected;
        }
        return new RemoteAnswer(RemoteFindKind.Found, selected, isUnshareable, null, found.Position);
    }

    /// <summary>Shares a response that has been stored here. Goes on behind; nobody waits for it.</summary>
    /// <param name="cacheKey">The cache key.</param>
    /// <param name="response">The response.</param>
    /// <param name="retention">How long it is worth keeping.</param>
    /// <param name="fetch">What <see cref="FindAsync"/> answered before the fetch began.</param>
    public void Store(string cacheKey, StoredResponse response, TimeSpan retention, RemoteAnswer fetch)
    {
        var value = fetch.Kind == RemoteFindKind.Unavailable || Interlocked.Read(ref _pendingBytes) > MaxPendingBytes ? null
            : StoredResponseCodec.Encode(cacheKey, response, retention, clock.Now, maxBytes);
        if (value is null)
            Release(cacheKey, fetch);
        else
            Send(cacheKey, new RemoteItem(NameOf(response), value, response.Fence.Tags, fetch.Position), fetch.Lease, retention);
    }

    /// <summary>Nothing came of the fetch that could be shared.</summary>
    /// <param name="cacheKey">The cache key.</param>
    /// <param name="fetch">What <see cref="FindAsync"/> answered before it.</param>
    /// <param name="memory">How long the other nodes are to know, so that nobody waits for what each must fetch for itself; zero: they are not told.</param>
    public void StoreNothing(string cacheKey, RemoteAnswer fetch, TimeSpan memory)
    {
        if (memory > TimeSpan.Zero && fetch.Lease is not null)
            Send(cacheKey, new RemoteItem(Unshareable, default, [Tag.Of(Tag.Key(CacheKey.UriOf(cacheKey)))], fetch.Position), fetch.Lease, memory);
        else
            Release(cacheKey, fetch);
    }

    /// <summary>A lease that is not given back holds the others up until it ends by itself.</summary>
    public void Release(string cacheKey, RemoteAnswer fetch)
    {
        if (fetch.Lease is { } lease)
            _ = store.ReleaseAsync(cacheKey, lease, CancellationToken.None).AsTask();
    }

    private void Send(string cacheKey, RemoteItem item, RemoteLease? lease, TimeSpan lifetime)
    {
        Interlocked.Add(ref _pendingBytes, item.Value.Length);
        _ = SendAsync();

        async Task SendAsync()
        {
            try
            {
                await store.StoreAsync(cacheKey, item, lease, lifetime, CancellationToken.None);
            }
            finally
            {
                Interlocked.Add(ref _pendingBytes, -item.Value.Length);
            }
        }
    }

    /// <summary>One name for each variant, so that a newer response takes the place of the older.</summary>
    private static string NameOf(StoredResponse response)
    {
        if (response.VaryFields.Length == 0)
            return "";
        var text = new System.Text.StringBuilder();
        for (var i = 0; i < response.VaryFields.Length; i++)
            text.Append(response.VaryFields[i].ToLowerInvariant()).Append(response.VaryValues[i]?.Length ?? -1).Append(':').Append(response.VaryValues[i]);
        return Name(text.ToString());
    }

    private static string Name(string text) => Tag.Of(text).Hash.ToString("x16", System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>What the remote store said before a fetch.</summary>
/// <param name="Kind">As it said.</param>
/// <param name="Response">What is stored for the request, held for the caller; <c>null</c> when nothing is.</param>
/// <param name="IsUnshareable">Another node has found that what comes back cannot be shared.</param>
/// <param name="Lease">This node is to fetch it for all.</param>
/// <param name="Position">Where the order stood: the fetch's place in it.</param>
internal sealed record RemoteAnswer(RemoteFindKind Kind, StoredResponse? Response, bool IsUnshareable, RemoteLease? Lease, Position Position);
