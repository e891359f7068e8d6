using CacheProxy.Origin.Groups;
using CacheProxy.Origin.Http;
using Microsoft.EntityFrameworkCore;

namespace CacheProxy.Origin.Tests;

/// <summary>What a query is seen to read, and a write to change. One row a case.</summary>
public sealed class GroupTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static readonly Dictionary<string, (Func<ShopContext, Task> Query, string Reads)> Reads = new()
    {
        ["a row by its key"] = (shop => shop.Things.SingleOrDefaultAsync(t => t.Id == 1), "thing:1 things*"),
        ["the key on the other side"] = (shop => shop.Things.Where(t => 1 == t.Id).FirstAsync(), "thing:1 things*"),
        ["the key from a variable"] = (shop => ByKey(shop, 2), "thing:2 things*"),
        ["the key and a condition"] = (shop => shop.Things.FirstOrDefaultAsync(t => t.Id == 1 && t.Name != ""), "thing:1 things*"),
        ["Find"] = (shop => shop.Things.FindAsync(3L).AsTask(), "thing:3 things*"),
        ["a key that is not there"] = (shop => shop.Things.SingleOrDefaultAsync(t => t.Id == 99), "things"),
        ["Find of what is not there"] = (shop => shop.Things.FindAsync(99L).AsTask(), "things"),
        ["a key or another"] = (shop => shop.Things.Where(t => t.Id == 1 || t.Name == "x").ToListAsync(), "things"),
        ["a key compared with the row itself"] = (shop => shop.Things.Where(t => t.Id == t.Version).ToListAsync(), "things"),
        ["a list"] = (shop => shop.Things.ToListAsync(), "things"),
        ["an empty list"] = (shop => shop.Notes.Where(n => n.Id == 0).ToListAsync(), ""),
        ["a page"] = (shop => shop.Things.OrderBy(t => t.Id).Skip(1).Take(1).ToListAsync(), "things"),
        ["a count"] = (shop => shop.Things.CountAsync(), "things"),
        ["a count by key"] = (shop => shop.Things.CountAsync(t => t.Id == 1), "things"),
        ["Any by key"] = (shop => shop.Things.AnyAsync(t => t.Id == 1), "things"),
        ["a part of a row by key"] = (shop => shop.Things.Where(t => t.Id == 1).Select(t => t.Name).SingleAsync(), "things"),
        ["a row by another column"] = (shop => shop.Things.FirstAsync(t => t.Name == "thing 1"), "things"),
        ["rows with what belongs to them"] = (shop => shop.Things.Include(t => t.Parts).SingleAsync(t => t.Id == 1), "parts things"),
        ["Include by name"] = (shop => shop.Things.Include("Parts").SingleAsync(t => t.Id == 1), "parts things"),
        ["a condition on what belongs to them"] = (shop => shop.Things.Where(t => t.Parts.Any(p => p.Name == "p")).ToListAsync(), "parts things"),
        ["a join"] = (shop => shop.Things.Join(shop.Parts, t => t.Id, p => p.ThingId, (t, p) => t).ToListAsync(), "parts things"),
        ["a subquery"] = (shop => shop.Things.Where(t => shop.Parts.Any(p => p.ThingId == t.Id)).ToListAsync(), "parts things"),
        ["SQL of one's own"] = (shop => shop.Things.FromSql($"SELECT * FROM Things WHERE Id = 1").ToListAsync(), "things"),
        ["without tracking"] = (shop => shop.Things.AsNoTracking().SingleAsync(t => t.Id == 1), "thing:1 things*"),
        ["two rows"] = (async shop =>
        {
            await ByKey(shop, 1);
            await ByKey(shop, 2);
        }, "thing:1 thing:2 things*"),
        ["a row and the list"] = (async shop =>
        {
            await ByKey(shop, 1);
            await shop.Things.ToListAsync();
        }, "things"),
        ["an entity without groups"] = (shop => shop.Notes.ToListAsync(), ""),
        ["more rows than one names"] = (async shop =>
        {
            for (var id = 1; id <= 20; id++)
                await ByKey(shop, id);
        }, "things"),
    };

    public static TheoryData<string> ReadCases => [.. Reads.Keys];

    [Theory]
    [MemberData(nameof(ReadCases))]
    public async Task Query_reads(string what)
    {
        await using var shop = new Shop();
        await shop.FillAsync(20);
        var (query, reads) = Reads[what];
        (await shop.ReadsAsync(query)).ShouldBe(reads);
        (await shop.ReadsAsync(query)).ShouldBe(reads, "it is compiled only once");
    }

    private static readonly Dictionary<string, (Func<ShopContext, Task> Work, string Publishes)> Writes = new()
    {
        ["a new row"] = (shop => AddAsync(shop), "data:thing:21 data:things"),
        ["a changed row"] = (async shop =>
        {
            (await ByKey(shop, 1)).Name = "x";
            await shop.SaveChangesAsync();
        }, "data:thing:1 data:things"),
        ["a deleted row, and those that go with it"] = (async shop =>
        {
            shop.Remove(await shop.Things.Include(t => t.Parts).SingleAsync(t => t.Id == 1));
            await shop.SaveChangesAsync();
        }, "data:part:1 data:parts data:thing:1 data:things"),
        ["nothing"] = (shop => shop.SaveChangesAsync(), ""),
        ["an entity without groups"] = (shop =>
        {
            shop.Add(new Note());
            return shop.SaveChangesAsync();
        }, ""),
        ["the synchronous save"] = (shop =>
        {
            shop.Add(new Part { ThingId = 1 });
            shop.SaveChanges();
            return Task.CompletedTask;
        }, "data:part:21 data:parts"),
        ["many rows"] = (async shop =>
        {
            foreach (var thing in await shop.Things.ToListAsync())
                thing.Name = "x";
            await shop.SaveChangesAsync();
        }, "data:things data:things*"),
        ["a bulk update"] = (shop => shop.Things.Where(t => t.Id == 1).ExecuteUpdateAsync(set => set.SetProperty(t => t.Name, "x")), "data:things data:things*"),
        ["a synchronous bulk update"] = (shop =>
        {
            shop.Things.ExecuteUpdate(set => set.SetProperty(t => t.Name, "x"));
            return Task.CompletedTask;
        }, "data:things data:things*"),
        ["a bulk delete"] = (shop => shop.Parts.Where(p => p.Name == "p").ExecuteDeleteAsync(), "data:parts data:parts*"),
        ["a bulk update of nothing"] = (shop => shop.Things.Where(t => t.Id == 99).ExecuteDeleteAsync(), ""),
        ["a bulk update without groups"] = (shop => shop.Notes.ExecuteDeleteAsync(), ""),
        ["several saves in a transaction"] = (async shop =>
        {
            await using var transaction = await shop.Database.BeginTransactionAsync();
            await AddAsync(shop);
            await shop.Parts.ExecuteDeleteAsync();
            await transaction.CommitAsync();
        }, "data:parts data:parts* data:thing:21 data:things"),
        ["a transaction that is rolled back"] = (async shop =>
        {
            await using var transaction = await shop.Database.BeginTransactionAsync();
            await AddAsync(shop);
            await transaction.RollbackAsync();
        }, ""),
        ["a transaction that is rolled back synchronously"] = (shop =>
        {
            using var transaction = shop.Database.BeginTransaction();
            shop.Add(new Thing());
            shop.SaveChanges();
            transaction.Rollback();
            return Task.CompletedTask;
        }, ""),
        ["a transaction that is committed synchronously"] = (shop =>
        {
            using var transaction = shop.Database.BeginTransaction();
            shop.Add(new Thing());
            shop.SaveChanges();
            transaction.Commit();
            return Task.CompletedTask;
        }, "data:thing:21 data:things"),
        ["a transaction that is left without a word"] = (async shop =>
        {
            await using (await shop.Database.BeginTransactionAsync())
                await AddAsync(shop);
            await using var next = await shop.Database.BeginTransactionAsync();
            await next.CommitAsync();
        }, ""),
        ["a save that fails"] = (async shop =>
        {
            shop.Add(new Thing { Id = 1 });
            await Should.ThrowAsync<DbUpdateException>(shop.SaveChangesAsync());
        }, ""),
        ["a save that comes too late"] = (async shop =>
        {
            var thing = await ByKey(shop, 1);
            await shop.Database.ExecuteSqlAsync($"UPDATE Things SET Version = 7 WHERE Id = 1");
            thing.Version++;
            await Should.ThrowAsync<DbUpdateConcurrencyException>(shop.SaveChangesAsync());
            shop.Database.CurrentTransaction.ShouldBeNull();
        }, ""),
        ["a bulk statement that fails"] = (async shop =>
        {
            await Should.ThrowAsync<Exception>(shop.Things.ExecuteUpdateAsync(set => set.SetProperty(t => t.Name, t => null!)));
            shop.Database.CurrentTransaction.ShouldBeNull();
        }, ""),
    };

    public static TheoryData<string> WriteCases => [.. Writes.Keys];

    [Theory]
    [MemberData(nameof(WriteCases))]
    public async Task Write_publishes(string what)
    {
        await using var shop = new Shop();
        await shop.FillAsync(20);
        var (work, publishes) = Writes[what];

        await shop.WithAsync(work);

        string.Join(' ', shop.Published).ShouldBe(publishes);
        (await shop.OutboxAsync() > 0).ShouldBe(publishes.Length > 0);
        await shop.Worker.LookAsync(false, Cancellation);
        (await shop.OutboxAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task Nothing_is_published_before_the_commit()
    {
        await using var shop = new Shop();
        await shop.WithAsync(async context =>
        {
            await using var transaction = await context.Database.BeginTransactionAsync(Cancellation);
            await AddAsync(context);
            shop.Published.ShouldBeEmpty();
            await transaction.CommitAsync(Cancellation);
            shop.Published.ShouldHaveSingleItem();
        });
    }

    [Fact]
    public async Task Public_origins_are_told_by_the_names_on_the_wire()
    {
        await using var shop = new Shop(configure: options => options.PublicOrigins.Add("https://a.example"));
        await shop.WithAsync(AddAsync);
        shop.Published.ShouldBe(["data:thing:1 group:https://a.example thing:1 data:things group:https://a.example things"]);
    }

    [Theory]
    [InlineData("items", "items")]
    [InlineData("item:42", "item:42")]
    [InlineData("exactly thirty-two characters ok", "exactly thirty-two characters ok")]
    [InlineData("more than thirty-two characters is", "#b8")]
    [InlineData("quo\"ted", "#")]
    [InlineData("back\\slash", "#")]
    [InlineData("Ümläut", "#")]
    [InlineData("line\nend", "#")]
    [InlineData("", "#")]
    public void Name_on_the_wire(string name, string expected)
    {
        var wire = GroupField.OnTheWire(name);
        if (expected[0] == '#')
            wire.ShouldMatch("^#[0-9a-f]{30}$");
        else
            wire.ShouldBe(expected);
        wire.Length.ShouldBeLessThanOrEqualTo(GroupField.LongestName);
        GroupField.OnTheWire(name).ShouldBe(wire);
    }

    [Fact]
    public void Entity_groups_that_could_break_a_comment_or_stand_for_rows_are_refused()
    {
        foreach (var all in new[] { "", "a\nb", "items*" })
            Should.Throw<ArgumentException>(() => new ModelBuilder().Entity<Thing>().HasCacheGroups(t => "t", all));
    }

    private static Task<Thing> ByKey(ShopContext shop, long id) => shop.Things.SingleAsync(t => t.Id == id);

    private static Task AddAsync(ShopContext shop)
    {
        shop.Add(new Thing { Name = "new" });
        return shop.SaveChangesAsync();
    }
}
