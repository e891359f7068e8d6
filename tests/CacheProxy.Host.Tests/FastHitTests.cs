namespace CacheProxy.Host.Tests;

/// <summary>Hits answered on the connection in the service as it ships. They are told by their Age, which stands last; Kestrel puts it elsewhere.</summary>
public class FastHitTests
{
    private static bool IsFast(string answer) => answer[..(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)] is var head && head.LastIndexOf("\r\nAge: ", StringComparison.Ordinal) == head.TrimEnd().LastIndexOf("\r\n", StringComparison.Ordinal);

    [Fact]
    public async Task Draining_closes_a_connection_that_was_fast_with_its_next_answer()
    {
        await using var origin = new RawOrigin(_ => Task.FromResult(Response("hello")));
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address, "--CacheProxy:FastHits", "true", "--CacheProxy:DrainTime", "1m"]);
        using var client = await RawClient.ConnectAsync(host.Proxy);
        await UntilFastAsync(client, "/", "");
        host.Terminate();
        await host.SeesAsync("Draining");
        await client.SendAsync("/");
        (await client.ReceiveAsync()).ShouldNotBeNull().ShouldContain("Connection: close");
        (await client.ReceiveAsync()).ShouldBeNull();
        (await host.ExitAsync()).ShouldBe(0);
    }

    [Theory]
    [InlineData("127.0.0.1", "https hello")]
    [InlineData("10.0.0.0/8", "http hello")] // somebody else is trusted
    public async Task The_scheme_that_a_proxy_tells_is_part_of_the_key_where_it_is_believed(string trusted, string body)
    {
        await using var origin = new RawOrigin(head => Task.FromResult(Response((head.Contains("X-Forwarded-Proto: https") ? "https " : "http ") + "hello")));
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address, "--CacheProxy:FastHits", "true", "--CacheProxy:TrustedProxies", trusted]);
        using var client = await RawClient.ConnectAsync(host.Proxy);
        (await UntilFastAsync(client, "/", "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n")).ShouldEndWith(body);
        (await UntilFastAsync(client, "/", "")).ShouldEndWith("\r\n\r\nhttp hello");
        (await UntilFastAsync(client, "/", "X-Forwarded-Proto: http\r\n")).ShouldEndWith("\r\n\r\nhttp hello");
        // An address that is none keeps the scheme beside it from being believed.
        await client.SendAsync("/", "X-Forwarded-For: nobody\r\nX-Forwarded-Proto: https\r\n");
        (await client.ReceiveAsync()).ShouldNotBeNull().ShouldEndWith("\r\n\r\nhttp hello");
    }

    [Theory]
    [InlineData("--CacheProxy:FastHits", "false")]
    [InlineData("--CacheProxy:AccessLog", "true")]
    public async Task Switched_off_or_with_an_access_log_no_hit_is_fast(string option, string value)
    {
        await using var origin = new RawOrigin(_ => Task.FromResult(Response("hello")));
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address, "--CacheProxy:FastHits", "true", option, value]);
        using var client = await RawClient.ConnectAsync(host.Proxy);
        (await IsEverFastAsync(client)).ShouldBeFalse();
    }

    [Fact]
    public async Task A_scrape_counts_them()
    {
        await using var origin = new RawOrigin(_ => Task.FromResult(Response("hello")));
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address, "--CacheProxy:FastHits", "true"]);
        using var admin = new HttpClient { BaseAddress = host.Admin };
        using var client = await RawClient.ConnectAsync(host.Proxy);
        await UntilFastAsync(client, "/", "");
        await admin.GetStringAsync("/metrics", TestContext.Current.CancellationToken); // from here on the server's own instruments count, too
        var hits = await CountAsync(admin, "cacheproxy_requests_total", "hit");
        for (var i = 0; i < 10; i++)
            await UntilFastAsync(client, "/", "");
        (await CountAsync(admin, "cacheproxy_requests_total", "hit")).ShouldBe(hits + 10);
        (await CountAsync(admin, "http_server_request_duration_seconds_count", "GET")).ShouldBe(10);
    }

    private static async Task<double> CountAsync(HttpClient admin, string name, string label)
    {
        var text = await admin.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        return text.Split('\n').Where(l => l.StartsWith(name, StringComparison.Ordinal) && l.Contains($"\"{label}\""))
            .Sum(l => double.Parse(l[(l.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>Routing settles within a second of the start.</summary>
    private static async Task<string> UntilFastAsync(RawClient client, string path, string fields)
    {
        for (var tries = 0; tries < 200; tries++)
        {
            await client.SendAsync(path, fields);
            var answer = (await client.ReceiveAsync()).ShouldNotBeNull();
            if (IsFast(answer))
                return answer;
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
        throw new InvalidOperationException("No hit was fast.");
    }

    private static async Task<bool> IsEverFastAsync(RawClient client)
    {
        for (var tries = 0; tries < 60; tries++)
        {
            await client.SendAsync("/");
            if (IsFast((await client.ReceiveAsync()).ShouldNotBeNull()))
                return true;
            await Task.Delay(30, TestContext.Current.CancellationToken);
        }
        return false;
    }

    private static byte[] Response(string body) => RawOrigin.Response(body, $"Date: {DateTimeOffset.UtcNow:R}\r\nCache-Control: max-age=60\r\n");
}
