using System.Globalization;
using System.Net;
using CacheProxy.Coherence;
using CacheProxy.Origin;
using Items.Api.Catalog;
using Items.Api.Database;
using Items.Api.Tests.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Items.Api.Tests;

/// <summary>What the cache before the database does, seen over HTTP.</summary>
public abstract class CachingTests(TestDatabase database) : ApiTests(database)
{
    [Fact]
    public async Task Answers_to_reads_name_what_they_were_made_of_from_the_cache_too()
    {
        await CreateAsync();
        for (var i = 0; i < 2; i++)
        {
            (await FieldAsync("/items/1", "Cache-Groups")).ShouldBe("\"item:1\", \"items*\"");
            (await FieldAsync("/items", "Cache-Groups")).ShouldBe("\"items\"");
            (await FieldAsync("/items/99", "Cache-Groups")).ShouldBe("\"items\"");
            (await FieldAsync("/openapi/v1.json", "Cache-Groups")).ShouldBe("");
        }
    }

    [Fact]
    public async Task Answers_to_writes_name_what_they_changed_and_their_place_in_the_order()
    {
        using var created = await SendAsync(HttpMethod.Post, "/items", """{"name":"a","price":1}""");
        Field(created, "Cache-Group-Invalidation").ShouldBe("\"item:1\", \"items\"");
        Position.TryParse(Field(created, "CacheProxy-Seq"), out var first).ShouldBeTrue();
        using var replaced = await SendAsync(HttpMethod.Put, "/items/1", """{"name":"b","price":1}""");
        Field(replaced, "Cache-Group-Invalidation").ShouldBe("\"item:1\", \"items\"");
        Position.TryParse(Field(replaced, "CacheProxy-Seq"), out var second).ShouldBeTrue();
        second.ShouldBe(first with { Sequence = first.Sequence + 1 });
        using var removed = await SendAsync(HttpMethod.Delete, "/items/1");
        Field(removed, "Cache-Group-Invalidation").ShouldBe("\"item:1\", \"items\"");

        foreach (var (method, path, json) in new (HttpMethod, string, string?)[] { (HttpMethod.Delete, "/items/1", null), (HttpMethod.Post, "/items", "{}") })
        {
            using var refused = await SendAsync(method, path, json);
            Field(refused, "Cache-Group-Invalidation").ShouldBe("");
            Field(refused, "CacheProxy-Seq").ShouldBe("");
        }
    }

    [Fact]
    public async Task Reads_after_writes_are_new_and_conditions_hold()
    {
        (await GetAsync("/items/1")).StatusCode.ShouldBe(HttpStatusCode.NotFound); // F11
        var (path, first) = await CreateAsync("one");
        (await NameAsync(path)).ShouldBe("one");
        (await TotalAsync()).ShouldBe(1);
        using var replaced = await SendAsync(HttpMethod.Put, path, """{"name":"two","price":1}""", ("If-Match", first));
        (await NameAsync(path)).ShouldBe("two");
        using (var old = await GetAsync(path, ("If-None-Match", first)))
            old.StatusCode.ShouldBe(HttpStatusCode.OK);
        using (var same = await GetAsync(path, ("If-None-Match", replaced.Headers.ETag!.ToString())))
            same.StatusCode.ShouldBe(HttpStatusCode.NotModified);
        using (var late = await SendAsync(HttpMethod.Put, path, """{"name":"x","price":1}""", ("If-Match", first)))
            late.StatusCode.ShouldBe(HttpStatusCode.PreconditionFailed);
        (await BodyAsync(await GetAsync("/items"))).GetProperty("items")[0].GetProperty("name").GetString().ShouldBe("two");
        using (await SendAsync(HttpMethod.Delete, path))
        using (var gone = await GetAsync(path))
            gone.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await TotalAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task Thousand_concurrent_reads_of_a_cold_item_make_one_query()
    {
        await CreateAsync();
        await Api.Services.GetRequiredService<OriginCache>().RemoveByTagAsync("*", Cancellation);
        var before = await MetricAsync("""cacheproxy_origin_factory_duration_seconds_count{kind="item"}""");
        var answers = await Task.WhenAll(Enumerable.Range(0, 1000).Select(_ => Client.GetStringAsync("/items/1", Cancellation)));
        answers.Distinct().ShouldHaveSingleItem();
        (await MetricAsync("""cacheproxy_origin_factory_duration_seconds_count{kind="item"}""") - before).ShouldBe(1);
    }

    [Fact]
    public async Task Created_item_is_read_without_a_query()
    {
        await CreateAsync();
        await GetAsync("/items/1");
        (await MetricAsync("""cacheproxy_origin_factory_duration_seconds_count{kind="item"}""")).ShouldBe(0);
        (await MetricAsync("""cacheproxy_origin_reads_total{from="local",kind="item"}""")).ShouldBe(1);
    }

    [Fact]
    public async Task Bulk_statements_are_seen()
    {
        await CreateAsync("a");
        await CreateAsync("b");
        await NameAsync("/items/1");
        await TotalAsync();
        await using (var scope = Api.Services.CreateAsyncScope())
        {
            var context = scope.ServiceProvider.GetRequiredService<ItemsContext>();
            await context.Items.Where(item => item.Id == 2).ExecuteDeleteAsync(Cancellation);
            (await TotalAsync()).ShouldBe(1);
            await context.Items.ExecuteUpdateAsync(set => set.SetProperty(item => item.Name, "bulk"), Cancellation);
        }
        (await NameAsync("/items/1")).ShouldBe("bulk");
    }

    [Fact]
    public async Task Rolled_back_write_is_never_seen()
    {
        await CreateAsync("kept");
        var node = Api.Services.GetRequiredService<CoherenceNode>();
        var before = node.Applied;
        await using (var scope = Api.Services.CreateAsyncScope())
        {
            var context = scope.ServiceProvider.GetRequiredService<ItemsContext>();
            await using var transaction = await context.Database.BeginTransactionAsync(Cancellation);
            var item = await context.Items.SingleAsync(Cancellation);
            item.Replace(new ItemInput("phantom", null, 1), DateTimeOffset.UtcNow);
            await context.SaveChangesAsync(Cancellation);
            if (Database.Provider != "Sqlite") // where a reader would wait for the writer
                (await NameAsync("/items/1")).ShouldBe("kept");
            await transaction.RollbackAsync(Cancellation);
        }
        (await NameAsync("/items/1")).ShouldBe("kept");
        node.Applied.ShouldBe(before);
    }

    [Fact]
    public async Task Request_that_must_not_be_behind_asks_the_database_where_the_node_is()
    {
        await CreateAsync("old");
        await ExecuteAsync("UPDATE items SET name = 'unseen'");
        (await NameAsync("/items/1")).ShouldBe("old"); // by another program: only the lifetime ends it
        var here = Api.Services.GetRequiredService<CoherenceNode>().Standing.Shared;
        (await NameAsync("/items/1", ("CacheProxy-Min-Seq", here.ToString()))).ShouldBe("old");
        (await NameAsync("/items/1", ("CacheProxy-Min-Seq", "rubbish"))).ShouldBe("old");
        (await NameAsync("/items/1", ("CacheProxy-Min-Seq", "pending"))).ShouldBe("unseen"); // a write that no node can have heard of
        (await NameAsync("/items/1", ("CacheProxy-Min-Seq", (here with { Sequence = here.Sequence + 1 }).ToString()))).ShouldBe("unseen");
    }

    [Fact]
    public async Task Committed_write_that_was_not_published_is_finished_by_the_outbox()
    {
        await CreateAsync("old");
        await NameAsync("/items/1");
        await ExecuteAsync("UPDATE items SET name = 'new'");
        await ExecuteAsync(string.Create(CultureInfo.InvariantCulture,
            $$"""INSERT INTO cache_outbox (id, tags, versions, created) VALUES ('{{Guid.CreateVersion7().ToString().ToUpperInvariant()}}', '["item:1","items"]', '{"item:1":2}', '2026-01-01 00:00:00+00')"""));
        var began = TimeProvider.System.GetTimestamp();
        while (await NameAsync("/items/1") != "new" && TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(20))
            await Task.Delay(20, Cancellation);
        (await NameAsync("/items/1")).ShouldBe("new");
        while (await CountOutboxAsync() > 0 && TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(20))
            await Task.Delay(20, Cancellation);
        (await CountOutboxAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task Metrics_are_for_who_asks_the_api_itself()
    {
        using var direct = await GetAsync("/metrics");
        direct.Content.Headers.ContentType!.ToString().ShouldBe("text/plain; version=0.0.4; charset=utf-8");
        direct.Headers.CacheControl!.ToString().ShouldBe("no-store");
        (await direct.Content.ReadAsStringAsync(Cancellation)).ShouldContain("\ncacheproxy_origin_entries 0\n");
        foreach (var field in new[] { "Via", "Forwarded", "X-Forwarded-For" })
        {
            using var proxied = await GetAsync("/metrics", (field, "1.1 proxy"));
            proxied.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        }
    }

    private async Task<string?> NameAsync(string path, params (string, string)[] fields)
    {
        using var answer = await GetAsync(path, fields);
        return (await BodyAsync(answer)).GetProperty("name").GetString();
    }

    private async Task<int> TotalAsync()
    {
        using var answer = await GetAsync("/items");
        return (await BodyAsync(answer)).GetProperty("total").GetInt32();
    }

    private async Task<string> FieldAsync(string path, string name)
    {
        using var answer = await GetAsync(path);
        return Field(answer, name);
    }

    private static string Field(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : "";

    private async Task<double> MetricAsync(string series) =>
        (await Client.GetStringAsync("/metrics", Cancellation)).Split('\n').Where(line => line.StartsWith(series + " ", StringComparison.Ordinal))
            .Select(line => double.Parse(line[(series.Length + 1)..], CultureInfo.InvariantCulture)).SingleOrDefault();

    private async Task ExecuteAsync(string sql)
    {
        await using var scope = Api.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<ItemsContext>().Database.ExecuteSqlRawAsync(sql.Replace("{", "{{").Replace("}", "}}"), Cancellation);
    }

    private async Task<int> CountOutboxAsync()
    {
        await using var scope = Api.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<ItemsContext>().Database.SqlQueryRaw<int>("SELECT CAST(count(*) AS int) AS \"Value\" FROM cache_outbox")
            .SingleAsync(Cancellation);
    }
}

public sealed class CachingOnSqliteTests(SqliteDatabase database) : CachingTests(database), IClassFixture<SqliteDatabase>;

public sealed class CachingOnPostgreSqlTests(PostgreSqlDatabase database) : CachingTests(database), IClassFixture<PostgreSqlDatabase>;
