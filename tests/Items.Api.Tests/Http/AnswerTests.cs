using Items.Api.Database;
using Items.Api.Tests.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Items.Api.Tests.Http;

/// <summary>What does not depend on the database: the table of Cache-Control, faults, the document.</summary>
public sealed class AnswerTests(SqliteDatabase database) : ApiTests(database), IClassFixture<SqliteDatabase>
{
    protected override (string Key, string Value)[] Settings =>
    [
        ("Items:Seed", "1"),
        ("Items:CacheControl:Item", "private"),
        ("Items:CacheControl:List", ""),
        ("Items:CacheControl:Document", "max-age=5"),
        ("Items:CacheControl:Health", "no-cache"),
        ("Items:CacheControl:Write", "max-age=1"),
    ];

    [Theory]
    [InlineData("GET", "/items/1", "private")]
    [InlineData("GET", "/items", null)]
    [InlineData("GET", "/openapi/v1.json", "max-age=5")]
    [InlineData("GET", "/health", "no-cache")]
    [InlineData("GET", "/health/", "no-cache")]
    [InlineData("GET", "/items/2", "no-store")]
    [InlineData("PUT", "/items/1", "max-age=1")]
    [InlineData("DELETE", "/items/2", "no-store")]
    public async Task Cache_control_comes_from_the_configured_table(string method, string path, string? expected)
    {
        using var response = await SendAsync(new HttpMethod(method), path, method == "PUT" ? """{"name":"n","price":1}""" : null);
        response.Headers.CacheControl?.ToString().ShouldBe(expected);
    }

    [Fact]
    public async Task Fault_of_ours_is_500_without_internals_and_health_says_unhealthy()
    {
        await using (var scope = Api.Services.CreateAsyncScope())
            await scope.ServiceProvider.GetRequiredService<ItemsContext>().Database.ExecuteSqlAsync($"DROP TABLE items", Cancellation);

        using var response = await GetAsync("/items/1");
        var problem = await ProblemAsync(response, 500);
        problem.GetRawText().ShouldNotContain("no such table");
        problem.TryGetProperty("exception", out _).ShouldBeFalse();
        using var health = await GetAsync("/health");
        ((int)health.StatusCode).ShouldBe(503);
    }

    [Fact]
    public async Task Document_names_every_operation_its_errors_and_an_example()
    {
        using var response = await GetAsync("/openapi/v1.json");
        var document = await BodyAsync(response);
        var paths = document.GetProperty("paths");
        paths.EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Select(operation => $"{operation.Name} {path.Name}"))
            .ShouldBe(["post /items", "get /items", "get /items/{id}", "put /items/{id}", "delete /items/{id}", "get /health"], ignoreOrder: true);
        paths.GetProperty("/items/{id}").GetProperty("put").GetProperty("responses").EnumerateObject().Select(status => status.Name)
            .ShouldBe(["200", "400", "404", "412", "413", "415", "500", "503"], ignoreOrder: true);
        document.GetProperty("components").GetProperty("schemas").GetProperty("ItemInput").GetProperty("examples")[0]
            .GetProperty("price").GetDecimal().ShouldBe(12.50m);
    }

    [Fact]
    public async Task Page_over_the_document_is_at_swagger()
    {
        (await Client.GetStringAsync("/swagger", Cancellation)).ShouldContain("Items API");
        (await Client.GetStringAsync("/swagger/index.js", Cancellation)).ShouldContain("../openapi/v1.json");
    }

    [Fact]
    public async Task Health_is_json_with_the_state_of_the_database()
    {
        (await Client.GetStringAsync("/health/", Cancellation)).ShouldBe("""{"status":"healthy","checks":{"database":"healthy","outbox":"healthy"}}""");
    }
}
