using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Keys;
using CacheProxy.Policy;
using CacheProxy.Storage;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Fetching;

/// <summary>
/// The parts of responses that are too large to be stored whole. Each is a stored 206 of its own, whole in itself: found, evicted, expired and
/// fenced as any other stored response; what belongs together is decided anew at each use (<see cref="Parts.MayCombine"/>).
/// </summary>
/// <remarks>A URL's parts share a fixed number of keys, half of the store's budget in all: what a client asks for of one URL pushes out no more than that.</remarks>
internal sealed class StoredParts(ResponseStore store, CoherenceNode node, CacheClock clock, long budgetBytes)
{
    /// <summary>The most parts of one URL that can be stored at one time.</summary>
    public long Most(int size) => Math.Max(1, budgetBytes / 2 / size);

    /// <summary>The most parts that one fetch stores, from its beginning on.</summary>
    public long MostOfOneFetch(int size) => Math.Max(1, budgetBytes / 4 / size);

    /// <summary>The key of a part. The size is in it: another route's or another day's parts are others.</summary>
    public string KeyOf(string cacheKey, PartGrid grid, long index) => $"{cacheKey} part {grid.Size} {index % Most(grid.Size)}";

    /// <summary>The first run of parts of an incomplete response that are not here, of those with the bytes from a place up to an end; <c>null</c> when all are.</summary>
    public (long First, long Last)? Missing(string cacheKey, PartGrid grid, long place, long end, StoredResponse stored, ResponseHead whole, IDictionary<string, StringValues> requestFields) =>
        PartGrid.FirstMissing(grid.IndexOf(place), grid.IndexOf(end - 1), index => Find(cacheKey, grid, index, stored, whole, requestFields) is not null);

    /// <summary>The bytes of a part; <c>null</c> when it is not there, or is of something else than this whole.</summary>
    public Body? Read(string cacheKey, PartGrid grid, long index, StoredResponse stored, ResponseHead whole, IDictionary<string, StringValues> requestFields)
    {
        if (Find(cacheKey, grid, index, stored, whole, requestFields) is not { } part || !part.TryHold())
            return null;
        try
        {
            return part.ReadBody();
        }
        finally
        {
            part.Release();
        }
    }

    private StoredResponse? Find(string cacheKey, PartGrid grid, long index, StoredResponse stored, ResponseHead whole, IDictionary<string, StringValues> requestFields) =>
        store.Find(KeyOf(cacheKey, grid, index), clock.Now) is { } resource && ResponseStore.Select(resource, requestFields) is { } part
        && Parts.MayCombine(part, MarkOn(cacheKey, part, stored), whole, grid.RangeOf(index, index)) ? part : null;

    /// <summary>What reaches the incomplete response reaches its parts too, though it was tagged so after they were stored.</summary>
    private MarkStrength MarkOn(string cacheKey, StoredResponse part, StoredResponse stored)
    {
        var own = part.Fence.Check(node);
        return own == MarkStrength.Hard || part.Fence.Tags.AsSpan().SequenceEqual(stored.Fence.Tags) ? own
            : (MarkStrength)Math.Max((byte)own, (byte)new Fence(CacheKey.UriOf(cacheKey), stored.Fence.Tags, part.Fence.Fill).Check(node));
    }
}

/// <summary>Which parts a fetch is to bring.</summary>
/// <param name="Stored">The incomplete response that they are parts of.</param>
/// <param name="Whole">Its head.</param>
/// <param name="Grid">How it is divided.</param>
/// <param name="First">The first part.</param>
/// <param name="Last">The last one.</param>
/// <param name="WholeKey">What a fetch of the whole would be found by: remembered as uncacheable when the parts turn out to be of no use.</param>
internal sealed record PartOrder(StoredResponse Stored, ResponseHead Whole, PartGrid Grid, long First, long Last, string WholeKey)
{
    public ContentRange Range => Grid.RangeOf(First, Last);
}
