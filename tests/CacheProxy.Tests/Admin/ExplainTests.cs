using System.Text;
using System.Text.Json;
using CacheProxy.Admin;
using CacheProxy.Pipeline;
using CacheProxy.Tests.Scenarios;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using static CacheProxy.Tests.Scenarios.StoryTests;

namespace CacheProxy.Tests.Admin;

public sealed class ExplainTests
{
    // What is explained is what happens: the next request is answered as the explanation says.
    [Theory]
    [InlineData("nothing stored", "fetch", "fwd=uri-miss", "", -1, "")]
    [InlineData("fresh", "hit", "hit", "Cache-Control: max-age=10", 9, "")]
    [InlineData("stale with a validator", "validate", "fwd=stale", "Cache-Control: max-age=10 | ETag: \"a\"", 10, "")]
    [InlineData("stale without", "fetch", "fwd=stale", "Cache-Control: max-age=10", 11, "")]
    [InlineData("stale-while-revalidate", "stale", "hit; ttl=-1", "Cache-Control: max-age=10, stale-while-revalidate=30", 11, "")]
    [InlineData("no-cache", "validate", "fwd=stale", "Cache-Control: no-cache | ETag: \"a\"", 1, "")]
    [InlineData("another variant", "fetch", "fwd=vary-miss", "Vary: X-A", 1, "X-A: 1")]
    [InlineData("the default is not for credentials", "fetch", "fwd=request", "", 1, "Cookie: a=b")]
    [InlineData("preconditions are the origin's", "pass", "fwd=bypass", "Cache-Control: max-age=10", 1, "If-Match: \"a\"")]
    public async Task Explanation_is_what_the_next_request_meets(
        string source, string verdict, string cacheStatus, string stored, int seconds, string field)
    {
        var fields = string.Concat(stored.Split(" | ", StringSplitOptions.RemoveEmptyEntries).Select(f => f + "\r\n"));
        await using var origin = ScriptedOrigin.Answering(_ => Respond("body", "200 OK", fields));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        if (seconds >= 0)
            await proxy.GetAsync("/a?b");
        proxy.Time.Advance(TimeSpan.FromSeconds(Math.Max(seconds, 0)));

        var explained = await GetAsync(proxy, "/a?b", field);
        var (count, answer) = (origin.Requests.Count, await proxy.GetAsync("/a?b", field.Length > 0 ? [field] : []));

        explained.GetProperty("verdict").GetString().ShouldBe(verdict, source);
        explained.GetProperty("key").GetString().ShouldBe($"{proxy.Address}a?b");
        explained.GetProperty("route").GetString().ShouldBe("origin");
        Field(answer, "Cache-Status")!.ShouldStartWith($"CacheProxy; {cacheStatus}", Case.Sensitive, source);
        count.ShouldBe(seconds < 0 ? 0 : 1, "explaining asks nobody");
    }

    [Fact]
    public async Task Variants_are_shown_with_what_selects_them_and_no_secrets()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("body", "200 OK", "Vary: Accept-Language, X-Api-Key\r\nCache-Control: public, max-age=30\r\nETag: \"e\"\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/", "Accept-Language: de", "X-Api-Key: secret");
        proxy.Time.Advance(TimeSpan.FromSeconds(5));
        await proxy.GetAsync("/", "Accept-Language: fr");

        var explained = await GetAsync(proxy, "/", "Accept-Language: FR");

        explained.GetRawText().ShouldNotContain("secret");
        var variants = explained.GetProperty("variants").EnumerateArray().ToArray();
        variants.Select(v => v.GetProperty("selected").GetBoolean()).ShouldBe([true, false]);
        variants[1].GetProperty("ageSeconds").GetInt64().ShouldBe(5);
        variants[1].GetProperty("lifetimeSeconds").GetInt64().ShouldBe(30);
        variants[1].GetProperty("freshUntil").GetDateTimeOffset().ShouldBe(proxy.Core.Clock.Now.AddSeconds(25));
        variants[1].GetProperty("entityTag").GetString().ShouldBe("\"e\"");
        variants[1].GetProperty("vary")[0].GetRawText().ShouldContain("\"de\"");
        variants[1].GetProperty("vary")[0].GetProperty("matches").GetBoolean().ShouldBeFalse();
        variants[1].GetProperty("vary")[1].GetProperty("value").GetString().ShouldBe("(not shown)");
    }

    [Theory]
    [InlineData("Cache-Control: private\r\n", "private")]
    [InlineData("Set-Cookie: a=b\r\n", "set-cookie")]
    [InlineData("Vary: *\r\n", "vary-star")]
    public async Task Why_the_last_response_was_not_stored_is_remembered_until_one_is(string fields, string reason)
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("body", "200 OK", r.Number == 1 ? fields : ""));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        await proxy.WaitForFetchesAsync();
        var refusal = (await GetAsync(proxy, "/")).GetProperty("lastNotStored");
        refusal.GetProperty("reason").GetString().ShouldBe(reason);
        refusal.GetProperty("status").GetInt32().ShouldBe(200);
        (await GetAsync(proxy, "/other")).TryGetProperty("lastNotStored", out _).ShouldBeFalse();

        proxy.Time.Advance(TimeSpan.FromSeconds(11)); // nobody waits for it any more, and it is stored again
        await proxy.GetAsync("/");
        await proxy.WaitForFetchesAsync();
        (await GetAsync(proxy, "/")).TryGetProperty("lastNotStored", out _).ShouldBeFalse();
    }

    [Fact]
    public async Task Query_rules_and_other_routes_are_seen()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("body"));
        await using var proxy = await RunningProxy.StartAsync(
            origin.Address, options => options.Routes["origin"] = new() { QueryDeny = "@tracking" }, route => route with { Match = new() { Path = "/a/{**rest}" } });

        (await GetAsync(proxy, "/a/b?utm_id=1&c")).GetProperty("key").GetString().ShouldBe($"{proxy.Address}a/b?c");
        (await GetAsync(proxy, "/b")).GetProperty("verdict").GetString().ShouldBe("refuse");
        (await GetAsync(proxy, "/a/../b")).GetProperty("verdict").GetString().ShouldBe("refuse");
    }

    [Fact]
    public async Task Question_may_be_json()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("body", "200 OK", "Vary: X-A\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/", "X-A: 1, 2");

        var body = $$"""{ "url": "{{proxy.Address}}", "fields": { "X-A": ["1", "2"] } }""";
        (await PostAsync(proxy, body)).Json.GetProperty("verdict").GetString().ShouldBe("hit");
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("""{"url":1}""")]
    [InlineData("""{"url":"/a"}""")]
    [InlineData("""{"url":"ftp://a/"}""")]
    [InlineData("""{"url":"http:///a"}""")]
    [InlineData("""{"url":"http://a/","fields":[]}""")]
    [InlineData("""{"url":"http://a/","fields":{"A":1}}""")]
    public async Task Bad_question_is_a_problem_document(string body)
    {
        await using var proxy = await RunningProxy.StartAsync("http://127.0.0.1:9");
        var (status, json) = await PostAsync(proxy, body);
        status.ShouldBe(400);
        json.GetProperty("status").GetInt32().ShouldBe(400);
        json.GetProperty("detail").GetString().ShouldNotBeNullOrEmpty();
    }

    private static async Task<JsonElement> GetAsync(RunningProxy proxy, string target, string field = "")
    {
        var context = Context();
        context.Request.QueryString = QueryString.Create(
            [new("url", proxy.Address.ToString().TrimEnd('/') + target), .. field.Length > 0 ? [new KeyValuePair<string, string?>("header", field)] : Array.Empty<KeyValuePair<string, string?>>()]);
        await Endpoint(proxy).GetAsync(context);
        return Answer(context).Json;
    }

    private static async Task<(int Status, JsonElement Json)> PostAsync(RunningProxy proxy, string body)
    {
        var context = Context();
        context.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes(body));
        context.Request.ContentLength = context.Request.Body.Length;
        await Endpoint(proxy).PostAsync(context);
        return Answer(context);
    }

    private static ExplainEndpoint Endpoint(RunningProxy proxy) => new(proxy.Services.GetRequiredService<Explainer>());

    private static DefaultHttpContext Context() => new() { Response = { Body = new MemoryStream() } };

    private static (int Status, JsonElement Json) Answer(HttpContext context) =>
        (context.Response.StatusCode, JsonDocument.Parse(((MemoryStream)context.Response.Body).ToArray()).RootElement);
}
