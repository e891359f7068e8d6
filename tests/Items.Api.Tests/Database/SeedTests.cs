using Items.Api.Catalog;
using Items.Api.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Items.Api.Tests.Database;

public abstract class SeedTests(TestDatabase database)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Seed_is_the_same_on_every_new_database_and_counts_on_from_there()
    {
        await using var first = database.Start(("Items:Seed", "7"));
        await using var second = database.Start(("Items:Seed", "7"));
        var list = await first.Client.GetStringAsync("/items", Cancellation);

        list.ShouldContain("\"total\":7");
        (await second.Client.GetStringAsync("/items", Cancellation)).ShouldBe(list);
        using var content = new StringContent("""{"name":"n","price":1}""", System.Text.Encoding.UTF8, "application/json");
        using var created = await first.Client.PostAsync("/items", content, Cancellation);
        created.Headers.Location!.ToString().ShouldBe("/items/8");
    }

    [Fact]
    public async Task Seed_is_none_by_default_and_leaves_a_table_that_has_items_alone()
    {
        var connection = database.NewConnection();
        await using (var empty = RunningApi.Start(database.Provider, connection))
            (await empty.Client.GetStringAsync("/items", Cancellation)).ShouldContain("\"total\":0");
        await using (var seeded = RunningApi.Start(database.Provider, connection, ("Items:Seed", "3")))
            (await seeded.Client.GetStringAsync("/items", Cancellation)).ShouldContain("\"total\":3");
        await using var again = RunningApi.Start(database.Provider, connection, ("Items:Seed", "30"));
        (await again.Client.GetStringAsync("/items", Cancellation)).ShouldContain("\"total\":3");
    }

    [Fact]
    public async Task Instances_that_start_at_once_migrate_and_seed_once()
    {
        var connection = database.NewConnection();
        var instances = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ =>
            Task.Run(() => RunningApi.Start(database.Provider, connection, ("Items:Seed", "200")), Cancellation)));
        foreach (var instance in instances)
        {
            (await instance.Client.GetStringAsync("/items?pageSize=1", Cancellation)).ShouldContain("\"total\":200");
            await instance.DisposeAsync();
        }
    }

    [Fact]
    public async Task Prices_sort_and_compare_as_numbers()
    {
        await using var api = database.Start();
        await using var scope = api.Services.CreateAsyncScope();
        var context = scope.ServiceProvider.GetRequiredService<ItemsContext>();
        foreach (var price in new[] { 10.00m, 9.00m, 9.50m, 9_999_999_999.99m, 0.00m, 100.10m })
            context.Items.Add(Item.Create(new ItemInput("n", null, price), DateTimeOffset.UnixEpoch));
        await context.SaveChangesAsync(Cancellation);
        context.ChangeTracker.Clear();

        (await context.Items.OrderBy(item => item.Price).Select(item => item.Price).ToListAsync(Cancellation))
            .ShouldBe([0.00m, 9.00m, 9.50m, 10.00m, 100.10m, 9_999_999_999.99m]);
        (await context.Items.CountAsync(item => item.Price >= 9.5m && item.Price < 100.1m, Cancellation)).ShouldBe(2);
    }
}

public sealed class SeedOnSqliteTests(SqliteDatabase database) : SeedTests(database), IClassFixture<SqliteDatabase>;

public sealed class SeedOnPostgreSqlTests(PostgreSqlDatabase database) : SeedTests(database), IClassFixture<PostgreSqlDatabase>;
