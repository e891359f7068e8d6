using System.Text.Json;
using CacheProxy.Invalidation;

namespace CacheProxy.Tests.Scenarios;

/// <summary>Groups of RFC 9875, surrogate keys, and purges by whatever an operator names.</summary>
public sealed class GroupTests
{
    [Fact]
    public async Task Write_that_names_a_group_hides_all_of_it_and_nothing_else()
    {
        await using var origin = ScriptedOrigin.Answering(Answer);
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        foreach (var path in new[] { "/items?page=1", "/items/1", "/other" })
            await proxy.GetAsync(path);

        await proxy.SendAsync(HttpMethod.Post, "/items", "X-Invalidates: \"items\"");

        (await StatusAsync(proxy, "/items?page=1")).ShouldContain("fwd=uri-miss");
        (await StatusAsync(proxy, "/items/1")).ShouldContain("fwd=uri-miss");
        (await StatusAsync(proxy, "/other")).ShouldContain("hit");
    }

    [Theory]
    [InlineData("GET", "\"items\"")] // section 3: only answers to unsafe methods
    [InlineData("OPTIONS", "\"items\"")]
    [InlineData("POST", "items")] // a token is no string: the field counts for nothing
    [InlineData("POST", "\"items\", 1")]
    [InlineData("POST", "\"Items\"")] // letter for letter
    public async Task What_names_no_group_hides_none(string method, string value)
    {
        await using var origin = ScriptedOrigin.Answering(Answer);
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/items/1");
        await proxy.SendAsync(new HttpMethod(method), "/elsewhere", $"X-Invalidates: {value}");
        (await StatusAsync(proxy, "/items/1")).ShouldContain("hit");
    }

    [Fact]
    public async Task A_failed_write_hides_nothing()
    {
        await using var origin = ScriptedOrigin.Answering(r => r.Method == "POST" ? Respond("", "Cache-Group-Invalidation: \"items\"", 500) : Answer(r));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/items/1");
        await proxy.SendAsync(HttpMethod.Post, "/items");
        (await StatusAsync(proxy, "/items/1")).ShouldContain("hit");
    }

    [Fact]
    public async Task A_group_is_of_its_origin_alone()
    {
        await using var origin = ScriptedOrigin.Answering(Answer);
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/items/1", "Host: one.example");
        await proxy.GetAsync("/items/1", "Host: two.example");
        await proxy.SendAsync(HttpMethod.Post, "/x", "Host: one.example", "X-Invalidates: \"items\"");
        (await StatusAsync(proxy, "/items/1", "Host: one.example")).ShouldContain("fwd=uri-miss");
        (await StatusAsync(proxy, "/items/1", "Host: two.example")).ShouldContain("hit");
    }

    [Fact]
    public async Task Who_comes_after_a_write_does_not_get_a_fetch_that_began_before_it_and_turns_out_to_be_of_the_group()
    {
        var release = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Method == "GET" && r.Number == 1)
                await release.Task; // what was read before the write, and comes after it
            await r.WriteAsync(r.Number == 1 ? Respond("old", "Cache-Groups: \"items\"") : r.Method == "GET" ? Respond("new", "Cache-Groups: \"items\"") : Answer(r));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var before = proxy.GetAsync("/items");
        await proxy.WaitForWaitingAsync(1);
        await proxy.SendAsync(HttpMethod.Post, "/elsewhere", "X-Invalidates: \"items\"");
        var after = proxy.GetAsync("/items");
        await proxy.WaitForWaitingAsync(2); // aboard: nobody knows the group yet
        release.SetResult();
        (await (await before).Content.ReadAsStringAsync()).ShouldBe("old"); // it overlapped the write
        (await (await after).Content.ReadAsStringAsync()).ShouldBe("new");
        await proxy.WaitForFetchesAsync();
        (await (await proxy.GetAsync("/items")).Content.ReadAsStringAsync()).ShouldBe("new");
    }

    [Theory]
    [InlineData("invalid")]
    [InlineData("soft")]
    [InlineData("hard")]
    public async Task Who_comes_after_a_purge_of_a_group_does_not_get_a_validation_that_began_before_it(string strength)
    {
        var release = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Number == 2)
                await release.Task; // compared before the group was purged, and comes after it
            await r.WriteAsync(r.Number == 2 ? "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n"
                : Respond(r.Number == 1 ? "old" : "new", $"Cache-Groups: \"items\"\r\nETag: \"{r.Number}\"\r\nCache-Control: max-age=10, stale-if-error=600"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        (await StatusAsync(proxy, "/items")).ShouldContain("stored");
        proxy.Time.Advance(TimeSpan.FromSeconds(11));
        var before = proxy.GetAsync("/items");
        await proxy.WaitForWaitingAsync(1);
        await proxy.Core.Invalidator.PurgeAsync(
            Read($$"""{"group": "items", "origin": "http://127.0.0.1:{{proxy.Address.Port}}", "strength": "{{strength}}"}"""), TimeSpan.Zero, default);
        var after = proxy.GetAsync("/items");
        await proxy.WaitForWaitingAsync(2);
        release.SetResult();
        (await (await before).Content.ReadAsStringAsync()).ShouldBe(strength == "hard" ? "new" : "old");
        (await (await after).Content.ReadAsStringAsync()).ShouldBe("new");
    }

    [Fact]
    public async Task A_response_of_more_groups_than_are_remembered_is_not_stored()
    {
        var names = string.Join(", ", Enumerable.Range(0, Tags.MaxNames + 1).Select(i => $"\"{i}\""));
        await using var origin = ScriptedOrigin.Answering(_ => Respond("x", "Cache-Groups: " + names));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        (await StatusAsync(proxy, "/")).ShouldNotContain("hit");
    }

    [Theory]
    [InlineData("""{"url": "http://127.0.0.1:PORT/items/1"}""", "/items/1")]
    [InlineData("""{"url": "HTTP://127.0.0.1:PORT/items/1", "strength": "hard"}""", "/items/1")]
    [InlineData("""{"group": "items", "origin": "http://127.0.0.1:PORT"}""", "/items/1 /items?page=1")]
    [InlineData("""{"tag": "red"}""", "/items/1 /other")]
    [InlineData("""{"tag": "blue"}""", "/items?page=1")]
    [InlineData("""{"prefix": "http://127.0.0.1:PORT/items"}""", "/items/1 /items?page=1")]
    [InlineData("""{"host": "127.0.0.1:PORT"}""", "/items/1 /items?page=1 /other")]
    [InlineData("""{"host": "127.0.0.2:PORT"}""", "")]
    [InlineData("""{"pattern": "items/[0-9]+$"}""", "/items/1")]
    [InlineData("""{"all": true}""", "/items/1 /items?page=1 /other")]
    [InlineData("""{"all": true, "dryRun": true}""", "")]
    public async Task Purge_hides_what_it_names(string json, string hidden)
    {
        await using var origin = ScriptedOrigin.Answering(Answer);
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        string[] paths = ["/items/1", "/items?page=1", "/other"];
        foreach (var path in paths)
            await proxy.GetAsync(path);
        var order = Read(json.Replace("PORT", $"{proxy.Address.Port}", StringComparison.Ordinal));
        var named = proxy.Core.Invalidator.Count(order.Invalidation);
        if (!order.DryRun)
        {
            await proxy.Core.Invalidator.PurgeAsync(order, TimeSpan.Zero, default);
            named.Responses.ShouldBe(hidden.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length);
            await Eventually.TrueAsync(() => proxy.Core.Store.Count == paths.Length - named.Responses, "the memory is given back");
        }
        foreach (var path in paths)
            (await StatusAsync(proxy, path)).Contains("hit", StringComparison.Ordinal).ShouldBe(!hidden.Split(' ').Contains(path), path);
    }

    [Fact]
    public async Task Invalid_asks_the_origin_and_soft_is_stale()
    {
        await using var origin = ScriptedOrigin.Answering(r =>
            r.Head.Contains("If-None-Match", StringComparison.Ordinal) ? "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n"
            : Respond("x", "ETag: \"1\"\r\nCache-Control: max-age=60, stale-while-revalidate=60"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        await PurgeAsync(proxy, """{"all": true, "strength": "invalid"}""");
        (await StatusAsync(proxy, "/")).ShouldContain("fwd=stale");
        origin.Requests[^1].Head.ShouldContain("If-None-Match");
        (await StatusAsync(proxy, "/")).ShouldContain("hit");
        await PurgeAsync(proxy, """{"all": true, "strength": "soft"}""");
        (await StatusAsync(proxy, "/")).ShouldContain("hit"); // stale, while it is revalidated
        await Eventually.TrueAsync(() => origin.Requests.Count == 3, "it is refreshed behind");
        await proxy.WaitForFetchesAsync();
    }

    [Theory]
    [InlineData("hard", false)]
    [InlineData("invalid", false)]
    [InlineData("soft", true)]
    public async Task Only_what_was_purged_softly_stands_in_for_an_error(string strength, bool standsIn)
    {
        await using var origin = ScriptedOrigin.Answering(r => r.Number == 1 ? Respond("x", "ETag: \"1\"\r\nCache-Control: max-age=60, stale-if-error=60") : Respond("", "", 500));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        await PurgeAsync(proxy, $$"""{"all": true, "strength": "{{strength}}"}""");
        ((int)(await proxy.GetAsync("/")).StatusCode).ShouldBe(standsIn ? 200 : 500);
    }

    [Theory]
    [InlineData("[]", "The body is a JSON object")]
    [InlineData("{}", "One of url, group, tag, prefix, host, pattern, all is to be there, not none.")]
    [InlineData("""{"url": "http://a/", "tag": "x"}""", "not url and tag")]
    [InlineData("""{"url": "/items"}""", "url is '/items'; it is an absolute URL")]
    [InlineData("""{"url": "ftp://a/"}""", "url is 'ftp://a/'")]
    [InlineData("""{"url": "http://a/../b"}""", "dot segments")]
    [InlineData("""{"url": 1}""", "url is 1; it is a text")]
    [InlineData("""{"group": "items"}""", "origin is missing")]
    [InlineData("""{"tag": "x", "origin": "http://a"}""", "origin goes with group alone")]
    [InlineData("""{"pattern": "("}""", "is not a pattern")]
    [InlineData("""{"pattern": "(a)\\1"}""", "is not a pattern")]
    [InlineData("""{"host": "a b"}""", "host is 'a b'")]
    [InlineData("""{"all": false}""", "all is false")]
    [InlineData("""{"all": true, "strength": "gentle"}""", "strength is \"gentle\"; it is one of hard, invalid, soft.")]
    [InlineData("""{"all": true, "dryRun": "yes"}""", "dryRun is \"yes\"; it is true or false.")]
    [InlineData("""{"all": true, "speed": 1}""", "speed is not known")]
    public void A_bad_order_is_refused_with_every_complaint(string json, string complaint)
    {
        var complaints = new List<string>();
        PurgeOrder.Read(JsonDocument.Parse(json).RootElement, complaints).ShouldBeNull();
        complaints.ShouldContain(c => c.Contains(complaint, StringComparison.Ordinal), string.Join('\n', complaints));
    }

    private static async Task PurgeAsync(RunningProxy proxy, string json) => await proxy.Core.Invalidator.PurgeAsync(Read(json), TimeSpan.Zero, default);

    private static PurgeOrder Read(string json)
    {
        var complaints = new List<string>();
        var order = PurgeOrder.Read(JsonDocument.Parse(json).RootElement, complaints);
        complaints.ShouldBeEmpty();
        return order!;
    }

    private static async Task<string> StatusAsync(RunningProxy proxy, string path, params string[] fields) =>
        (await proxy.GetAsync(path, fields)).Headers.GetValues("Cache-Status").Single();

    private static string Answer(OriginRequest request)
    {
        var invalidates = request.Head.Split("\r\n").FirstOrDefault(line => line.StartsWith("X-Invalidates: ", StringComparison.Ordinal));
        if (invalidates is not null)
            return Respond("done", "Cache-Group-Invalidation:" + invalidates["X-Invalidates:".Length..]);
        return request.Target switch
        {
            "/items/1" => Respond("item", "Cache-Groups: \"items\", \"item:1\"\r\nSurrogate-Key: red green"),
            "/items?page=1" => Respond("list", "Cache-Groups: \"items\"\r\nCache-Tag: blue, yellow"),
            _ => Respond("other", "Surrogate-Key: red"),
        };
    }

    private static string Respond(string body, string fields, int status = 200) =>
        $"HTTP/1.1 {status} X\r\n{(fields.Length > 0 ? fields + "\r\n" : "")}Content-Length: {body.Length}\r\n\r\n{body}";
}
