using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;

namespace CacheProxy.Host.Tests;

public class AdminServerTests
{
    private const string Key = "a-key-of-24-characters..";

    [Fact]
    public async Task Health_and_metrics_are_on_the_admin_port_only()
    {
        var paths = new List<string>();
        await using var origin = new RawOrigin(head =>
        {
            paths.Add(head.Split(' ')[1]);
            return Task.FromResult(RawOrigin.Response("from the origin"));
        });
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address]);
        using var proxy = new HttpClient { BaseAddress = host.Proxy };
        foreach (var path in new[] { "/healthz/live", "/healthz/ready", "/metrics" })
            (await proxy.GetStringAsync(path, TestContext.Current.CancellationToken)).ShouldBe("from the origin");
        paths.ShouldBe(["/healthz/live", "/healthz/ready", "/metrics"]);

        using var admin = new HttpClient { BaseAddress = host.Admin };
        (await admin.GetStringAsync("/healthz/live", TestContext.Current.CancellationToken)).ShouldBe("live\n");
        var metrics = await admin.GetAsync("/metrics", TestContext.Current.CancellationToken);
        metrics.Content.Headers.ContentType!.ToString().ShouldBe("text/plain; version=0.0.4; charset=utf-8");
        metrics.Headers.CacheControl!.NoStore.ShouldBeTrue();
        var missing = await admin.GetAsync("/nowhere", TestContext.Current.CancellationToken);
        missing.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        missing.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        missing.Headers.CacheControl!.NoStore.ShouldBeTrue();
    }

    [Fact]
    public async Task Explanations_are_on_the_admin_port_only()
    {
        await using var origin = new RawOrigin(_ => Task.FromResult(RawOrigin.Response("hello", "")));
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address]);
        using var proxy = new HttpClient { BaseAddress = host.Proxy };
        using var admin = new HttpClient { BaseAddress = host.Admin };
        var question = $"/explain?header=Accept:%20a&url={Uri.EscapeDataString($"{host.Proxy}a?b=%20")}";
        (await admin.GetStringAsync(question, TestContext.Current.CancellationToken)).ShouldContain("\"verdict\": \"fetch\"");
        await proxy.GetStringAsync("/a?b=%20", TestContext.Current.CancellationToken);
        (await admin.GetStringAsync(question, TestContext.Current.CancellationToken)).ShouldContain("\"verdict\": \"hit\"");

        var refused = await admin.GetAsync("/explain", TestContext.Current.CancellationToken);
        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        refused.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        refused.Headers.CacheControl!.NoStore.ShouldBeTrue();
        (await admin.PostAsync("/explain", new StringContent("{}"), TestContext.Current.CancellationToken)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task Warming_is_shown_and_readiness_waits_for_it_where_it_is_told_to()
    {
        await using var origin = new RawOrigin(_ => Task.FromResult(RawOrigin.Response("hello", "")));
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address, "--CacheProxy:Warming:Urls", "http://a.example/1,http://a.example/2",
            "--CacheProxy:Warming:ReadyWait", "30s"]);
        using var admin = new HttpClient { BaseAddress = host.Admin };
        while (!(await admin.GetAsync("/healthz/ready", TestContext.Current.CancellationToken)).IsSuccessStatusCode)
            await Task.Delay(10, TestContext.Current.CancellationToken);
        (await admin.GetStringAsync("/warming", TestContext.Current.CancellationToken))
            .ShouldBe("""{"state":"done","total":2,"done":2,"stored":2,"skipped":0,"failed":0,"retried":0}""");
        (await admin.GetStringAsync("/metrics", TestContext.Current.CancellationToken)).ShouldContain("cacheproxy_warming_urls_total{warming_result=\"stored\"} 2\n");
        using var proxy = new HttpClient { BaseAddress = host.Proxy };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/2") { Headers = { Host = "a.example" } };
        (await proxy.SendAsync(request, TestContext.Current.CancellationToken)).Headers.GetValues("Cache-Status").Single().ShouldStartWith("CacheProxy; hit");
    }

    [Fact]
    public async Task With_a_key_metrics_need_it_and_health_does_not()
    {
        await using var origin = RawOrigin.Hello();
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address, "--CacheProxy:Admin:Address", "127.0.0.1"],
            environment: ("CacheProxy__Admin__Key", Key));
        using var admin = new HttpClient { BaseAddress = host.Admin };
        (await admin.GetAsync("/healthz/ready", TestContext.Current.CancellationToken)).StatusCode.ShouldBe(HttpStatusCode.OK);
        var refused = await admin.GetAsync("/metrics", TestContext.Current.CancellationToken);
        refused.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        refused.Headers.WwwAuthenticate.ToString().ShouldBe("Bearer");
        admin.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        (await admin.GetAsync("/metrics", TestContext.Current.CancellationToken)).StatusCode.ShouldBe(HttpStatusCode.OK);
        host.Output.ShouldNotContain(Key);
    }

    [Fact]
    public async Task Purge_wants_the_key_and_says_what_it_did()
    {
        await using var origin = new RawOrigin(_ => Task.FromResult(RawOrigin.Response("hello", "")));
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address, "--CacheProxy:Admin:Address", "127.0.0.1"],
            environment: ("CacheProxy__Admin__Key", Key));
        using var proxy = new HttpClient { BaseAddress = host.Proxy };
        using var admin = new HttpClient { BaseAddress = host.Admin };
        await proxy.GetAsync("/x", TestContext.Current.CancellationToken);
        (await StatusAsync()).ShouldContain("hit");
        (await PurgeAsync("""{"all": true}""")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        admin.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);

        var counted = await PurgeAsync("""{"all": true, "dryRun": true}""");
        (await TextAsync(counted)).ShouldContain("\"responses\":1");
        (await StatusAsync()).ShouldContain("hit");

        var purged = await PurgeAsync($$"""{"url": "{{host.Proxy}}x"}""");
        purged.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await TextAsync(purged)).ShouldContain("\"complete\":true");
        (await StatusAsync()).ShouldContain("fwd=uri-miss");

        var refused = await PurgeAsync("""{"url": "x"}""");
        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        refused.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        (await TextAsync(refused)).ShouldContain("absolute URL");
        (await PurgeAsync("{")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await StatusAsync()).ShouldContain("hit");

        async Task<string> StatusAsync() =>
            (await proxy.GetAsync("/x", TestContext.Current.CancellationToken)).Headers.GetValues("Cache-Status").Single();
        Task<HttpResponseMessage> PurgeAsync(string json) => admin.PostAsync("/purge", new StringContent(json), TestContext.Current.CancellationToken);
        Task<string> TextAsync(HttpResponseMessage response) => response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_taken_port_stops_the_start_and_says_so()
    {
        await using var origin = RawOrigin.Hello();
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address]);
        var (exitCode, output) = await HostProcess.RunAsync(
            ["--origin", origin.Address, "--urls", "http://127.0.0.1:0", "--CacheProxy:Admin:Port", $"{host.Admin.Port}"]);
        exitCode.ShouldBe(1);
        output.ShouldContain($"CacheProxy:Admin:Port is {host.Admin.Port}; the admin server cannot listen there");
        output.ShouldNotContain("   at ");
        (exitCode, output) = await HostProcess.RunAsync(
            ["--origin", origin.Address, "--urls", $"http://127.0.0.1:{host.Proxy.Port}", "--CacheProxy:Admin:Port", "0"]);
        exitCode.ShouldBe(1);
        output.ShouldContain($"127.0.0.1:{host.Proxy.Port}: address already in use");
        output.ShouldNotContain("   at ");
    }

    [Fact]
    public async Task Health_can_be_asked_with_the_same_program()
    {
        await using var origin = RawOrigin.Hello();
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address], environment: ("CacheProxy__Admin__Key", Key));
        (string, string)[] same = [("CacheProxy__Admin__Port", $"{host.Admin.Port}"), ("CacheProxy__Admin__Key", Key)];
        (await HostProcess.RunAsync(["--health"], environment: same)).ShouldBe((0, ""));
        host.Terminate();
        await host.ExitAsync();
        var (exitCode, output) = await HostProcess.RunAsync(["--health"], environment: same);
        exitCode.ShouldBe(1);
        output.ShouldContain("does not answer");
    }

    /// <summary>The platform itself names gauges <c>..._count</c>, which promtool's lint dislikes; dashboards know them by these names.</summary>
    [Fact]
    public async Task Metrics_please_promtool()
    {
        var promtool = Environment.GetEnvironmentVariable("PROMTOOL") ?? "/usr/bin/promtool";
        if (!File.Exists(promtool))
        {
            Assert.SkipWhen(Environment.GetEnvironmentVariable("CI") is null, "promtool is not installed (Debian: prometheus)");
            Assert.Fail("promtool is not installed (Debian: prometheus)");
        }

        await using var origin = RawOrigin.Hello();
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address]);
        using var admin = new HttpClient { BaseAddress = host.Admin };
        using var proxy = new HttpClient { BaseAddress = host.Proxy };
        await admin.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        for (var i = 0; i < 3; i++)
            await proxy.GetStringAsync("/", TestContext.Current.CancellationToken);
        var text = await admin.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        foreach (var family in new[]
        {
            "cacheproxy_requests_total", "http_server_request_duration_seconds_bucket", "http_client_request_duration_seconds_bucket",
            "kestrel_active_connections", "dotnet_gc_collections_total",
        })
            text.ShouldContain(family);

        using var check = Process.Start(new ProcessStartInfo(promtool, ["check", "metrics"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        await check.StandardInput.WriteAsync(text);
        check.StandardInput.Close();
        var problems = (await check.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken) + await check.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        await check.WaitForExitAsync(TestContext.Current.CancellationToken);
        check.ExitCode.ShouldBeOneOf(0, 3); // 1: the text cannot be parsed
        problems.ShouldAllBe(p => p.StartsWith("dotnet_") && p.Contains("should not have \"_count\" suffix"));
    }
}
