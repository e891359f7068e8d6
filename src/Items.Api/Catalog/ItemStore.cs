using CacheProxy.Origin;
using Items.Api.Caching;
using Items.Api.Database;
using Items.Api.Http;
using Microsoft.EntityFrameworkCore;

namespace Items.Api.Catalog;

internal enum WriteOutcome
{
    Written,
    Missing,
    ConditionFailed,
}

/// <param name="Outcome">What became of the write.</param>
/// <param name="Item">The item as written; null when it was not, or was removed.</param>
internal readonly record struct WriteResult(WriteOutcome Outcome, Item? Item = null);

/// <summary>
/// The database, for one request: what the cache has not, and writes. Each write reads the row, weighs the request's conditions against it and changes it with <c>WHERE id = ... AND version = ...</c> (EF's concurrency token). When another writer came between, no
/// row matches, and the write begins again from the newer state: so <c>If-Match</c> fails if it must, and without conditions the
/// last write wins with a version of its own. Each round that fails is one in which another write succeeded.
/// </summary>
internal sealed class ItemStore(ItemsContext database, OriginCache cache, ItemKinds kinds, TimeProvider time)
{
    public Task<Item?> LoadAsync(long id, CancellationToken cancellation) =>
        database.Items.AsNoTracking().SingleOrDefaultAsync(item => item.Id == id, cancellation);

    /// <summary>Pages in the order of ids. Total and items are two statements: a write between them may show in one alone.</summary>
    public async Task<ItemPage> LoadPageAsync(PageRequest request, CancellationToken cancellation)
    {
        var total = await database.Items.CountAsync(cancellation);
        var items = await database.Items.AsNoTracking()
            .OrderBy(item => item.Id).Skip(request.Offset).Take(request.PageSize).ToListAsync(cancellation);
        return new ItemPage(items, request.Page, request.PageSize, total);
    }

    public async Task<Item> AddAsync(ItemInput input, CancellationToken cancellation)
    {
        var item = Item.Create(input, time.GetUtcNow());
        database.Items.Add(item);
        await database.SaveChangesAsync(cancellation);
        await KeepAsync(item.Id, item.Version, item);
        return item;
    }

    public Task<WriteResult> ReplaceAsync(long id, ItemInput input, RequestConditions conditions, CancellationToken cancellation) =>
        WriteAsync(id, conditions, item =>
        {
            item.Replace(input, time.GetUtcNow());
            return item;
        }, cancellation);

    public Task<WriteResult> RemoveAsync(long id, RequestConditions conditions, CancellationToken cancellation) =>
        WriteAsync(id, conditions, item =>
        {
            database.Items.Remove(item);
            return null;
        }, cancellation);

    private async Task<WriteResult> WriteAsync(
        long id, RequestConditions conditions, Func<Item, Item?> change, CancellationToken cancellation)
    {
        while (true)
        {
            var item = await database.Items.SingleOrDefaultAsync(item => item.Id == id, cancellation);
            if (item is null)
                return new WriteResult(WriteOutcome.Missing);
            if (conditions.Weigh(item.EntityTag, item.UpdatedAt) != ConditionOutcome.Proceed)
                return new WriteResult(WriteOutcome.ConditionFailed);
            var written = change(item);
            try
            {
                await database.SaveChangesAsync(cancellation);
                await KeepAsync(id, written?.Version ?? item.Version + 1, written);
                return new WriteResult(WriteOutcome.Written, written);
            }
            catch (DbUpdateConcurrencyException)
            {
                database.ChangeTracker.Clear();
            }
        }
    }

    /// <summary>The write stands whether or not its client still waits.</summary>
    private async ValueTask KeepAsync(long id, long version, Item? item) =>
        await cache.SetIfNewerAsync(kinds.Item, ItemKinds.IdOf(id), version, item, CancellationToken.None);
}
