using System.Globalization;
using CacheProxy.Origin;
using CacheProxy.Origin.Groups;
using Items.Api.Catalog;

namespace Items.Api.Caching;

/// <summary>What the API caches, and by which groups it is invalidated: <c>item:42</c> for an item, <c>items</c> for lists.</summary>
internal sealed class ItemKinds(CacheOptions options)
{
    public const string AllItems = "items";

    public EntryKind<Item?> Item { get; } = new(
        "item", options.Item,
        async (services, id, cancellation) => long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? await services.GetRequiredService<ItemStore>().LoadAsync(number, cancellation)
            : null,
        id => [new Group("item:" + id, AllItems), new Group(Group.EveryRowOf(AllItems), AllItems)]);

    public EntryKind<ItemPage> List { get; } = new(
        "page", options.List,
        (services, id, cancellation) => new(services.GetRequiredService<ItemStore>().LoadPageAsync(ReadPage(id), cancellation)),
        _ => [new Group(AllItems)]);

    public static string GroupOf(Item item) => string.Create(CultureInfo.InvariantCulture, $"item:{item.Id}");

    public static string IdOf(long id) => id.ToString(CultureInfo.InvariantCulture);

    public static string IdOf(PageRequest page) => string.Create(CultureInfo.InvariantCulture, $"{page.Page}-{page.PageSize}");

    private static PageRequest ReadPage(string id)
    {
        var parts = id.Split('-');
        return new PageRequest(int.Parse(parts[0], CultureInfo.InvariantCulture), int.Parse(parts[1], CultureInfo.InvariantCulture));
    }
}
