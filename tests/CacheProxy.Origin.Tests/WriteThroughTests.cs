using CacheProxy.Coherence;
using CacheProxy.Origin.Groups;
using CacheProxy.Origin.Outbox;
using CacheProxy.Tests.Scenarios;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Origin.Tests;

/// <summary>Writes through a database to both levels, and what becomes of them when they are overtaken, rolled back or killed.</summary>
public sealed class WriteThroughTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static int _queries;

    private static readonly EntryKind<string?> Things = new(
        "thing", new EntryPolicy { Writes = WritePolicy.WriteThrough, Jitter = 0 },
        async (services, id, cancellation) =>
        {
            Interlocked.Increment(ref _queries);
            var number = long.Parse(id, System.Globalization.CultureInfo.InvariantCulture);
            return (await services.GetRequiredService<ShopContext>().Things.AsNoTracking().SingleOrDefaultAsync(t => t.Id == number, cancellation))?.Name;
        },
        id => [new Group($"thing:{id}", "things"), new Group(Group.EveryRowOf("things"), "things")]);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Written_value_is_read_without_asking_the_database(bool hasRemote)
    {
        var node = new CoherenceNode();
        await using var shop = new Shop(node: node, remote: hasRemote ? new FencedStore(node) : null);
        await shop.FillAsync(1);
        using (CacheScope.Begin())
            (await RenameAsync(shop, "new")).ShouldBeTrue();
        var before = _queries;
        (await shop.Cache.GetAsync(Things, "1", Cancellation)).ShouldBe("new");
        _queries.ShouldBe(before);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Deleted_row_leaves_a_tombstone_that_keeps_older_versions_out(bool hasRemote)
    {
        var node = new CoherenceNode();
        var remote = new FencedStore(node);
        await using var shop = new Shop(node: node, remote: hasRemote ? remote : null);
        await shop.FillAsync(1);
        using (CacheScope.Begin())
        {
            await shop.WithAsync(async context =>
            {
                context.Remove(await context.Things.SingleAsync(t => t.Id == 1, Cancellation));
                await context.SaveChangesAsync(Cancellation);
            });
            (await shop.Cache.SetIfNewerAsync(Things, "1", 3, null, Cancellation)).ShouldBeTrue();
            (await shop.Cache.SetIfNewerAsync(Things, "1", 2, "late", Cancellation)).ShouldBeFalse();
        }
        if (hasRemote)
            remote.Items["data:thing:1"].Value.IsEmpty.ShouldBeTrue();
        var before = _queries;
        (await shop.Cache.GetAsync(Things, "1", Cancellation)).ShouldBeNull();
        _queries.ShouldBe(before);
    }

    /// <summary>F2: the two writers reach the cache in the other order than the database.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Write_throughs_in_the_wrong_order_leave_no_old_value(bool hasRemote, bool isPublishedLateToo)
    {
        var node = new CoherenceNode();
        await using var shop = new Shop(node: node, remote: hasRemote ? new FencedStore(node) : null);
        await shop.FillAsync(1);

        var old = new TaskCompletionSource();
        var slow = SlowAsync();
        async Task SlowAsync()
        {
            using var scope = CacheScope.Begin();
            if (isPublishedLateToo)
            {
                // Committed first, by a writer whose publication is late: what it then has is its own place, after the other's.
                var publisher = shop.Services.GetRequiredService<Publisher>();
                var began = publisher.Begin();
                await shop.WithAsync(context => context.Database.ExecuteSqlAsync($"UPDATE Things SET Name = 'old', Version = 2 WHERE Id = 1"));
                await old.Task;
                var written = new GroupSet();
                written.Add(new Group("thing:1", "things"));
                scope.LastWrite = await publisher.PublishAsync(written, began);
            }
            else
            {
                await WriteAsync(shop, "old", 2);
                await old.Task;
            }
            await shop.Cache.SetIfNewerAsync(Things, "1", 2, "old", Cancellation);
        }

        using (CacheScope.Begin())
        {
            await WriteAsync(shop, "new", 3);
            await shop.Cache.SetIfNewerAsync(Things, "1", 3, "new", Cancellation);
        }
        shop.Services.GetRequiredService<OriginCache>();
        old.SetResult();
        await slow;

        (await shop.Cache.GetAsync(Things, "1", Cancellation)).ShouldBe("new");
    }

    [Fact]
    public async Task Overtaken_write_through_is_kept_out_even_when_the_newer_value_was_never_kept()
    {
        await using var shop = new Shop();
        await shop.FillAsync(1);
        using var scope = CacheScope.Begin();
        var publisher = shop.Services.GetRequiredService<Publisher>();
        var began = publisher.Begin();
        await WriteAsync(shop, "new", 3); // by another, who does not write through
        var written = new GroupSet();
        written.Add(new Group("thing:1", "things"));
        scope.LastWrite = await publisher.PublishAsync(written, began);

        (await shop.Cache.SetIfNewerAsync(Things, "1", 2, "old", Cancellation)).ShouldBeFalse();
        (await shop.Cache.GetAsync(Things, "1", Cancellation)).ShouldBe("new");
    }

    [Fact]
    public async Task Writes_of_other_rows_do_not_keep_a_value_out()
    {
        await using var shop = new Shop();
        await shop.FillAsync(2);
        using var scope = CacheScope.Begin();
        var publisher = shop.Services.GetRequiredService<Publisher>();
        var began = publisher.Begin();
        await WriteAsync(shop, "other", 2, id: 2);
        var written = new GroupSet();
        written.Add(new Group("thing:1", "things"));
        scope.LastWrite = await publisher.PublishAsync(written, began);
        (await shop.Cache.SetIfNewerAsync(Things, "1", 2, "mine", Cancellation)).ShouldBeTrue();
    }

    [Fact]
    public async Task Write_through_outside_of_a_scope_or_without_a_write_keeps_nothing()
    {
        await using var shop = new Shop();
        await shop.FillAsync(2);
        (await shop.Cache.SetIfNewerAsync(Things, "1", 2, "x", Cancellation)).ShouldBeFalse();
        using var scope = CacheScope.Begin();
        (await shop.Cache.SetIfNewerAsync(Things, "1", 2, "x", Cancellation)).ShouldBeFalse();
        await WriteAsync(shop, "y", 2, id: 2);
        (await shop.Cache.SetIfNewerAsync(Things, "1", 2, "x", Cancellation)).ShouldBeFalse();
    }

    /// <summary>F11: "there is none" is fenced by the row's group, and by the set's, which the insert names.</summary>
    [Fact]
    public async Task None_is_gone_when_the_row_is_inserted()
    {
        await using var shop = new Shop();
        (await shop.Cache.GetAsync(Things, "1", Cancellation)).ShouldBeNull();
        var before = _queries;
        (await shop.Cache.GetAsync(Things, "1", Cancellation)).ShouldBeNull();
        _queries.ShouldBe(before);
        await shop.FillAsync(1);
        (await shop.Cache.GetAsync(Things, "1", Cancellation)).ShouldBe("thing 1");
    }

    [Fact]
    public async Task Groups_that_a_factory_is_seen_to_read_fence_its_entry_and_tell_the_caller()
    {
        await using var shop = new Shop();
        await shop.FillAsync(3);
        for (var i = 0; i < 2; i++)
        {
            using var scope = CacheScope.Begin();
            (await shop.Cache.GetOrCreateAsync("count", async cancellation => await shop.WithAsync(c => c.Things.CountAsync(cancellation)), cancellationToken: Cancellation))
                .ShouldBe(3);
            scope.Read.AsRead().ShouldBe([new Group("things")]);
        }
        await shop.WithAsync(context => context.Things.Where(t => t.Id == 1).ExecuteDeleteAsync(Cancellation));
        (await shop.Cache.GetOrCreateAsync("count", async cancellation => await shop.WithAsync(c => c.Things.CountAsync(cancellation)), cancellationToken: Cancellation))
            .ShouldBe(2);
    }

    [Fact]
    public async Task Caller_after_a_write_does_not_take_a_flight_whose_groups_only_its_end_tells()
    {
        await using var shop = new Shop();
        await shop.FillAsync(1);
        var gate = new TaskCompletionSource();
        var early = shop.Cache.GetOrCreateAsync("list", async _ =>
        {
            var count = await shop.WithAsync(c => c.Things.CountAsync());
            await gate.Task;
            return count;
        }, cancellationToken: Cancellation).AsTask();
        await shop.WithAsync(context =>
        {
            context.Add(new Thing());
            return context.SaveChangesAsync(Cancellation);
        });
        var late = shop.Cache.GetOrCreateAsync("list", async _ => await shop.WithAsync(c => c.Things.CountAsync()), cancellationToken: Cancellation).AsTask();
        gate.SetResult();
        (await early).ShouldBe(1);
        (await late).ShouldBe(2);
    }

    [Fact]
    public async Task Process_that_dies_between_commit_and_publish_is_finished_by_the_outbox()
    {
        await using var killed = new Shop();
        await killed.FillAsync(1);
        // What it had committed: the row and its record. Nothing else of it is left.
        await killed.WithAsync(context => context.Database.ExecuteSqlAsync($"UPDATE Things SET Name = 'new' WHERE Id = 1"));
        await killed.WithAsync(context => context.Database.ExecuteSqlAsync(
            $$"""INSERT INTO cache_outbox (id, tags, versions, created) VALUES ({{Guid.CreateVersion7()}}, '["thing:1","things"]', '{"thing:1":2}', {{DateTimeOffset.UtcNow}})"""));
        await using var other = new Shop(killed.File);
        await other.WithAsync(context => context.Database.ExecuteSqlAsync($"UPDATE Things SET Name = 'thing 1' WHERE Id = 1"));
        (await other.Cache.GetAsync(Things, "1", Cancellation)).ShouldBe("thing 1");
        await other.WithAsync(context => context.Database.ExecuteSqlAsync($"UPDATE Things SET Name = 'new' WHERE Id = 1"));
        (await other.Cache.GetAsync(Things, "1", Cancellation)).ShouldBe("thing 1");

        await other.Worker.LookAsync(false, Cancellation);
        other.Published.ShouldBeEmpty("its writer may still be at it");
        await other.Worker.LookAsync(false, Cancellation);

        other.Published.ShouldBe(["data:thing:1 data:things"]);
        (await other.Cache.GetAsync(Things, "1", Cancellation)).ShouldBe("new");
        (await other.OutboxAsync()).ShouldBe(0);
        other.Queue.Backlog.ShouldBe(0);
    }

    [Fact]
    public async Task Worker_finishes_what_is_left_by_itself_and_takes_what_is_done_away()
    {
        await using var shop = new Shop();
        await shop.FillAsync(1);
        await shop.WithAsync(context => context.Database.ExecuteSqlAsync(
            $"INSERT INTO cache_outbox (id, tags, versions, created) VALUES ({Guid.CreateVersion7()}, '[\"left\"]', '{{}}', {DateTimeOffset.UtcNow})"));
        await shop.Worker.StartAsync(Cancellation);
        await WriteAsync(shop, "x", 2);
        shop.Published.Clear();
        while (await shop.OutboxAsync() > 0)
        {
            shop.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(5, Cancellation);
        }
        shop.Published.ShouldBe(["data:left"]);
        await shop.Worker.StopAsync(Cancellation);
    }

    [Fact]
    public async Task Outbox_row_is_written_with_the_rows_and_gone_with_them()
    {
        await using var shop = new Shop();
        await shop.FillAsync(1);
        await shop.WithAsync(async context =>
        {
            await using var transaction = await context.Database.BeginTransactionAsync(Cancellation);
            (await context.Things.SingleAsync(t => t.Id == 1, Cancellation)).Version = 2;
            await context.SaveChangesAsync(Cancellation);
            var row = await context.Set<OutboxRow>().SingleAsync(Cancellation);
            row.Tags.ShouldBe("""["thing:1","things"]""");
            row.Versions.ShouldBe("""{"thing:1":2}""");
            await transaction.RollbackAsync(Cancellation);
        });
        (await shop.OutboxAsync()).ShouldBe(0);
    }

    private static async Task<bool> RenameAsync(Shop shop, string name)
    {
        await WriteAsync(shop, name, 2);
        return await shop.Cache.SetIfNewerAsync(Things, "1", 2, name, Cancellation);
    }

    private static Task WriteAsync(Shop shop, string name, long version, long id = 1) => shop.WithAsync(async context =>
    {
        var thing = await context.Things.SingleAsync(t => t.Id == id, Cancellation);
        (thing.Name, thing.Version) = (name, version);
        await context.SaveChangesAsync(Cancellation);
    });
}
