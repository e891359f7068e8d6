using System.Globalization;
using Items.Api.Catalog;
using Microsoft.EntityFrameworkCore;

namespace Items.Api.Database;

/// <summary>
/// Items to begin with: for a given count the same ones, times included, so that what caches keep of them holds after a new start
/// on a new database.
/// The table is locked from the look until the commit, so that of several instances that start together one seeds. (EF's own
/// UseSeeding is no help: on PostgreSQL it looks after its migration lock is gone, and four instances inserted twice.)
/// </summary>
internal static class Seed
{
    private static readonly DateTimeOffset FirstCreated = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly string[] Things = ["Lamp", "Chair", "Kettle", "Clock", "Shelf", "Mirror", "Basket"];
    private static readonly string?[] Descriptions = ["Made of oak.", "Made of steel.", null, "Out of recycled glass."];

    public static async Task InsertAsync(ItemsContext database, int count, ILogger log, CancellationToken cancellation)
    {
        if (count == 0)
            return;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellation);
        await database.LockItemsAsync(cancellation);
        if (await database.Items.AnyAsync(cancellation))
            return;
        database.Items.AddRange(Enumerable.Range(1, count).Select(Make));
        await database.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        database.ChangeTracker.Clear();
        Log.Seeded(log, count);
    }

    private static Item Make(int number)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{Things[number % Things.Length]} {number}");
        var input = new ItemInput(name, Descriptions[number % Descriptions.Length], number * 37 % 10_000 / 100m + 0.00m);
        return Item.Create(input, FirstCreated.AddMinutes(number));
    }
}
