using CacheProxy.Origin;
using Items.Api.Caching;

namespace Items.Api.Catalog;

/// <summary>What clients read: from the cache, which asks <see cref="ItemStore"/> for what it has not. Of the database a read that finds it costs nothing.</summary>
internal sealed class ItemReads(OriginCache cache, ItemKinds kinds)
{
    public ValueTask<Item?> FindAsync(long id, CancellationToken cancellation) => cache.GetAsync(kinds.Item, ItemKinds.IdOf(id), cancellation);

    public ValueTask<ItemPage> ListAsync(PageRequest request, CancellationToken cancellation) => cache.GetAsync(kinds.List, ItemKinds.IdOf(request), cancellation);
}
