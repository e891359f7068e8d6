using System.Diagnostics.Metrics;
using CacheProxy.Keys;
using CacheProxy.Storage;
using CacheProxy.Tests.Scenarios;
using CacheProxy.Warming;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;
using static CacheProxy.Tests.Scenarios.StoryTests;

namespace CacheProxy.Tests.Warming;

public sealed class WarmerTests : IDisposable
{
    private const string Shop = "http://shop.example";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cacheproxy-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task What_is_listed_is_a_hit_for_the_first_client()
    {
        var file = Path.Combine(_folder.FullName, "urls");
        await File.WriteAllTextAsync(file, $"# the shop\n\n  {Shop}/b?x=%20y \r\n{Shop}/a\nnot a url\n{Shop}/../c\n");
        await using var origin = ScriptedOrigin.Answering(r => Respond("body of " + r.Target));
        await using var proxy = await StartAsync(origin, o => (o.Urls, o.UrlsFile) = ($"{Shop}/a, HTTP://Shop.Example:80/a", file));
        var done = await DoneAsync(proxy);

        (done.Total, done.Done, done.Stored, done.Skipped, done.Failed).ShouldBe((2, 2, 2, 0, 0));
        var answer = await proxy.GetAsync("/b?x=%20y", "Host: shop.example");
        Field(answer, "Cache-Status")!.ShouldStartWith("CacheProxy; hit");
        (await Text(answer)).ShouldBe("body of /b?x=%20y");
        Field(await proxy.GetAsync("/a", "Host: shop.example"), "Cache-Status")!.ShouldStartWith("CacheProxy; hit");
        origin.Requests.Select(r => r.Target).ShouldBe(["/a", "/b?x=%20y"], ignoreOrder: true);
        origin.Requests[0]["X-Forwarded-Host"].ShouldBe("shop.example");
        origin.Requests[0]["User-Agent"].ShouldBe("CacheProxy-Warming");
    }

    [Fact]
    public async Task Scheme_is_the_one_of_the_url_whatever_the_listener_speaks()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("secure"));
        await using var proxy = await StartAsync(origin, o => o.Urls = "https://shop.example/a");
        await DoneAsync(proxy);
        origin.Requests.Single()["X-Forwarded-Proto"].ShouldBe("https");
        proxy.Core.Store.Find("https://shop.example/a", proxy.Core.Clock.Now).ShouldNotBeNull();
        proxy.Core.Store.Find("http://shop.example/a", proxy.Core.Clock.Now).ShouldBeNull();
    }

    [Fact]
    public async Task What_is_not_for_a_cache_is_counted_and_not_waited_for()
    {
        var silent = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Target == "/events") // never ends
            {
                await r.WriteAsync("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
                await silent.Task;
            }
            await r.WriteAsync(Respond("x", fields: r.Target == "/private" ? "Cache-Control: private\r\n" : ""));
        });
        await using var proxy = await StartAsync(origin, o => (o.Urls, o.Concurrency) = ($"{Shop}/events,{Shop}/private,{Shop}/a", 1));
        var done = await DoneAsync(proxy);
        (done.Stored, done.Skipped, done.Failed).ShouldBe((1, 2, 0));
        silent.SetResult();
    }

    [Fact]
    public async Task A_route_that_asks_for_authorization_is_not_asked_and_neither_is_what_no_route_leads_to()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("x"));
        await using var proxy = await StartAsync(origin, o => o.Urls = $"{Shop}/a,http://other.example/a",
            route => route with { AuthorizationPolicy = "Default", Match = new RouteMatch { Path = "{**rest}", Hosts = ["shop.example"] } },
            builder => builder.Services.AddAuthorization());
        (await DoneAsync(proxy)).Failed.ShouldBe(2);
        origin.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task Sitemaps_are_read_and_speak_for_their_own_origin_alone()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond(r.Target switch
        {
            "/index.xml" => $"<sitemapindex><sitemap><loc>{Shop}/one.xml</loc></sitemap><sitemap><loc>{Shop}/nested.xml</loc></sitemap></sitemapindex>",
            "/nested.xml" => $"<sitemapindex><sitemap><loc>{Shop}/never.xml</loc></sitemap></sitemapindex>",
            "/one.xml" => $"""
                <?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
                <url><loc> {Shop}/a?x=1&amp;y=2 </loc></url><url><loc>http://169.254.169.254/latest</loc></url>
                <url><loc>https://shop.example/b</loc></url><url><loc>file:///etc/passwd</loc></url></urlset>
                """,
            var page => page,
        }));
        await using var proxy = await StartAsync(origin, o => o.Sitemaps = $"{Shop}/index.xml");
        var done = await DoneAsync(proxy);
        origin.Requests.Select(r => r.Target).ShouldBe(["/index.xml", "/one.xml", "/nested.xml", "/a?x=1&y=2"], ignoreOrder: true);
        origin.Requests.ShouldAllBe(r => r["X-Forwarded-Host"] == "shop.example");
        (done.Total, done.Stored).ShouldBe((4, 4));
    }

    [Fact]
    public async Task Requests_go_out_at_the_given_pace()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("x"));
        await using var proxy = await StartAsync(origin, o => (o.Urls, o.RequestsPerSecond, o.Concurrency) = (Urls(5), 10, 64));
        for (var sent = 1; sent <= 5; sent++)
        {
            await Eventually.TrueAsync(() => Warmer(proxy).Progress.Done == sent, $"{sent} are done");
            proxy.Time.Advance(TimeSpan.FromMilliseconds(99));
            await Task.Delay(20);
            origin.Requests.Count.ShouldBe(sent);
            proxy.Time.Advance(TimeSpan.FromMilliseconds(1));
        }
        await Eventually.TrueAsync(() => Warmer(proxy).Progress.State == WarmingState.Done, "it is done");
    }

    [Fact]
    public async Task No_more_than_so_many_are_under_way()
    {
        var release = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            await release.Task;
            await r.WriteAsync(Respond("x"));
        });
        await using var proxy = await StartAsync(origin, o => (o.Urls, o.Concurrency) = (Urls(9), 3));
        await AdvanceUntilAsync(proxy, () => origin.Requests.Count == 3);
        for (var i = 0; i < 20; i++)
        {
            proxy.Time.Advance(TimeSpan.FromMilliseconds(10));
            await Task.Delay(2);
        }
        origin.Requests.Count.ShouldBe(3);
        release.SetResult();
        (await DoneAsync(proxy)).Stored.ShouldBe(9);
    }

    [Fact]
    public async Task While_the_origin_fails_it_is_asked_once_a_pause_and_the_pauses_grow()
    {
        var isDown = true;
        await using var origin = ScriptedOrigin.Answering(_ => isDown ? Respond("", "503 Service Unavailable") : Respond("x"));
        await using var proxy = await StartAsync(origin, o => (o.Urls, o.Concurrency) = (Urls(20), 1));
        var asked = 1;
        foreach (var pause in new[] { 1, 2, 4, 8, 16, 32, 60, 60 })
        {
            await Eventually.TrueAsync(() => Warmer(proxy).Progress.Retried == asked, $"{asked} have failed");
            Warmer(proxy).Progress.State.ShouldBe(WarmingState.Paused);
            proxy.Time.Advance(TimeSpan.FromSeconds(pause) - TimeSpan.FromMilliseconds(1));
            await Task.Delay(20);
            origin.Requests.Count.ShouldBe(asked, $"within a pause of {pause} s");
            isDown = pause < 60 || asked < 8;
            await AdvanceUntilAsync(proxy, () => origin.Requests.Count > asked);
            asked++;
        }
        (await DoneAsync(proxy)).Stored.ShouldBe(20);
        origin.Requests.Count.ShouldBe(28); // 8 in vain, none lost
    }

    [Fact]
    public async Task One_page_that_always_fails_is_given_up_and_the_others_are_stored()
    {
        await using var origin = ScriptedOrigin.Answering(r => r.Target == "/3" ? Respond("", "500 Internal Server Error") : Respond("x"));
        await using var proxy = await StartAsync(origin, o => o.Urls = Urls(6));
        await AdvanceUntilAsync(proxy, () => Warmer(proxy).Progress.State == WarmingState.Done, TimeSpan.FromMilliseconds(200));
        var done = Warmer(proxy).Progress;
        (done.Stored, done.Failed, done.Retried).ShouldBe((5, 1, 4));
    }

    [Fact]
    public async Task While_no_destination_is_healthy_nobody_is_asked()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("x"));
        await using var proxy = await StartAsync(origin, o => (o.Urls, o.RequestsPerSecond) = (Urls(2), 1),
            cluster: cluster => cluster with { HealthCheck = new HealthCheckConfig { Passive = new PassiveHealthCheckConfig { Enabled = true, Policy = "TransportFailureRate" }, AvailableDestinationsPolicy = "HealthyAndUnknown" } });
        await Eventually.TrueAsync(() => Warmer(proxy).Progress.Done == 1, "one is done");
        await proxy.WaitForFetchesAsync(); // and YARP has noted that it went well
        Mark(DestinationHealth.Unhealthy);
        await AdvanceUntilAsync(proxy, () => Warmer(proxy).Progress.State is WarmingState.Paused or WarmingState.Done, TimeSpan.FromMilliseconds(100));
        Warmer(proxy).Progress.State.ShouldBe(WarmingState.Paused, Warmer(proxy).Progress + " " + origin.Requests.Count);
        origin.Requests.Count.ShouldBe(1);
        Mark(DestinationHealth.Healthy);
        await AdvanceUntilAsync(proxy, () => Warmer(proxy).Progress.State == WarmingState.Done, TimeSpan.FromMilliseconds(100));
        Warmer(proxy).Progress.Stored.ShouldBe(2);

        void Mark(DestinationHealth health)
        {
            proxy.Services.GetRequiredService<IProxyStateLookup>().TryGetCluster("origin", out var cluster);
            foreach (var destination in cluster!.Destinations.Values)
                destination.Health.Passive = health;
            proxy.Services.GetRequiredService<IClusterDestinationsUpdater>().UpdateAvailableDestinations(cluster);
        }
    }

    [Fact]
    public async Task Stopping_does_not_wait_for_it()
    {
        var silent = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(_ => silent.Task);
        var proxy = await StartAsync(origin, o => o.Urls = Urls(9));
        var warmer = Warmer(proxy);
        await Eventually.TrueAsync(() => origin.Requests.Count > 0, "the origin is asked");
        await proxy.StopAsync().InTimeAsync("the stop");
        warmer.Progress.State.ShouldBe(WarmingState.Stopped);
        silent.SetResult();
        await proxy.DisposeAsync();
    }

    [Fact]
    public async Task Without_anything_to_warm_it_is_off()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("x"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        Warmer(proxy).Progress.ShouldBe(new WarmingProgress(WarmingState.Off, 0, 0, 0, 0, 0));
        proxy.Core.HotKeys.ShouldBeNull();
    }

    [Fact]
    public async Task Readiness_waits_for_it_only_as_long_as_it_is_told()
    {
        var silent = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(_ => silent.Task);
        await using var proxy = await StartAsync(origin, o => (o.Urls, o.ReadyWait) = (Urls(1), TimeSpan.FromSeconds(5)));
        var ready = Warmer(proxy).UntilReadyAsync();
        proxy.Time.Advance(TimeSpan.FromSeconds(4.9));
        ready.IsCompleted.ShouldBeFalse();
        proxy.Time.Advance(TimeSpan.FromSeconds(0.1));
        await ready.InTimeAsync("readiness");
        silent.SetResult();
    }

    // What one run has learned the next one begins with; and what was purged in between is not there, for no bodies are kept.
    [Fact]
    public async Task The_next_run_begins_with_what_was_hit_most_and_with_nothing_that_was_purged_meanwhile()
    {
        var file = Path.Combine(_folder.FullName, "top");
        var version = "old";
        await using var origin = ScriptedOrigin.Answering(_ => Respond(version, fields: "Cache-Control: public, max-age=60\r\n"));
        await using (var first = await StartAsync(origin, o => (o.TopKeysFile, o.TopKeys) = (file, 2)))
        {
            await HitAsync(first, "/more", 16 * HotKeys.Every);
            first.Core.HotKeys!.Count(new TargetUri("http", "shop.example", "/less"));
            foreach (var _ in Enumerable.Range(0, 2))
                first.Core.HotKeys.Count(new TargetUri("http", "shop.example", "/much"));
            await HitAsync(first, "/secret", 16 * HotKeys.Every, "Authorization: Bearer x");
            await HitAsync(first, "/basket", 16 * HotKeys.Every, "Cookie: a=b");
            await first.StopAsync();
        }
        (await File.ReadAllLinesAsync(file)).Skip(1).ShouldBe([$"{Shop}/more", $"{Shop}/much"]);
        if (!OperatingSystem.IsWindows())
            File.GetUnixFileMode(file).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);

        version = "new"; // while nobody listened
        await using (var second = await StartAsync(origin, o => o.TopKeysFile = file))
        {
            (await DoneAsync(second)).Stored.ShouldBe(2);
            var answer = await second.GetAsync("/more", "Host: shop.example");
            Field(answer, "Cache-Status")!.ShouldStartWith("CacheProxy; hit");
            (await Text(answer)).ShouldBe("new");
            await second.StopAsync();
        }
        (await File.ReadAllLinesAsync(file)).Skip(1).ShouldBe([$"{Shop}/more", $"{Shop}/much"], ignoreOrder: true); // a short run forgets nothing
    }

    [Fact]
    public async Task The_file_is_written_each_minute_and_trouble_with_it_is_nobody_elses()
    {
        var file = Path.Combine(_folder.FullName, "top");
        await using var origin = ScriptedOrigin.Answering(_ => Respond("x"));
        await using var proxy = await StartAsync(origin, o => o.TopKeysFile = file);
        await HitAsync(proxy, "/a", 16 * HotKeys.Every);
        await Eventually.TrueAsync(() => proxy.Time.PendingTimers > 0, "it waits");
        await AdvanceUntilAsync(proxy, () => File.Exists(file), TimeSpan.FromSeconds(1));
        (await File.ReadAllTextAsync(file)).ShouldEndWith($"\n{Shop}/a\n");

        File.Delete(file);
        Directory.CreateDirectory(file); // in its place
        for (var i = 0; i < 100; i++)
        {
            proxy.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(1);
        }
        (await proxy.GetAsync("/a")).IsSuccessStatusCode.ShouldBeTrue();
    }

    [Fact]
    public async Task A_hostile_file_asks_only_what_a_client_could_ask()
    {
        var file = Path.Combine(_folder.FullName, "top");
        await File.WriteAllTextAsync(file, string.Join('\n',
            "http://user:secret@shop.example/a", "http://shop.example:99999/a", "http://[::1/a", "http://shop.example\\@evil/a", "http:///a", "javascript:alert(1)",
            "file:///etc/passwd", "http://shop.example/a b", "http://shop.example/a\r\nX-Evil: 1", "http://shop.example/%2e%2e/a", "http://shop.example/a#b",
            "http://sh\u00f6p.example/a", "http://shop.example/" + new string('a', 9000), "\0\0\0", "<?xml version='1.0'?>", new string('x', 1 << 20),
            "http://elsewhere.example/a", "http://shop.example/fine"), System.Text.Encoding.Latin1);
        await using var origin = ScriptedOrigin.Answering(_ => Respond("x"));
        await using var proxy = await StartAsync(origin, o => o.TopKeysFile = file);
        var done = await DoneAsync(proxy);
        // The X-Evil line is cut off at its end, so that "/a" before it stands alone. Every one goes to the proxy's own origin.
        origin.Requests.Select(r => r["X-Forwarded-Host"] + r.Target).ShouldBe(["shop.example/a", "elsewhere.example/a", "shop.example/fine"], ignoreOrder: true);
        origin.Requests.ShouldAllBe(r => r["X-Evil"] == null);
        done.Total.ShouldBe(3);
    }

    [Fact]
    public async Task No_more_urls_are_taken_than_allowed()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond(r.Target == "/map"
            ? "<urlset>" + string.Concat(Enumerable.Range(0, 500).Select(i => $"<url><loc>{Shop}/m{i}</loc></url>")) + "</urlset>" : "x"));
        await using var proxy = await StartAsync(origin, o => (o.Sitemaps, o.MaxUrls) = ($"{Shop}/map", 7));
        (await DoneAsync(proxy)).Total.ShouldBe(7);
        origin.Requests.Count.ShouldBe(7);
    }

    [Fact]
    public async Task Its_figures_are_metrics()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("x"));
        await using var proxy = await StartAsync(origin, o => o.Urls = Urls(3));
        await DoneAsync(proxy);
        var seen = new Dictionary<string, long>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Meter.Scope == proxy.Services.GetRequiredService<IMeterFactory>() && instrument.Name.StartsWith("cacheproxy.warming.", StringComparison.Ordinal))
                    l.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => seen[instrument.Name + (tags.Length > 0 ? $" {tags[0].Value}" : "")] = value);
        listener.Start();
        listener.RecordObservableInstruments();
        seen.ShouldBe(new Dictionary<string, long>
        {
            ["cacheproxy.warming.urls stored"] = 3,
            ["cacheproxy.warming.urls skipped"] = 0,
            ["cacheproxy.warming.urls failed"] = 0,
            ["cacheproxy.warming.left"] = 0,
            ["cacheproxy.warming.retries"] = 0,
        }, ignoreOrder: true);
    }

    private static string Urls(int count) => string.Join(',', Enumerable.Range(1, count).Select(i => $"{Shop}/{i}"));

    private static Warmer Warmer(RunningProxy proxy) => proxy.Services.GetRequiredService<Warmer>();

    private static Task<RunningProxy> StartAsync(
        ScriptedOrigin origin, Action<WarmingOptions> configure, Func<RouteConfig, RouteConfig>? route = null,
        Action<Microsoft.AspNetCore.Builder.WebApplicationBuilder>? build = null, Func<ClusterConfig, ClusterConfig>? cluster = null) =>
        RunningProxy.StartAsync(origin.Address, options =>
        {
            options.Warming.RequestsPerSecond = 10_000;
            configure(options.Warming);
        }, route, cluster, build);

    /// <summary>Time goes on, a little at a time, until it comes true.</summary>
    private static Task AdvanceUntilAsync(RunningProxy proxy, Func<bool> condition, TimeSpan? step = null) => Eventually.TrueAsync(() =>
    {
        if (condition())
            return true;
        proxy.Time.Advance(step ?? TimeSpan.FromMilliseconds(1));
        return false;
    }, "what is waited for comes true while time goes on");

    private static async Task<WarmingProgress> DoneAsync(RunningProxy proxy)
    {
        await AdvanceUntilAsync(proxy, () => Warmer(proxy).Progress.State == WarmingState.Done);
        return Warmer(proxy).Progress;
    }

    /// <summary>Each thread counts every 64th of its own hits: of many times that number some are counted, whichever threads they come to.</summary>
    private static async Task HitAsync(RunningProxy proxy, string target, int times, params string[] fields)
    {
        await proxy.GetAsync(target, [.. fields, "Host: shop.example"]);
        await proxy.WaitForFetchesAsync();
        for (var i = 0; i < times; i++)
            Field(await proxy.GetAsync(target, [.. fields, "Host: shop.example"]), "Cache-Status")!.ShouldStartWith("CacheProxy; hit");
    }
}
