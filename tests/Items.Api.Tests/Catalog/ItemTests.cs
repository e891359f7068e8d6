using System.Net;
using Items.Api.Tests.Database;

namespace Items.Api.Tests.Catalog;

public abstract class ItemTests(TestDatabase database) : ApiTests(database)
{
    [Fact]
    public async Task Created_item_answers_201_with_its_path_tag_and_body()
    {
        using var created = await SendAsync(HttpMethod.Post, "/items", """{"name":"Lamp","description":"Oak","price":12.5,"unknown":1}""");

        created.StatusCode.ShouldBe(HttpStatusCode.Created);
        created.Headers.Location!.ToString().ShouldBe("/items/1");
        created.Headers.ETag!.IsWeak.ShouldBeFalse();
        created.Headers.CacheControl!.ToString().ShouldBe("no-store");
        (await created.Content.ReadAsStringAsync(Cancellation)).ShouldBe(
            """{"id":1,"name":"Lamp","description":"Oak","price":12.50,"createdAt":"2026-05-04T12:00:00.123+00:00","updatedAt":"2026-05-04T12:00:00.123+00:00","version":1}""");
    }

    [Theory]
    [InlineData("0", "0.00")]
    [InlineData("-0", "0.00")]
    [InlineData("1.10", "1.10")]
    [InlineData("25e-1", "2.50")]
    [InlineData("9999999999.99", "9999999999.99")]
    public async Task Item_is_read_as_it_was_answered_when_written(string price, string shown)
    {
        var name = new string('\u00e9', 198) + "\U0001F600";
        using var created = await SendAsync(HttpMethod.Post, "/items", $$"""{"name":"{{name}}","description":null,"price":{{price}}}""");
        using var read = await GetAsync(created.Headers.Location!.ToString());

        var body = await read.Content.ReadAsStringAsync(Cancellation);
        body.ShouldBe(await created.Content.ReadAsStringAsync(Cancellation));
        body.ShouldContain($"\"price\":{shown},");
        read.StatusCode.ShouldBe(HttpStatusCode.OK);
        read.Headers.ETag.ShouldBe(created.Headers.ETag);
        read.Headers.CacheControl!.ToString().ShouldBe("public, max-age=30");
        read.Content.Headers.LastModified.ShouldBe(new DateTimeOffset(2026, 5, 4, 12, 0, 0, TimeSpan.Zero));
    }

    [Fact]
    public async Task Head_answers_as_get_without_a_body()
    {
        var (path, tag) = await CreateAsync();
        using var head = await SendAsync(HttpMethod.Head, path);

        head.StatusCode.ShouldBe(HttpStatusCode.OK);
        head.Headers.ETag!.ToString().ShouldBe(tag);
        (await head.Content.ReadAsByteArrayAsync(Cancellation)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Replaced_item_has_the_next_version_a_new_tag_and_its_old_birthday()
    {
        var (path, tag) = await CreateAsync();
        Api.Time.Advance(TimeSpan.FromHours(1));
        using var replaced = await SendAsync(HttpMethod.Put, path, """{"name":"Chair","price":2}""");

        replaced.StatusCode.ShouldBe(HttpStatusCode.OK);
        replaced.Headers.CacheControl!.ToString().ShouldBe("no-store");
        var newTag = replaced.Headers.ETag!.ToString();
        newTag.ShouldNotBe(tag);
        using var read = await GetAsync(path);
        read.Headers.ETag!.ToString().ShouldBe(newTag);
        var item = await BodyAsync(read);
        item.GetProperty("name").GetString().ShouldBe("Chair");
        item.GetProperty("version").GetInt64().ShouldBe(2);
        item.GetProperty("createdAt").GetDateTimeOffset().Hour.ShouldBe(12);
        item.GetProperty("updatedAt").GetDateTimeOffset().Hour.ShouldBe(13);
    }

    [Fact]
    public async Task Updated_time_never_goes_back_when_the_clock_does()
    {
        var (path, _) = await CreateAsync();
        Api.Time.Advance(TimeSpan.FromHours(-1));
        using var replaced = await SendAsync(HttpMethod.Put, path, """{"name":"Chair","price":2}""");

        (await BodyAsync(replaced)).GetProperty("updatedAt").GetDateTimeOffset().Hour.ShouldBe(12);
        replaced.Content.Headers.LastModified!.Value.ShouldBeLessThanOrEqualTo(replaced.Headers.Date!.Value);
    }

    [Fact]
    public async Task Removed_item_is_gone_and_its_id_is_not_used_again()
    {
        var (path, _) = await CreateAsync();
        using var removed = await SendAsync(HttpMethod.Delete, path);
        removed.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        removed.Headers.CacheControl!.ToString().ShouldBe("no-store");

        using var read = await GetAsync(path);
        await ProblemAsync(read, 404);
        using var again = await SendAsync(HttpMethod.Delete, path);
        await ProblemAsync(again, 404);
        (await CreateAsync()).Path.ShouldNotBe(path);
    }
}

public sealed class ItemOnSqliteTests(SqliteDatabase database) : ItemTests(database), IClassFixture<SqliteDatabase>;

public sealed class ItemOnPostgreSqlTests(PostgreSqlDatabase database) : ItemTests(database), IClassFixture<PostgreSqlDatabase>;
