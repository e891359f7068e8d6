using static CacheProxy.Tests.Scenarios.StoryTests;

namespace CacheProxy.Tests.Scenarios;

/// <summary>No-Vary-Search, where a route has it count.</summary>
public sealed class SearchRuleTests
{
    private static void Hears(CacheProxyOptions options) => options.Routes["origin"] = new() { NoVarySearch = true };

    private static string Ruled(string body, string rule = "params=(\"utm\")") =>
        Respond(body, "200 OK", $"Cache-Control: max-age=30\r\n{(rule.Length > 0 ? $"No-Vary-Search: {rule}\r\n" : "")}");

    private static async Task<string> GetAsync(RunningProxy proxy, string target)
    {
        var text = await Text(await proxy.GetAsync(target));
        await proxy.WaitForFetchesAsync();
        return text;
    }

    [Theory]
    [InlineData(true, 3)]
    [InlineData(false, 6)]
    public async Task Parameter_that_the_origin_does_not_look_at_makes_no_miss_and_goes_on_all_the_same(bool isHeard, int requests)
    {
        await using var origin = ScriptedOrigin.Answering(r => Ruled(r.Target.Contains("id=2", StringComparison.Ordinal) ? "two" : "one"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, isHeard ? Hears : null);
        (await GetAsync(proxy, "/p?id=1&utm=a")).ShouldBe("one"); // nothing is known of the path
        (await GetAsync(proxy, "/p?utm=b&id=1")).ShouldBe("one");
        (await GetAsync(proxy, "/p?id=1&utm=c")).ShouldBe("one");
        (await GetAsync(proxy, "/p?id=1")).ShouldBe("one");
        (await GetAsync(proxy, "/p?id=2&utm=a")).ShouldBe("two");
        (await GetAsync(proxy, "/p?id=2")).ShouldBe("two");
        origin.Requests.Count.ShouldBe(requests);
        origin.Requests[1].Target.ShouldBe("/p?utm=b&id=1"); // as it came
    }

    [Fact]
    public async Task Rule_that_changes_or_ends_finds_nothing_that_was_stored_by_another()
    {
        var rule = "params=(\"utm\")";
        await using var origin = ScriptedOrigin.Answering(r => Ruled($"body {r.Number}", rule));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, Hears);
        await GetAsync(proxy, "/p?x=0"); // learns
        (await GetAsync(proxy, "/p?id=1&utm=a")).ShouldBe("body 2");
        (await GetAsync(proxy, "/p?id=1&utm=b")).ShouldBe("body 2");
        rule = "params=(\"utm\" \"id\")";
        (await GetAsync(proxy, "/p?id=3&utm=b")).ShouldBe("body 3"); // says another rule: not stored under the old one's key
        (await GetAsync(proxy, "/p?id=4&utm=b")).ShouldBe("body 4");
        (await GetAsync(proxy, "/p?id=5")).ShouldBe("body 4");
        rule = "";
        (await GetAsync(proxy, "/q?id=1&utm=a")).ShouldBe("body 5");
        (await GetAsync(proxy, "/q?id=1&utm=b")).ShouldBe("body 6");
        proxy.Time.Advance(TimeSpan.FromSeconds(31));
        (await GetAsync(proxy, "/p?id=7&utm=a")).ShouldBe("body 7"); // no rule any more
        (await GetAsync(proxy, "/p?id=8&utm=a")).ShouldBe("body 8");
        (await GetAsync(proxy, "/p?id=9&utm=a")).ShouldBe("body 9");
        (await GetAsync(proxy, "/p?id=9&utm=a")).ShouldBe("body 9");
    }

    [Fact]
    public async Task Who_waits_gets_anothers_answer_only_if_it_says_that_it_may()
    {
        var release = new TaskCompletionSource();
        var rule = "params=(\"utm\")";
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Number > 1)
                await release.Task;
            await r.WriteAsync(Ruled($"body of {r.Target}", rule));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, Hears, cluster: RunningProxy.Patient);
        await GetAsync(proxy, "/p?utm=0");
        var asked = new[] { "/p?id=1&utm=a", "/p?id=1&utm=b", "/p?id=1" }.Select(target => proxy.Client.GetStringAsync(target)).ToArray();
        await proxy.WaitForWaitingAsync(3);
        await Eventually.TrueAsync(() => origin.Requests.Count > 1, "the fetch has arrived");
        origin.Requests.Count.ShouldBe(2); // one flight
        rule = "";
        release.SetResult();
        (await Task.WhenAll(asked)).ShouldBe(["body of /p?id=1&utm=a", "body of /p?id=1&utm=b", "body of /p?id=1"], ignoreOrder: true);
    }

    [Theory]
    [InlineData("/p?id=1&utm=z", true)]
    [InlineData("/p?id=1", true)]
    [InlineData("/p?utm=z", true)] // too much, never too little: whoever does not know the rule cannot tell
    [InlineData("/p", false)]
    [InlineData("/q?id=1", false)]
    public async Task Write_to_any_query_of_the_path_invalidates(string target, bool isGone)
    {
        await using var origin = ScriptedOrigin.Answering(r => r.Method == "GET" ? Ruled($"body {r.Number}") : Respond("done"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, Hears);
        await GetAsync(proxy, "/p?id=1&utm=a");
        (await GetAsync(proxy, "/p?id=1&utm=b")).ShouldBe("body 2");
        await proxy.SendAsync(HttpMethod.Delete, target);
        (await GetAsync(proxy, "/p?id=1&utm=c")).ShouldBe(isGone ? "body 4" : "body 2");
    }

    [Fact]
    public async Task Write_that_overtakes_a_fetch_keeps_it_out_and_later_ones_off_it()
    {
        var release = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Number == 2)
                await release.Task;
            await r.WriteAsync(r.Method == "GET" ? Ruled($"body {r.Number}") : Respond("done"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, Hears, cluster: RunningProxy.Patient);
        await GetAsync(proxy, "/p?utm=0");
        var before = proxy.Client.GetStringAsync("/p?id=1&utm=a");
        await Eventually.TrueAsync(() => origin.Requests.Count == 2, "it is at the origin");
        await proxy.SendAsync(HttpMethod.Post, "/p?id=1&other=1");
        (await proxy.Client.GetStringAsync("/p?id=1&utm=b")).ShouldBe("body 4"); // not aboard the flight of before
        release.SetResult();
        (await before).ShouldBe("body 2");
        await proxy.WaitForFetchesAsync();
        (await GetAsync(proxy, "/p?id=1&utm=c")).ShouldBe("body 4");
    }

    [Fact]
    public async Task Validation_keeps_the_rule()
    {
        await using var origin = ScriptedOrigin.Answering(r => r["If-None-Match"] is not null
            ? "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nCache-Control: max-age=10\r\n\r\n"
            : Respond("body", "200 OK", "Cache-Control: max-age=10\r\nETag: \"1\"\r\nNo-Vary-Search: params\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, Hears);
        await GetAsync(proxy, "/p?a=0");
        await GetAsync(proxy, "/p?a=1");
        proxy.Time.Advance(TimeSpan.FromSeconds(11));
        (await GetAsync(proxy, "/p?a=2")).ShouldBe("body");
        (await GetAsync(proxy, "/p?a=3")).ShouldBe("body");
        origin.Requests.Select(r => r.Target).ShouldBe(["/p?a=0", "/p?a=1", "/p?a=2"]);
    }
}
