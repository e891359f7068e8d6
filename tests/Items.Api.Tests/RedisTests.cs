using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using CacheProxy.Coherence.Tests;
using Items.Api.Tests.Database;

namespace Items.Api.Tests;

/// <summary>Two instances on one PostgreSQL and one Redis.</summary>
public sealed class RedisTests(PostgreSqlDatabase database) : IClassFixture<PostgreSqlDatabase>, IAsyncLifetime
{
    private RedisServer _redis = null!;
    private RunningApi _one = null!;
    private RunningApi _two = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync();
        var connection = database.NewConnection();
        // What a loaded computer takes for one exchange with Redis is not what these tests are about.
        (string, string)[] settings = [("Items:Redis", _redis.Address), ("Items:Coherence:CallTimeout", "00:00:02"), ("Items:Coherence:WriteWait", "00:00:05")];
        _one = RunningApi.Start(database.Provider, connection, settings);
        _two = RunningApi.Start(database.Provider, connection, settings);
    }

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _two.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Fact]
    public async Task Write_on_one_instance_is_read_on_the_other_when_its_answer_is_there()
    {
        await WriteAsync(_one, HttpMethod.Post, "/items", "v0");
        for (var i = 1; i <= 50; i++)
        {
            var (writer, reader) = i % 2 == 0 ? (_one, _two) : (_two, _one);
            (await NameAsync(reader)).ShouldBe($"v{i - 1}");
            await WriteAsync(writer, HttpMethod.Put, "/items/1", $"v{i}");
            (await NameAsync(reader)).ShouldBe($"v{i}");
            (await NameAsync(writer)).ShouldBe($"v{i}");
        }
    }

    [Fact]
    public async Task Own_writes_are_read_on_any_instance_among_many_writers()
    {
        await WriteAsync(_one, HttpMethod.Post, "/items", "a");
        await WriteAsync(_one, HttpMethod.Post, "/items", "b");
        RunningApi[] apis = [_one, _two];
        await Task.WhenAll(Enumerable.Range(0, 6).Select(async client =>
        {
            var random = new Random(client);
            for (var i = 0; i < 40; i++)
            {
                var path = $"/items/{random.Next(1, 3)}";
                using var written = await WriteAsync(apis[random.Next(2)], HttpMethod.Put, path, $"{client}.{i}");
                var version = await VersionAsync(written);
                foreach (var reader in apis)
                {
                    using var read = await reader.Client.GetAsync(path, Cancellation);
                    (await VersionAsync(read)).ShouldBeGreaterThanOrEqualTo(version);
                }
            }
        }));
        foreach (var path in new[] { "/items/1", "/items/2" })
        {
            using var one = await _one.Client.GetAsync(path, Cancellation);
            using var two = await _two.Client.GetAsync(path, Cancellation);
            (await VersionAsync(one)).ShouldBe(await VersionAsync(two));
        }

        static async Task<long> VersionAsync(HttpResponseMessage answer) =>
            (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation)).GetProperty("version").GetInt64();
    }

    [Fact]
    public async Task Value_that_one_instance_has_made_or_written_is_found_by_the_other()
    {
        await WriteAsync(_one, HttpMethod.Post, "/items", "v0");
        (await NameAsync(_two)).ShouldBe("v0");
        var metrics = await _two.Client.GetStringAsync("/metrics", Cancellation);
        metrics.ShouldContain("""cacheproxy_origin_reads_total{from="remote",kind="item"} 1""");
        metrics.ShouldContain("cacheproxy_coherence_");
    }

    [Fact]
    public async Task Redis_that_is_away_fails_no_request_and_shows_in_health_and_comes_back()
    {
        await WriteAsync(_one, HttpMethod.Post, "/items", "v0");
        (await NameAsync(_two)).ShouldBe("v0");
        (await HealthAsync(_one)).ShouldBe((HttpStatusCode.OK, """{"status":"healthy","checks":{"database":"healthy","outbox":"healthy","redis":"healthy"}}"""));

        await _redis.KillAsync();
        using (var written = await WriteAsync(_one, HttpMethod.Put, "/items/1", "v1"))
            written.Headers.GetValues("CacheProxy-Seq").ShouldBe(["pending"]);
        (await NameAsync(_one)).ShouldBe("v1");
        await Eventually.TrueAsync(async () => (await HealthAsync(_two)).Body.Contains("\"redis\":\"degraded\"", StringComparison.Ordinal), "it is degraded");
        (await HealthAsync(_two)).Status.ShouldBe(HttpStatusCode.OK);
        (await NameAsync(_two)).ShouldBe("v1"); // out of touch: it does not trust what it keeps

        await _redis.StartAsync();
        await Eventually.TrueAsync(async () => (await HealthAsync(_one)).Body.Contains("\"redis\":\"healthy\"", StringComparison.Ordinal), "it is back");
        await Eventually.TrueAsync(async () => (await HealthAsync(_two)).Body.Contains("\"redis\":\"healthy\"", StringComparison.Ordinal), "it is back there");
        (await NameAsync(_two)).ShouldBe("v1");
        await WriteAsync(_two, HttpMethod.Put, "/items/1", "v2");
        (await NameAsync(_one)).ShouldBe("v2");
    }

    private static async Task<HttpResponseMessage> WriteAsync(RunningApi api, HttpMethod method, string path, string name)
    {
        using var content = new StringContent($$"""{"name":"{{name}}","price":1}""", Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(method, path) { Content = content };
        var answer = await api.Client.SendAsync(request, Cancellation);
        answer.IsSuccessStatusCode.ShouldBeTrue();
        return answer;
    }

    private static async Task<string?> NameAsync(RunningApi api) =>
        (await api.Client.GetFromJsonAsync<JsonElement>("/items/1", Cancellation)).GetProperty("name").GetString();

    private static async Task<(HttpStatusCode Status, string Body)> HealthAsync(RunningApi api)
    {
        using var answer = await api.Client.GetAsync("/health/", Cancellation);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancellation));
    }
}
