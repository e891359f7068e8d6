namespace CacheProxy.Coherence;

/// <summary>
/// Entries that all nodes share, each fenced by its place in the order. Every call is one round trip, and its trouble is an answer, never an
/// exception: a store that cannot be asked is one that has nothing.
/// </summary>
/// <remarks>Under one key lie up to a few items told apart by name (the variants of a URL); who needs only one names it <c>""</c>.</remarks>
public interface IRemoteStore
{
    /// <summary>
    /// Finds what is stored under the key and not overtaken by an invalidation (hard and invalid ones hide; of a soft one the caller learns), or takes
    /// the lease to fill it.
    /// </summary>
    /// <param name="key">The entry's key.</param>
    /// <param name="lease">What the lease is on: callers with the same text fill one after another. <c>null</c>: no lease is wanted.</param>
    /// <param name="cancellation">Gives the wait up; the answer is then <see cref="RemoteFindKind.Unavailable"/>.</param>
    ValueTask<RemoteFind> FindAsync(string key, string? lease, CancellationToken cancellation);

    /// <summary>
    /// Stores a fill, unless its lease was taken away, the generation is another, or an invalidation of any of its tags came after it began.
    /// </summary>
    /// <param name="key">The entry's key.</param>
    /// <param name="item">The item, with what it is fenced by.</param>
    /// <param name="lease">The lease that <see cref="FindAsync"/> gave; <c>null</c> when none was asked for.</param>
    /// <param name="lifetime">After which the store forgets it.</param>
    /// <param name="cancellation">Gives the wait up.</param>
    /// <returns>Whether it is stored.</returns>
    ValueTask<bool> StoreAsync(string key, RemoteItem item, RemoteLease? lease, TimeSpan lifetime, CancellationToken cancellation);

    /// <summary>
    /// Write-through: stores the item named <c>""</c> if its <see cref="RemoteItem.Version"/> is higher than the stored one's, invalidations of older
    /// fills notwithstanding. An empty value is a tombstone: it is found as deleted, and keeps older versions out.
    /// </summary>
    ValueTask<bool> StoreIfNewerAsync(string key, RemoteItem item, TimeSpan lifetime, CancellationToken cancellation);

    /// <summary>Gives a lease back unused, so that others need not wait for it.</summary>
    ValueTask ReleaseAsync(string key, RemoteLease lease, CancellationToken cancellation);
}

/// <param name="Name">Which of the key's items.</param>
/// <param name="Value">Bytes that the store does not read.</param>
/// <param name="Tags">What invalidates it; the tag of its key is among them.</param>
/// <param name="Fill">Where the order stood before the value was read.</param>
/// <param name="Version">The version of a write-through; 0 for a plain fill.</param>
/// <param name="IsSoft">A soft invalidation came after it; only in what is found.</param>
/// <param name="Resident">How long the store has had it, by the store's own clock; only in what is found.</param>
public sealed record RemoteItem(
    string Name, ReadOnlyMemory<byte> Value, Tag[] Tags, Position Fill, long Version = 0, bool IsSoft = false, TimeSpan Resident = default);

/// <param name="Name">What it is on.</param>
/// <param name="Token">Proof of it.</param>
public sealed record RemoteLease(string Name, long Token);

/// <param name="Kind">What was found.</param>
/// <param name="Items">The items, for <see cref="RemoteFindKind.Found"/>.</param>
/// <param name="Lease">The lease that was wanted, for <see cref="RemoteFindKind.Missing"/>.</param>
/// <param name="Position">
/// Where the order stood at that moment; <c>default</c> when unavailable. What is found holds up to there, and a fill that begins now begins there. Not
/// so an older body that a validation (304) lets live on: it begins where the node stood before it last checked that body's fence.
/// </param>
public readonly record struct RemoteFind(RemoteFindKind Kind, IReadOnlyList<RemoteItem> Items, RemoteLease? Lease, Position Position);

public enum RemoteFindKind
{
    /// <summary>The store cannot be asked, or does not answer in time.</summary>
    Unavailable,

    /// <summary>Something is stored and holds.</summary>
    Found,

    /// <summary>Nothing is; no lease was wanted, or the caller has it now (<see cref="RemoteFind.Lease"/>).</summary>
    Missing,

    /// <summary>Nothing is, and another node, of which the order has heard lately, is filling it: ask again shortly, or fill without storing remotely.</summary>
    Held,
}
