using System.Net;
using Items.Api.Tests.Database;

namespace Items.Api.Tests.Catalog;

public abstract class ConditionTests(TestDatabase database) : ApiTests(database)
{
    private const string Chair = """{"name":"Chair","price":2}""";

    [Fact]
    public async Task Get_with_the_current_tag_is_304_with_the_fields_of_the_200()
    {
        var (path, tag) = await CreateAsync();
        foreach (var value in new[] { tag, $"W/{tag}", $"\"other\", {tag}", "*" })
        {
            using var response = await GetAsync(path, ("If-None-Match", value));
            response.StatusCode.ShouldBe(HttpStatusCode.NotModified, value);
            response.Headers.ETag!.ToString().ShouldBe(tag);
            response.Headers.CacheControl!.ToString().ShouldBe("public, max-age=30");
            (await response.Content.ReadAsByteArrayAsync(Cancellation)).ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task Get_with_an_old_or_malformed_tag_is_200()
    {
        var (path, tag) = await CreateAsync();
        using var _ = await SendAsync(HttpMethod.Put, path, Chair);
        foreach (var value in new[] { tag, "oak", tag.Trim('"') })
        {
            using var response = await GetAsync(path, ("If-None-Match", value), ("If-Modified-Since", "Sat, 01 Jan 2050 00:00:00 GMT"));
            response.StatusCode.ShouldBe(HttpStatusCode.OK, value);
        }
    }

    [Fact]
    public async Task Get_with_the_date_of_the_change_is_304_and_with_an_earlier_one_200()
    {
        var (path, _) = await CreateAsync();
        using var same = await GetAsync(path, ("If-Modified-Since", "Mon, 04 May 2026 12:00:00 GMT"));
        same.StatusCode.ShouldBe(HttpStatusCode.NotModified);
        foreach (var date in new[] { "Mon, 04 May 2026 11:59:59 GMT", "yesterday" })
        {
            using var response = await GetAsync(path, ("If-Modified-Since", date));
            response.StatusCode.ShouldBe(HttpStatusCode.OK, date);
        }
    }

    [Theory]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    public async Task Write_with_a_tag_that_is_not_current_is_412_and_changes_nothing(string method)
    {
        var (path, old) = await CreateAsync();
        using var replaced = await SendAsync(HttpMethod.Put, path, Chair, ("If-Match", old));
        replaced.StatusCode.ShouldBe(HttpStatusCode.OK);
        var current = replaced.Headers.ETag!.ToString();

        foreach (var value in new[] { old, $"W/{current}", "\"other\"", "" })
        {
            using var refused = await SendAsync(new HttpMethod(method), path, Chair, ("If-Match", value));
            await ProblemAsync(refused, 412);
        }
        using var byDate = await SendAsync(new HttpMethod(method), path, Chair, ("If-Unmodified-Since", "Mon, 04 May 2026 11:59:59 GMT"));
        await ProblemAsync(byDate, 412);
        using var exists = await SendAsync(new HttpMethod(method), path, Chair, ("If-None-Match", "*"));
        await ProblemAsync(exists, 412);
        using var malformed = await SendAsync(new HttpMethod(method), path, Chair, ("If-Match", "oak"));
        (await ProblemAsync(malformed, 400)).GetProperty("errors").GetProperty("If-Match")[0].GetString()!.ShouldContain("oak");
        using var read = await GetAsync(path);
        read.Headers.ETag!.ToString().ShouldBe(current);
    }

    [Theory]
    [InlineData("PUT", "{0}")]
    [InlineData("PUT", "*")]
    [InlineData("PUT", "\"a,b\" ,, {0}")]
    [InlineData("DELETE", "{0}")]
    [InlineData("DELETE", "*")]
    public async Task Write_with_the_current_tag_is_done(string method, string field)
    {
        var (path, tag) = await CreateAsync();
        using var response = await SendAsync(new HttpMethod(method), path, Chair, ("If-Match", field.Replace("{0}", tag, StringComparison.Ordinal)));
        response.IsSuccessStatusCode.ShouldBeTrue();
    }

    [Fact]
    public async Task Tag_does_not_name_an_item_of_a_database_made_anew()
    {
        var (_, tag) = await CreateAsync();
        await using var anew = Database.Start();
        anew.Time.Advance(TimeSpan.FromMilliseconds(1));
        using var created = await anew.Client.PostAsync("/items", Json("""{"name":"Other","price":1}"""), Cancellation);
        created.Headers.Location!.ToString().ShouldBe("/items/1");
        created.Headers.ETag!.ToString().ShouldNotBe(tag);
    }

    [Fact]
    public async Task Of_many_writers_with_one_tag_exactly_one_writes()
    {
        var (path, tag) = await CreateAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(number =>
            SendAsync(HttpMethod.Put, path, $$"""{"name":"Writer {{number}}","price":1}""", ("If-Match", tag))));

        answers.Count(answer => answer.StatusCode == HttpStatusCode.OK).ShouldBe(1);
        answers.Count(answer => answer.StatusCode == HttpStatusCode.PreconditionFailed).ShouldBe(15);
    }

    [Fact]
    public async Task Of_many_writers_without_a_tag_each_gets_a_version_of_its_own_and_the_last_one_stays()
    {
        var (path, _) = await CreateAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(number =>
            SendAsync(HttpMethod.Put, path, $$"""{"name":"Writer {{number}}","price":1}""")));

        answers.ShouldAllBe(answer => answer.StatusCode == HttpStatusCode.OK);
        var written = await Task.WhenAll(answers.Select(BodyAsync));
        written.Select(item => item.GetProperty("version").GetInt64()).Order().ShouldBe(Enumerable.Range(2, 16).Select(version => (long)version));
        using var read = await GetAsync(path);
        (await read.Content.ReadAsStringAsync(Cancellation)).ShouldBe(
            written.Single(item => item.GetProperty("version").GetInt64() == 17).GetRawText());
    }
}

public sealed class ConditionOnSqliteTests(SqliteDatabase database) : ConditionTests(database), IClassFixture<SqliteDatabase>;

public sealed class ConditionOnPostgreSqlTests(PostgreSqlDatabase database) : ConditionTests(database), IClassFixture<PostgreSqlDatabase>;
