using System.Net.Http.Headers;
using System.Text;
using Items.Api.Tests.Database;

namespace Items.Api.Tests.Catalog;

public abstract class RefusalTests(TestDatabase database) : ApiTests(database)
{
    public static TheoryData<string, string, string, string> BadBodies => new()
    {
        { """{"price":1}""", "name", "is missing", "1 to 200" },
        { """{"name":null,"price":1}""", "name", "null", "1 to 200" },
        { """{"name":"","price":1}""", "name", "\"\"", "1 to 200" },
        { """{"name":"  ","price":1}""", "name", "\"  \"", "1 to 200" },
        { """{"name":7,"price":1}""", "name", "'7'", "1 to 200" },
        { $$"""{"name":"{{new string('n', 201)}}","price":1}""", "name", "(203 characters)", "1 to 200" },
        { """{"name":"a\u0000b","price":1}""", "name", @"a\u0000b", "without U+0000" },
        { """{"name":"\ud800","price":1}""", "name", @"\ud800", "1 to 200" },
        { $$"""{"name":"n","price":1,"description":"{{new string('d', 2001)}}"}""", "description", "(2003 characters)", "at most 2000" },
        { """{"name":"n","price":1,"description":[]}""", "description", "[]", "at most 2000" },
        { """{"name":"n"}""", "price", "is missing", "0 to 9999999999.99" },
        { """{"name":"n","price":"1"}""", "price", "\"1\"", "0 to 9999999999.99" },
        { """{"name":"n","price":-0.01}""", "price", "-0.01", "0 to 9999999999.99" },
        { """{"name":"n","price":1.001}""", "price", "1.001", "two decimals" },
        { """{"name":"n","price":10000000000}""", "price", "10000000000", "0 to 9999999999.99" },
        { """{"name":"n","price":1e400}""", "price", "1e400", "0 to 9999999999.99" },
        { """{"name":"n","price":1,"price":2}""", "body", "twice", "each field once" },
        { """{"name":""", "body", "line 1", "JSON object" },
        { "", "body", "is not JSON", "JSON object" },
        { "[1]", "body", "[1]", "JSON object" },
        { new string('[', 1000), "body", "is not JSON", "JSON object" },
    };

    [Theory]
    [MemberData(nameof(BadBodies))]
    public async Task Bad_body_is_400_naming_field_value_and_range(string json, string field, string value, string allowed)
    {
        using var response = await SendAsync(HttpMethod.Post, "/items", json);

        var problem = await ProblemAsync(response, 400);
        var complaint = problem.GetProperty("errors").GetProperty(field)[0].GetString()!;
        complaint.ShouldContain(value);
        complaint.ShouldContain(allowed);
    }

    [Fact]
    public async Task All_faults_are_named_at_once()
    {
        using var response = await SendAsync(HttpMethod.Put, "/items/x", """{"name":"","price":-1}""", ("If-Match", "oak"));

        var problem = await ProblemAsync(response, 400);
        problem.GetProperty("errors").EnumerateObject().Select(error => error.Name).ShouldBe(["id", "If-Match", "name", "price"]);
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    public async Task Bad_id_is_400_and_unknown_id_is_404(string method)
    {
        foreach (var id in new[] { "abc", "0", "-1", "1.0", "9223372036854775808", "%20" })
        {
            using var bad = await SendAsync(new HttpMethod(method), $"/items/{id}", """{"name":"n","price":1}""");
            (await ProblemAsync(bad, 400)).GetProperty("errors").GetProperty("id")[0].GetString()!.ShouldContain("9223372036854775807");
        }
        using var unknown = await SendAsync(new HttpMethod(method), "/items/9223372036854775807", """{"name":"n","price":1}""", ("If-Match", "*"));
        await ProblemAsync(unknown, 404);
    }

    [Fact]
    public async Task Wrong_method_path_or_media_type_is_a_problem_whatever_the_client_accepts()
    {
        using var method = await SendAsync(HttpMethod.Patch, "/items/1", null, ("Accept", "text/html"));
        await ProblemAsync(method, 405);
        method.Content.Headers.Allow.ShouldBe(["DELETE", "GET", "HEAD", "PUT"], ignoreOrder: true);
        using var path = await GetAsync("/nowhere", ("Accept", "text/html"));
        await ProblemAsync(path, 404);
        using var content = new StringContent("<item/>", Encoding.UTF8, new MediaTypeHeaderValue("application/xml"));
        using var media = await Client.PostAsync("/items", content, Cancellation);
        await ProblemAsync(media, 415);
    }

    [Fact]
    public async Task Body_above_64_KiB_is_413()
    {
        using var response = await SendAsync(HttpMethod.Post, "/items", new string(' ', 64 * 1024 + 1));
        (await ProblemAsync(response, 413)).GetProperty("detail").GetString()!.ShouldContain("65536");
    }

    [Fact]
    public async Task Longest_item_written_in_escapes_fits()
    {
        var name = string.Concat(Enumerable.Repeat(@"\u00e9", 200));
        var description = string.Concat(Enumerable.Repeat(@"\u00e9", 2000));
        using var response = await SendAsync(HttpMethod.Post, "/items", $$"""{"name":"{{name}}","price":1,"description":"{{description}}"}""");
        ((int)response.StatusCode).ShouldBe(201);
    }
}

public sealed class RefusalOnSqliteTests(SqliteDatabase database) : RefusalTests(database), IClassFixture<SqliteDatabase>;

public sealed class RefusalOnPostgreSqlTests(PostgreSqlDatabase database) : RefusalTests(database), IClassFixture<PostgreSqlDatabase>;
