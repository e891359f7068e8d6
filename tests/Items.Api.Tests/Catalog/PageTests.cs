using Items.Api.Tests.Database;

namespace Items.Api.Tests.Catalog;

public abstract class PageTests(TestDatabase database) : ApiTests(database)
{
    protected override (string Key, string Value)[] Settings => [("Items:Seed", "45")];

    [Theory]
    [InlineData("", 1, 20, 1, "</items?page=2&pageSize=20>; rel=\"next\"")]
    [InlineData("?page=2", 21, 20, 2, "</items?page=1&pageSize=20>; rel=\"prev\", </items?page=3&pageSize=20>; rel=\"next\"")]
    [InlineData("?page=3", 41, 5, 3, "</items?page=2&pageSize=20>; rel=\"prev\"")]
    [InlineData("?page=4", 0, 0, 4, "</items?page=3&pageSize=20>; rel=\"prev\"")]
    [InlineData("?page=1000000&pageSize=100", 0, 0, 1000000, "</items?page=1&pageSize=100>; rel=\"prev\"")]
    [InlineData("?pageSize=45", 1, 45, 1, null)]
    [InlineData("?pageSize=100", 1, 45, 1, null)]
    [InlineData("?pageSize=1&page=45", 45, 1, 45, "</items?page=44&pageSize=1>; rel=\"prev\"")]
    public async Task Page_holds_its_part_and_links_to_its_neighbours(string query, long first, int count, int page, string? link)
    {
        using var response = await GetAsync("/items" + query);

        response.Headers.CacheControl!.ToString().ShouldBe("public, max-age=10");
        var body = await BodyAsync(response);
        body.GetProperty("total").GetInt32().ShouldBe(45);
        body.GetProperty("page").GetInt32().ShouldBe(page);
        body.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetInt64())
            .ShouldBe(Enumerable.Range(0, count).Select(offset => first + offset));
        (response.Headers.TryGetValues("Link", out var links) ? links.Single() : null).ShouldBe(link);
    }

    [Theory]
    [InlineData("page", "0", "1 to 1000000")]
    [InlineData("page", "-1", "1 to 1000000")]
    [InlineData("page", "1000001", "1 to 1000000")]
    [InlineData("page", "99999999999", "1 to 1000000")]
    [InlineData("page", "x", "1 to 1000000")]
    [InlineData("page", "", "1 to 1000000")]
    [InlineData("pageSize", "0", "1 to 100")]
    [InlineData("pageSize", "101", "1 to 100")]
    [InlineData("pageSize", "1.5", "1 to 100")]
    public async Task Page_out_of_range_is_400_naming_value_and_range(string name, string value, string range)
    {
        using var response = await GetAsync($"/items?{name}={value}");
        var complaint = (await ProblemAsync(response, 400)).GetProperty("errors").GetProperty(name)[0].GetString()!;
        complaint.ShouldContain($"'{value}'");
        complaint.ShouldContain(range);
    }

    [Fact]
    public async Task Page_given_twice_is_400()
    {
        using var response = await GetAsync("/items?page=1&page=2");
        await ProblemAsync(response, 400);
    }
}

public sealed class PageOnSqliteTests(SqliteDatabase database) : PageTests(database), IClassFixture<SqliteDatabase>;

public sealed class PageOnPostgreSqlTests(PostgreSqlDatabase database) : PageTests(database), IClassFixture<PostgreSqlDatabase>;
