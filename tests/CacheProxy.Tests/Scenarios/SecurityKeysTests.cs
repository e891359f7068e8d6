using static CacheProxy.Tests.Scenarios.RawClient;

namespace CacheProxy.Tests.Scenarios;

/// <summary>What makes the key is what the origin receives, byte for byte; one reading of the request line.</summary>
public sealed class SecurityKeysTests
{
    private static readonly string[] Targets =
    [
        "/a", "/A", "/a/", "/a?", "/a??", "/a?x", "/a?x=", "/a?x=1", "/a?X=1", "/a?x=1&y=2", "/a?y=2&x=1", "/a?x=1&x=2", "/a?x=2&x=1",
        "/a?x=1;y=2", "/a?x=1&", "/a?&x=1", "/a?x=%31", "/a?x=+", "/a?x=%20", "/a?x=%2B", "/a%2F", "/a%2f", "/%61", "/a;", "/a;x=1",
        "/a;x=1?x=1", "/a.", "/a.css", "/a%0d%0aX:%20y", "/a%23x", "/a%3Fx", "/a%3fx", "//a", "///a", "/a//b", "/a/b", "/a\\b",
        "/a%5cb", "/a%5Cb", "/a|b", "/a\"b", "/a<b>", "/a{b}", "/a^b", "/a`b", "/a'b", "/a~b", "/a%7eb", "/a%", "/a%zz", "/a%c3%a4",
        "/a%C3%A4", "/a%e4", "/a...", "/a/...", "/a/.b", "/a/..b", "/a/b..", "/:80/a", "/@a", "/a@b", "/a:b", "/a,b", "/a*", "/*", "/a!$&()",
        "/a?/../b", "/a?x=/./", "/a?x=%23", "/%2f", "/%2F", "/site.example/a", "//site.example/a", "//other.example/a",
        "/http://other.example/a", "/a?http://other.example/", "/a%2e", "/a%2E%2e", "/a/%2e%2eb", "/%252e%252e/a", "/%25", "/?", "/??",
    ];

    [Fact]
    public async Task Origin_receives_exactly_the_bytes_that_make_the_key_and_no_two_targets_share()
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond(r.Target));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        Targets.Distinct().Count().ShouldBe(Targets.Length);
        foreach (var target in Targets)
            (await GetAsync(proxy, target)).Body.ShouldBe(target);
        origin.Requests.Select(r => r.Target).ShouldBe(Targets);
        foreach (var target in Targets.Reverse())
        {
            var hit = await GetAsync(proxy, target);
            hit.Body.ShouldBe(target);
            hit["Cache-Status"]!.ShouldContain("; hit");
        }
        origin.Requests.Count.ShouldBe(Targets.Length);
    }

    [Fact]
    public async Task Head_and_writes_reach_the_origin_with_the_same_bytes_as_get()
    {
        await using var origin = SecurityOracle.Telling();
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        foreach (var target in Targets)
        {
            await AskAsync(proxy, Request("HEAD", target));
            await AskAsync(proxy, Request("POST", target, "Content-Length: 0"));
        }
        origin.Requests.Select(r => r.Target).ShouldBe(Targets.SelectMany(t => new[] { t, t }));
    }

    [Theory]
    [InlineData("/a/../b")]
    [InlineData("/a/./b")]
    [InlineData("/..")]
    [InlineData("/.")]
    [InlineData("/a/%2e%2e/b")]
    [InlineData("/a/.%2E/b")]
    [InlineData("/a/%2e/b")]
    [InlineData("/static/..%2f%2e%2e/../b")]
    [InlineData("/a#b")]
    [InlineData("/a?x#b")]
    [InlineData("#")]
    [InlineData("?x")]
    [InlineData("http://other.example/a")]
    [InlineData("http://site.example:81/a")]
    [InlineData("http://site.example@other.example/a")]
    [InlineData("http://other.example@site.example/a")]
    [InlineData("http://site.example.other.example/a")]
    [InlineData("https://site.example/a")]
    [InlineData("ftp://site.example/a")]
    [InlineData("http:/site.example/a")]
    [InlineData("http://")]
    [InlineData("http:///a")]
    [InlineData("http://site.example\\@other.example/a")]
    [InlineData("http://site.example#@other.example/a")]
    [InlineData("http://site.example?@other.example/../a#")]
    [InlineData("file:///etc/passwd")]
    [InlineData("/a%00")]
    [InlineData("/a b")]
    [InlineData("/a\tb")]
    [InlineData("/a\u0001b")]
    [InlineData("/a\u007fb")]
    [InlineData("/a\u00e4b")]
    [InlineData("/a\0b")]
    public async Task Target_with_two_readings_is_refused_and_the_connection_ends(string target)
    {
        await using var origin = SecurityOracle.Telling();
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await using var client = await ConnectAsync(proxy);
        await client.SendAsync(Get(target) + Get("/next"));
        var refused = await client.ReadAsync();
        refused.Status.ShouldBe(400);
        refused.Head.ShouldNotContain("other.example");
        refused["Connection"].ShouldBe("close");
        (await client.IsClosedAsync()).ShouldBeTrue();
        origin.Requests.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("http://site.example/a?b", "/a?b")]
    [InlineData("http://site.example:80/a", "/a")]
    [InlineData("http://site.example", "/")]
    [InlineData("http://site.example?x", "/?x")]
    [InlineData("http://site.example//x", "//x")]
    public async Task Absolute_form_of_the_same_authority_shares_with_origin_form(string absolute, string target)
    {
        await using var origin = SecurityOracle.Telling();
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var host = absolute.Contains(":80", StringComparison.Ordinal) ? "site.example:80" : "site.example";
        var first = await AskAsync(proxy, $"GET {absolute} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        first.Status.ShouldBe(200);
        origin.Requests.Single().Target.ShouldBe(target);
        (await GetAsync(proxy, target)).Seen.ShouldBe(first.Seen);
        origin.Requests.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("Host: SITE.Example")]
    [InlineData("Host: site.example:80")]
    [InlineData("Host: site.example:443")]
    [InlineData("Host: site.example:")]
    [InlineData("Host: site.example.")]
    [InlineData("Host: site.example:8080")]
    [InlineData("Host: site.example,other.example")]
    [InlineData("Host: site.example\r\nHost: other.example")]
    [InlineData("Host: other.example\r\nHost: site.example")]
    [InlineData("Host: site.example@other.example")]
    [InlineData("Host: site.example/other")]
    [InlineData("Host: site.example?x")]
    [InlineData("Host: site.example#x")]
    [InlineData("Host: site.example other.example")]
    [InlineData("Host: site.example\\x")]
    [InlineData("Host: other.example")]
    [InlineData("Host: [::1]:80")]
    [InlineData("Host:")]
    [InlineData("X: y")]
    [InlineData("Host : site.example")]
    [InlineData(" Host: site.example")]
    [InlineData("H\u00f6st: site.example")]
    [InlineData("Host: site.\u00e4xample")]
    public async Task Odd_host_harms_nobody_else(string lines)
    {
        await using var origin = SecurityOracle.Telling();
        await SecurityOracle.HoldsAsync(origin, $"GET /p HTTP/1.1\r\n{lines}\r\n\r\n", Get("/p"));
        await SecurityOracle.HoldsAsync(origin, $"GET /p HTTP/1.0\r\n{lines}\r\n\r\n", Get("/p"));
    }

    [Theory]
    [InlineData("X: y")]
    [InlineData("Host: a.example\r\nHost: b.example")]
    [InlineData("Host: a.example\r\nHost: a.example")]
    [InlineData("Host: a b")]
    [InlineData("Host: a/b")]
    [InlineData("Host: user@a.example")]
    public async Task Missing_repeated_or_unreadable_host_is_refused(string lines)
    {
        await using var origin = SecurityOracle.Telling();
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await using var client = await ConnectAsync(proxy);
        await client.SendAsync($"GET /p HTTP/1.1\r\n{lines}\r\n\r\n" + Get("/next"));
        (await client.ReadAsync()).Status.ShouldBe(400);
        (await client.IsClosedAsync()).ShouldBeTrue();
        origin.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task Hosts_never_share_and_the_origin_is_told_the_host_of_the_key()
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond(r["X-Forwarded-Host"] ?? "none"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        foreach (var host in new[] { "a.example", "b.example", "a.example:81", "a.example.", "b.example:80" })
            (await AskAsync(proxy, $"GET /p HTTP/1.1\r\nHost: {host}\r\n\r\n")).Body.ShouldBe(host == "b.example:80" ? "b.example" : host);
        origin.Requests.Count.ShouldBe(4);
        origin.Requests.ShouldAllBe(r => r["Host"] == $"127.0.0.1:{origin.Port}");
    }

    [Theory]
    [InlineData("CONNECT other.example:443")]
    [InlineData("CONNECT site.example:80")]
    [InlineData("CONNECT 127.0.0.1:1")]
    [InlineData("GET site.example:80")]
    [InlineData("GET *")]
    [InlineData("GET a")]
    public async Task Connect_and_its_form_are_refused(string line)
    {
        await using var origin = SecurityOracle.Telling();
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await using var client = await ConnectAsync(proxy);
        var authority = line.Split(' ')[1];
        await client.SendAsync($"{line} HTTP/1.1\r\nHost: {(authority == "*" ? "site.example" : authority)}\r\n\r\n" + Get("/next"));
        (await client.ReadAsync()).Status.ShouldBe(405);
        (await client.IsClosedAsync()).ShouldBeTrue();
        origin.Requests.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("TRACE", "/p")]
    [InlineData("OPTIONS", "/p")]
    [InlineData("OPTIONS", "*")]
    [InlineData("PROPFIND", "/p")]
    [InlineData("PURGE", "/p")]
    [InlineData("get", "/p")]
    [InlineData("Get", "/p")]
    [InlineData("head", "/p")]
    [InlineData("GETX", "/p")]
    public async Task Other_methods_never_fill_what_get_is_answered_from(string method, string target)
    {
        await using var origin = SecurityOracle.Telling();
        await SecurityOracle.HoldsAsync(origin, Request(method, target), Get("/p"));
    }

    [Fact]
    public async Task Very_long_target_is_refused_by_the_proxy_or_kept_apart()
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond(r.Target.Length + r.Target[^1..]));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var path = "/" + new string('a', 7000);
        (await GetAsync(proxy, path + "x")).Body.ShouldBe("7002x");
        (await GetAsync(proxy, path + "y")).Body.ShouldBe("7002y");
        (await GetAsync(proxy, path + "x")).Body.ShouldBe("7002x");
        origin.Requests.Count.ShouldBe(2);
        (await GetAsync(proxy, "/" + new string('a', 20_000))).Status.ShouldBe(414);
        origin.Requests.Count.ShouldBe(2);
    }

    [Theory]
    [InlineData("/account/x.css")]
    [InlineData("/account;x.css")]
    [InlineData("/account%2fx.css")]
    [InlineData("/account%3bx.css")]
    [InlineData("/account%00.css")]
    [InlineData("/account%23x.js")]
    [InlineData("/account?x.png")]
    [InlineData("/static/..%2faccount")]
    public async Task Deceptive_path_does_not_store_a_personal_page(string target)
    {
        // The origin takes the path for /account and shows the page of whose cookie it is.
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond(r["Cookie"] ?? "nobody"));
        await SecurityOracle.HoldsAsync(origin, Get(target, "Cookie: victim"), Get(target));
        await SecurityOracle.HoldsAsync(origin, Get(target, "Authorization: Basic dmljdGlt"), Get(target));
    }
}
