using System.Diagnostics;
using CacheProxy.Coherence.Tests;
using CacheProxy.Invalidation;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Tests.Scenarios;

/// <summary>Three nodes before one origin, over a real Redis; time is the real one.</summary>
public sealed class ClusterTests
{
    [Fact]
    public async Task What_one_node_has_fetched_the_others_find()
    {
        await using var cluster = await Cluster.StartAsync(r => Respond($"body {r.Number}", "Age: 7\r\nX-Kept: caf\u00e9\r\nVary: Accept-Language\r\nETag: \"1\""));
        (await cluster.GetAsync(0, "/items/1", "Accept-Language: de")).ShouldBe("body 1");
        await cluster.WaitForRemoteAsync(1);
        var found = await cluster.ResponseAsync(1, "/items/1", "Accept-Language: de");
        (await found.Content.ReadAsStringAsync()).ShouldBe("body 1");
        found.Headers.GetValues("Cache-Status").Single().ShouldMatch("^CacheProxy; hit; ttl=5[0-3]; detail=remote$");
        found.Headers.GetValues("X-Kept").Single().ShouldBe("caf\u00e9");
        found.Headers.Age!.Value.TotalSeconds.ShouldBeInRange(7, 10);
        (await cluster.StatusAsync(1, "/items/1", "Accept-Language: de")).ShouldMatch("^CacheProxy; hit; ttl=5[0-3]$"); // in memory from now on
        (await cluster.GetAsync(2, "/items/1", "Accept-Language: fr")).ShouldBe("body 2"); // another variant
        cluster.Origin.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_cold_key_on_every_node_makes_one_origin_request()
    {
        var release = new TaskCompletionSource();
        await using var cluster = await Cluster.StartAsync(async r =>
        {
            await release.Task;
            await r.WriteAsync(Respond($"body {r.Number}"));
        });
        var asked = Enumerable.Range(0, 90).Select(i => cluster.GetAsync(i % 3, "/hot")).ToArray();
        await Eventually.TrueAsync(() => cluster.Nodes.Sum(node => node.Waiting) == 90, "all of them wait");
        release.SetResult();
        (await Task.WhenAll(asked)).ShouldAllBe(body => body == "body 1");
        cluster.Origin.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Parts_are_each_nodes_own_and_a_write_on_another_node_reaches_them()
    {
        await using var file = new FileOrigin(); // for its answers
        await using var cluster = await Cluster.StartAsync(file.AnswerAsync, options =>
        {
            options.Coherence.CallTimeout = TimeSpan.FromSeconds(5); // its own invalidation has a place for sure
            options.Routes["origin"] = new() { MaxBodyBytes = 64 << 10 };
        });
        for (var version = 1; version <= 3; version++)
        {
            foreach (var node in new[] { 0, 1, 0 })
                (await (await cluster.ResponseAsync(node, "/file", "Range: bytes=5-9")).Content.ReadAsByteArrayAsync()).ShouldBe(FileOrigin.Slice(version, 5, 9), $"node {node}");
            await cluster[0].WaitForFetchesAsync();
            (await cluster.StatusAsync(0, "/file", "Range: bytes=6-60000")).ShouldStartWith("CacheProxy; hit");
            await cluster.SendAsync(1, HttpMethod.Post, "/file");
        }
        var redis = await cluster.Redis.ClientAsync();
        redis.Multiplexer.GetServer(redis.Multiplexer.GetEndPoints()[0]).Keys(pattern: "* part *").ShouldBeEmpty();
    }

    [Fact]
    public async Task Write_through_a_node_that_does_not_know_the_rule_of_a_path_is_seen_where_it_is_known()
    {
        var version = 0;
        await using var cluster = await Cluster.StartAsync(
            r => r.Method == "GET" ? Respond($"version {Volatile.Read(ref version)}", "No-Vary-Search: params=(\"utm\")") : Respond($"{Interlocked.Increment(ref version)}", "A: b"),
            options => options.Routes["origin"] = new() { NoVarySearch = true });
        await cluster.GetAsync(0, "/items?id=1&utm=a"); // nodes 0 and 1 know the rule, node 2 has never asked
        await cluster.GetAsync(1, "/items?id=1&utm=b");
        for (var round = 1; round <= 10; round++)
        {
            await cluster.SendAsync(2, HttpMethod.Post, $"/items?id=1&utm={round}");
            for (var node = 0; node < 2; node++)
                (await cluster.GetAsync(node, $"/items?id=1&utm=x{round}")).ShouldBe($"version {round}");
        }
        cluster.Origin.Requests.Count.ShouldBeLessThan(25); // it is cached: two reads share one fetch at most times
    }

    [Fact]
    public async Task What_cannot_be_shared_is_not_queued_for()
    {
        var release = new TaskCompletionSource();
        await using var cluster = await Cluster.StartAsync(async r =>
        {
            if (r.Number == 1)
                await release.Task;
            await r.WriteAsync(Respond($"body {r.Number}", "Cache-Control: no-store"));
        });
        var asked = Enumerable.Range(0, 9).Select(i => cluster.GetAsync(i % 3, "/private")).ToArray();
        await Eventually.TrueAsync(() => cluster.Nodes.Sum(node => node.Waiting) == 9, "all of them wait");
        var clock = Stopwatch.StartNew();
        release.SetResult();
        (await Task.WhenAll(asked)).Distinct().Count().ShouldBe(9); // each has its own
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(4)); // far below the time that a lease is waited for
    }

    [Fact]
    public async Task A_write_through_one_node_is_seen_on_all_when_its_answer_arrives()
    {
        var version = 0;
        await using var cluster = await Cluster.StartAsync(r =>
        {
            if (r.Method != "GET")
                Interlocked.Increment(ref version);
            return Respond($"version {Volatile.Read(ref version)}", r.Method == "GET" ? "Cache-Groups: \"items\"" : "Cache-Group-Invalidation: \"items\"");
        }, options => options.Coherence.CallTimeout = TimeSpan.FromSeconds(5)); // its own invalidation has a place for sure
        for (var round = 1; round <= 20; round++)
        {
            for (var node = 0; node < 3; node++)
                await cluster.GetAsync(node, "/items");
            await cluster.SendAsync(round % 3, HttpMethod.Post, round % 2 == 0 ? "/items" : "/items/1"); // by its URL, or by its group
            for (var node = 0; node < 3; node++)
                (await cluster.GetAsync(node, "/items")).ShouldBe($"version {round}");
        }
    }

    [Fact]
    public async Task A_fetch_that_was_held_over_a_purge_never_comes_back_on_any_node()
    {
        var release = new TaskCompletionSource();
        await using var cluster = await Cluster.StartAsync(async r =>
        {
            if (r.Number == 1)
                await release.Task;
            await r.WriteAsync(Respond(r.Number == 1 ? "old" : "new"));
        });
        var held = cluster.GetAsync(0, "/items/1");
        await Eventually.TrueAsync(() => cluster.Origin.Requests.Count == 1, "the origin is asked");
        var receipt = await cluster.PurgeAsync(1, "all");
        receipt.Nodes.Count(node => node.State == CacheProxy.Coherence.NodeState.Applied).ShouldBe(3);
        var after = cluster.GetAsync(2, "/items/1"); // the lease of what is held is void: it need not wait
        (await after).ShouldBe("new");
        release.SetResult();
        (await held).ShouldBe("old"); // it overlapped the purge
        await cluster[0].WaitForFetchesAsync();
        for (var node = 0; node < 3; node++)
            (await cluster.GetAsync(node, "/items/1")).ShouldBe("new");
    }

    [Fact]
    public async Task Without_Redis_every_request_is_answered_nothing_old_is_served_unasked_and_all_converges_after()
    {
        var version = 1;
        await using var cluster = await Cluster.StartAsync(r =>
        {
            if (r.Method != "GET")
                Interlocked.Increment(ref version);
            var tag = $"\"{Volatile.Read(ref version)}\"";
            return r.Head.Contains($"If-None-Match: {tag}", StringComparison.Ordinal) ? $"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n" : Respond($"version {version}", $"ETag: {tag}");
        });
        for (var node = 0; node < 3; node++)
            await cluster.GetAsync(node, "/a");
        await cluster.Redis.KillAsync();
        await Eventually.TrueAsync(() => cluster.Nodes.All(node => !node.Core.Node.IsInTouch), "all nodes know that they are cut off");

        (await cluster.GetAsync(0, "/a")).ShouldBe("version 1");
        (await cluster.StatusAsync(0, "/a")).ShouldContain("fwd=stale"); // asked each time
        await cluster.SendAsync(1, HttpMethod.Put, "/a"); // the other nodes cannot hear of it
        for (var node = 0; node < 3; node++)
            (await cluster.GetAsync(node, "/a")).ShouldBe("version 2");
        (await cluster.GetAsync(2, "/never-seen")).ShouldBe("version 2");

        await cluster.Redis.StartAsync(); // empty
        await Eventually.TrueAsync(() => cluster.Nodes.All(node => node.Core.Node.IsInTouch), "all nodes are in touch again");
        for (var node = 0; node < 3; node++)
            (await cluster.GetAsync(node, "/a")).ShouldBe("version 2");
        await Eventually.TrueAsync(() => cluster.StatusAsync(0, "/a").Result.Contains("hit", StringComparison.Ordinal), "it is served unasked again");
    }

    [Fact]
    public async Task A_node_that_is_cut_off_never_asks_whether_what_may_have_been_purged_is_unchanged()
    {
        await using var cluster = await Cluster.StartAsync(r => r.Head.Contains("If-None-Match: ", StringComparison.Ordinal)
            ? "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n" : Respond($"fill {r.Number}", "ETag: \"1\""));
        await cluster.GetAsync(0, "/a");
        await cluster.Redis.KillAsync();
        await Eventually.TrueAsync(() => cluster.Nodes.All(node => !node.Core.Node.IsInTouch), "all nodes know that they are cut off");
        await cluster.PurgeAsync(1, "all"); // node 0 cannot hear of it
        (await cluster.GetAsync(0, "/a")).ShouldNotBe("fill 1");
        await cluster.Redis.StartAsync();
        await Eventually.TrueAsync(() => cluster.Nodes.All(node => node.Core.Node.IsInTouch), "all nodes are in touch again");
        for (var node = 0; node < 3; node++)
            (await cluster.GetAsync(node, "/a")).ShouldNotBe("fill 1");
    }

    [Fact]
    public async Task A_purge_is_complete_when_the_nodes_that_are_cut_off_let_nobody_board_a_fetch_from_before_it()
    {
        var release = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        await using var cluster = await Cluster.StartAsync(async r =>
        {
            var isFirst = asked.TrySetResult();
            if (isFirst)
                await release.Task;
            await r.WriteAsync(Respond(isFirst ? "old" : "new"));
        });
        cluster.Lines[0].Cut();
        await CacheProxy.Coherence.Tests.Eventually.TrueAsync(async () => (await cluster.PurgeAsync(1, "all")).Nodes.Contains(new("node-0", CacheProxy.Coherence.NodeState.OutOfTouch)), "it is known to be out of touch");
        var held = cluster.GetAsync(0, "/a");
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        (await cluster.PurgeAsync(1, "all")).IsComplete.ShouldBeTrue();
        (await cluster.GetAsync(0, "/a")).ShouldBe("new");
        release.SetResult();
        (await held).ShouldBe("old"); // it overlapped the purge
    }

    [Fact]
    public async Task A_validation_that_is_answered_when_the_node_is_out_of_touch_revives_nothing()
    {
        var release = new TaskCompletionSource();
        await using var cluster = await Cluster.StartAsync(async r =>
        {
            var isConditional = r.Head.Contains("If-None-Match: ", StringComparison.Ordinal);
            if (isConditional)
                await release.Task;
            await r.WriteAsync(isConditional ? "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n" : Respond($"fill {r.Number}", "ETag: \"1\"\r\nCache-Control: no-cache"));
        });
        await cluster.GetAsync(0, "/a");
        var held = cluster.GetAsync(0, "/a");
        await Eventually.TrueAsync(() => cluster.Origin.Requests.Count == 2, "the origin is asked whether it is unchanged");
        await cluster.Redis.KillAsync();
        await Eventually.TrueAsync(() => cluster.Nodes.All(node => !node.Core.Node.IsInTouch), "all nodes know that they are cut off");
        release.SetResult();
        (await held).ShouldNotBe("fill 1");
    }

    [Fact]
    public async Task A_Redis_that_hangs_delays_requests_by_its_budget_and_fails_none()
    {
        await using var cluster = await Cluster.StartAsync(r => Respond($"body {r.Number}"));
        await cluster.GetAsync(0, "/warm");
        cluster.Redis.Pause();
        try
        {
            for (var i = 0; i < 30; i++)
            {
                var clock = Stopwatch.StartNew();
                (await cluster.ResponseAsync(i % 3, $"/cold/{i}")).IsSuccessStatusCode.ShouldBeTrue();
                clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(5)); // budget 50 ms; the rest is this machine
            }
            (await cluster.SendAsync(0, HttpMethod.Post, "/warm")).IsSuccessStatusCode.ShouldBeTrue();
            (await cluster.GetAsync(0, "/warm")).ShouldNotBe("body 1");
        }
        finally
        {
            cluster.Redis.Resume();
        }
        await Eventually.TrueAsync(() => cluster.Nodes.All(node => node.Core.Node.IsInTouch), "all nodes are in touch again");
    }

    [Fact]
    public async Task A_node_that_is_cut_off_lets_nobody_board_a_fetch_that_may_have_begun_before_a_write()
    {
        var release = new TaskCompletionSource();
        await using var cluster = await Cluster.StartAsync(async r =>
        {
            if (r.Number == 1)
                await release.Task;
            await r.WriteAsync(Respond(r.Number == 1 ? "old" : "new"));
        });
        var held = cluster.GetAsync(0, "/a");
        await Eventually.TrueAsync(() => cluster.Origin.Requests.Count == 1, "the origin is asked");
        var asked = Stopwatch.StartNew();
        await cluster.Redis.KillAsync();
        await Eventually.TrueAsync(
            () => asked.Elapsed > TimeSpan.FromSeconds(1.1) && cluster.Nodes.All(node => !node.Core.Node.IsInTouch), "the fetch is older than a node trusts itself");
        var clock = Stopwatch.StartNew();
        await cluster.SendAsync(1, HttpMethod.Put, "/a"); // node 0 cannot hear of it
        (await cluster.GetAsync(0, "/a")).ShouldBe("new");
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(3));
        release.SetResult();
        (await held).ShouldBe("old"); // it overlapped the write
    }

    [Theory]
    [InlineData(0, 500)]
    [InlineData(3600, 200)]
    public async Task Cut_off_from_Redis_and_from_the_origin_a_node_serves_what_may_have_been_purged_only_where_the_route_says_so(int grace, int status)
    {
        await using var cluster = await Cluster.StartAsync(
            r => r.Number == 1 ? Respond("old", "Cache-Control: max-age=1, stale-if-error=600") : "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
            options => options.Routes["origin"] = new RouteCacheOptions { OutOfTouchGrace = TimeSpan.FromSeconds(grace) });
        await cluster.GetAsync(0, "/a");
        await cluster.Redis.KillAsync();
        await Eventually.TrueAsync(() => cluster.Nodes.All(node => !node.Core.Node.IsInTouch), "all nodes know that they are cut off");
        await Eventually.TrueAsync(() => cluster.Origin.Requests.Count > 1 || cluster.StatusAsync(0, "/a").Result.Contains("fwd", StringComparison.Ordinal), "it is stale");
        ((int)(await cluster.ResponseAsync(0, "/a")).StatusCode).ShouldBe(status);
    }

    [Theory]
    [InlineData(ReadYourWrites.Field)]
    [InlineData(ReadYourWrites.Cookie)]
    public async Task A_client_that_brings_its_token_is_not_answered_from_before_its_write(ReadYourWrites kind)
    {
        var version = 1;
        await using var cluster = await Cluster.StartAsync(r =>
        {
            if (r.Method != "GET")
                Interlocked.Increment(ref version);
            return Respond($"version {version}");
        }, options =>
        {
            options.Coherence.WriteWait = TimeSpan.Zero; // the answer does not wait for the others
            options.Routes["origin"] = new RouteCacheOptions { ReadYourWrites = kind, OutOfTouchGrace = TimeSpan.FromHours(1) };
        });
        await cluster.GetAsync(1, "/a");
        cluster.Redis.Pause(); // node 1 does not hear of it
        string token;
        try
        {
            var written = await cluster.SendAsync(0, HttpMethod.Put, "/a");
            token = kind == ReadYourWrites.Field ? "CacheProxy-Seq: " + written.Headers.GetValues("CacheProxy-Seq").Single()
                : "Cookie: " + written.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
            token.ShouldContain("pending");
            (await cluster.GetAsync(1, "/a")).ShouldBe("version 1"); // who brings no token is within the route's grace
            (await cluster.GetAsync(1, "/a", token)).ShouldBe("version 2");
        }
        finally
        {
            cluster.Redis.Resume();
        }
        await Eventually.TrueAsync(() => cluster.Nodes.All(node => node.Core.Node.IsInTouch), "all nodes are in touch again");
        var again = await cluster.SendAsync(0, HttpMethod.Put, "/a");
        var value = kind == ReadYourWrites.Field ? again.Headers.GetValues("CacheProxy-Seq").Single() : again.Headers.GetValues("Set-Cookie").Single();
        value.ShouldMatch("[0-9a-f]{16}\\.[0-9]+");
        (await cluster.GetAsync(1, "/a", kind == ReadYourWrites.Field ? "CacheProxy-Seq: " + value : "Cookie: " + value.Split(';')[0])).ShouldBe("version 3");
    }

    [Fact]
    public async Task What_could_not_be_shared_once_is_shared_again_when_that_is_forgotten()
    {
        await using var cluster = await Cluster.StartAsync(
            r => Respond($"body {r.Number}", r.Number == 2 ? "Cache-Control: no-store" : "Cache-Control: max-age=3600"),
            options => options.UncacheableMemory = TimeSpan.FromSeconds(1));
        await cluster.GetAsync(0, "/a");
        await cluster.WaitForRemoteAsync(1);
        await cluster.PurgeAsync(0, "all"); // hidden from now on, but still there
        await cluster.GetAsync(0, "/a"); // no-store
        await Task.Delay(TimeSpan.FromSeconds(2.5));
        (await cluster.StatusAsync(1, "/a")).ShouldContain("stored");
        (await cluster.StatusAsync(1, "/a")).ShouldContain("hit");
    }

    [Fact]
    public async Task Nobody_waits_for_a_fetch_on_another_node_that_is_too_large_to_be_shared()
    {
        var release = new TaskCompletionSource();
        await using var cluster = await Cluster.StartAsync(async r =>
        {
            await r.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + new string('x', 1000));
            if (r.Number == 1)
                await release.Task;
            await r.WriteAsync(new string('x', 1000));
        }, options => options.Coherence.MaxItemBytes = 1024);
        var slow = cluster.GetAsync(0, "/large");
        await Eventually.TrueAsync(() => cluster.Origin.Requests.Count == 1, "the origin is asked");
        var clock = Stopwatch.StartNew();
        (await cluster.GetAsync(1, "/large")).Length.ShouldBe(2000);
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(4)); // far below the time that a lease is waited for
        release.SetResult();
        (await slow).Length.ShouldBe(2000);
    }

    /// <summary>Whoever was on a flight that an invalidation overtook begins another: it does not wait for the same lease from the start.</summary>
    [Fact]
    public async Task A_lease_is_waited_for_once_by_a_request()
    {
        await using var cluster = await Cluster.StartAsync(r => Respond($"body {r.Number}", "Cache-Groups: \"g\""));
        var leased = await cluster[0].Core.Node.Store!.FindAsync("x", CacheProxy.Coherence.Tag.Key("http://shop.example/a"), default);
        leased.Lease.ShouldNotBeNull();
        var clock = Stopwatch.StartNew();
        var both = new[] { cluster.GetAsync(1, "/a"), cluster.GetAsync(1, "/a") };
        await Eventually.TrueAsync(() => cluster[1].Waiting == 2, "both wait for one fetch");
        await cluster[0].Core.Node.InvalidateAsync(new(CacheProxy.Coherence.MarkStrength.Hard, ["group:http://shop.example g"]), TimeSpan.FromSeconds(5), default);
        await Task.WhenAll(both);
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(8)); // 5, not twice that
    }

    [Fact]
    public async Task A_failing_origin_does_not_bring_back_what_was_there_before_the_clients_own_write()
    {
        var version = 1;
        await using var cluster = await Cluster.StartAsync(r =>
        {
            if (r.Method != "GET")
                return Respond($"version {Interlocked.Increment(ref version)}");
            return version == 1 ? Respond("version 1", "Cache-Control: max-age=60, stale-if-error=60") : "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        }, options =>
        {
            options.Coherence.WriteWait = TimeSpan.Zero;
            options.Routes["origin"] = new RouteCacheOptions { ReadYourWrites = ReadYourWrites.Field };
        });
        await cluster.GetAsync(1, "/a");
        cluster.Redis.Pause(); // node 1 does not hear of it
        try
        {
            await cluster.SendAsync(0, HttpMethod.Put, "/a");
            ((int)(await cluster.ResponseAsync(1, "/a", "CacheProxy-Seq: pending")).StatusCode).ShouldBe(503);
            var passed = cluster.Origin.Requests[^1].Head;
            passed.ShouldContain("CacheProxy-Min-Seq: pending");
        }
        finally
        {
            cluster.Redis.Resume();
        }
    }

    [Fact]
    public async Task A_write_that_the_origin_could_not_publish_yet_is_pending_for_its_client()
    {
        await using var cluster = await Cluster.StartAsync(
            _ => Respond("x", "CacheProxy-Seq: pending"),
            options =>
            {
                options.Coherence.CallTimeout = TimeSpan.FromSeconds(5); // its own invalidation has a place for sure
                options.Routes["origin"] = new RouteCacheOptions { ReadYourWrites = ReadYourWrites.Field };
            });
        (await cluster.SendAsync(0, HttpMethod.Put, "/a")).Headers.GetValues("CacheProxy-Seq").ShouldBe(["pending"]);
    }

    [Theory]
    [InlineData(ReadYourWrites.Field)]
    [InlineData(ReadYourWrites.Cookie)]
    public async Task A_later_write_that_has_a_place_does_not_cover_an_earlier_one_that_is_pending(ReadYourWrites kind)
    {
        await using var cluster = await Cluster.StartAsync(
            r => Respond("x", r.Number == 1 ? "CacheProxy-Seq: pending" : "X: y"),
            options =>
            {
                options.Coherence.CallTimeout = TimeSpan.FromSeconds(5);
                options.Routes["origin"] = new RouteCacheOptions { ReadYourWrites = kind };
            });
        var cookies = new Dictionary<string, string>();
        var token = "";
        for (var write = 0; write < 2; write++)
        {
            var answer = await cluster[0].SendAsync(HttpMethod.Put, "/a", ["Host: shop.example", .. token.Length > 0 ? new[] { token } : []]);
            foreach (var cookie in kind == ReadYourWrites.Cookie ? answer.Headers.GetValues("Set-Cookie") : [])
                cookies[cookie.Split('=')[0]] = cookie.Split(';')[0];
            token = kind == ReadYourWrites.Field ? "CacheProxy-Seq: " + answer.Headers.GetValues("CacheProxy-Seq").Single() : "Cookie: a=b; " + string.Join("; ", cookies.Values);
        }
        await cluster.GetAsync(1, "/a");
        (await cluster.StatusAsync(1, "/a", token)).ShouldContain("fwd");
        var asked = cluster.Origin.Requests[^1].Head;
        asked.ShouldContain("CacheProxy-Min-Seq: pending");
        asked.ShouldNotContain("cacheproxy-seq");
        asked.ShouldNotContain("cacheproxy-pending");
    }

    [Fact]
    public async Task The_origin_is_told_what_it_must_not_answer_from_behind_and_no_client_can_tell_it()
    {
        await using var cluster = await Cluster.StartAsync(r => Respond("x"));
        await cluster.GetAsync(0, "/a", "CacheProxy-Min-Seq: ffffffffffffffff.999", "CacheProxy-Seq: ffffffffffffffff.999");
        var head = cluster.Origin.Requests[0].Head;
        head.ShouldMatch("CacheProxy-Min-Seq: [0-9a-f]{16}\\.[0-9]+\r\n");
        head.ShouldNotContain("ffffffffffffffff");
    }

    private static string Respond(string body, string fields = "X: y") => $"HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: {body.Length}\r\n\r\n{body}";

    private sealed class Cluster : IAsyncDisposable
    {
        private Cluster(RedisServer redis, Relay[] lines, ScriptedOrigin origin, RunningProxy[] nodes) => (Redis, Lines, Origin, Nodes) = (redis, lines, origin, nodes);

        public RedisServer Redis { get; }

        /// <summary>From each node to Redis.</summary>
        public Relay[] Lines { get; }

        public ScriptedOrigin Origin { get; }

        public RunningProxy[] Nodes { get; }

        public RunningProxy this[int node] => Nodes[node];

        public static Task<Cluster> StartAsync(Func<OriginRequest, string> answer, Action<CacheProxyOptions>? configure = null) =>
            StartAsync(request => request.WriteAsync(answer(request)), configure);

        public static async Task<Cluster> StartAsync(Func<OriginRequest, Task> script, Action<CacheProxyOptions>? configure = null)
        {
            var redis = await RedisServer.StartAsync();
            var lines = Enumerable.Range(0, 3).Select(_ => new Relay(redis.Port)).ToArray();
            var origin = new ScriptedOrigin(script);
            var nodes = await Task.WhenAll(Enumerable.Range(0, 3).Select(i => RunningProxy.StartAsync(origin.Address, options =>
            {
                options.Coherence.Redis = $"127.0.0.1:{lines[i].Port}";
                options.Coherence.NodeName = $"node-{i}";
                configure?.Invoke(options);
            }, cluster: RunningProxy.Patient, build: builder => builder.Services.AddSingleton(TimeProvider.System))));
            var cluster = new Cluster(redis, lines, origin, nodes);
            await Eventually.TrueAsync(() => nodes.All(node => node.Core.Node.IsInTouch), "all nodes are in touch");
            return cluster;
        }

        public async Task<string> GetAsync(int node, string target, params string[] fields) =>
            await (await Nodes[node].GetAsync(target, [.. fields, "Host: shop.example"])).Content.ReadAsStringAsync();

        public Task<HttpResponseMessage> SendAsync(int node, HttpMethod method, string target) => Nodes[node].SendAsync(method, target, "Host: shop.example");

        public Task<HttpResponseMessage> ResponseAsync(int node, string target, params string[] fields) =>
            Nodes[node].GetAsync(target, [.. fields, "Host: shop.example"]);

        public async Task<string> StatusAsync(int node, string target, params string[] fields) =>
            (await Nodes[node].GetAsync(target, [.. fields, "Host: shop.example"])).Headers.GetValues("Cache-Status").Single();

        public async Task<CacheProxy.Coherence.InvalidationReceipt> PurgeAsync(int node, string what) =>
            await Nodes[node].Core.Invalidator.PurgeAsync(
                PurgeOrder.Read(System.Text.Json.JsonDocument.Parse($$"""{"{{what}}": true}""").RootElement, [])!, TimeSpan.FromSeconds(5), default);

        public async Task WaitForRemoteAsync(int count)
        {
            var redis = await Redis.ClientAsync();
            var server = redis.Multiplexer.GetServer(redis.Multiplexer.GetEndPoints()[0]);
            await Eventually.TrueAsync(() => server.Keys(pattern: "*:1:*").Count() >= count, $"{count} are in Redis");
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var node in Nodes)
                await node.DisposeAsync();
            foreach (var line in Lines)
                await line.DisposeAsync();
            await Origin.DisposeAsync();
            await Redis.DisposeAsync();
        }
    }
}
