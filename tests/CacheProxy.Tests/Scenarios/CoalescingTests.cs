using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using static CacheProxy.Tests.Scenarios.StoryTests;

namespace CacheProxy.Tests.Scenarios;

/// <summary>Many clients and one fetch, which belongs to none of them.</summary>
public sealed class CoalescingTests
{
    private const string Half = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234";
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly TaskCompletionSource _arrived = new();
    private readonly TaskCompletionSource _release = new();
    private readonly TaskCompletionSource _closed = new();

    [Fact]
    public async Task Two_hundred_clients_that_come_before_the_head_make_one_request()
    {
        await using var origin = HoldingTheHead(r => Respond($"body {r.Number}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        var clients = Enumerable.Range(0, 200).Select(_ => proxy.GetAsync("/cold")).ToArray();
        await proxy.WaitForWaitingAsync(200);
        _release.SetResult();
        var collapsed = 0;
        foreach (var client in clients)
        {
            (await Text(await client)).ShouldBe("body 1");
            collapsed += Field(await client, "Cache-Status")!.Contains("collapsed", StringComparison.Ordinal) ? 1 : 0;
        }
        collapsed.ShouldBe(199);
        origin.Requests.Count.ShouldBe(1);
        Field(await proxy.GetAsync("/cold"), "Cache-Status").ShouldBe("CacheProxy; hit; ttl=60");
    }

    [Fact]
    public async Task Client_that_joins_within_the_body_gets_all_of_it()
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n");
            await _release.Task;
            await r.WriteAsync("5\r\n56789\r\n0\r\n\r\n");
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        using var leader = await WireClient.SendAsync(proxy.Address, "GET", "/");
        await leader.ReadUntilAsync("01234");
        using var late = await WireClient.SendAsync(proxy.Address, "GET", "/");
        await late.ReadUntilAsync("01234");
        _release.SetResult();
        foreach (var client in new[] { leader, late })
        {
            var answer = await client.ReadToEndAsync();
            answer.LooksWhole.ShouldBeTrue();
            answer.Content.ShouldContain("01234");
            answer.Content.ShouldContain("56789");
        }
        origin.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Clients_no_store_keeps_nothing_from_the_others()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"body {r.Number}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, o => o.Routes["origin"] = new() { HonorRequestDirectives = true });
        (await Text(await proxy.GetAsync("/", "Cache-Control: no-store"))).ShouldBe("body 1");
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 2");
        await proxy.WaitForFetchesAsync();
        Field(await proxy.GetAsync("/"), "Cache-Status")!.ShouldContain("hit");
    }

    [Fact]
    public async Task Refusal_that_one_client_brings_on_keeps_nothing_from_the_others()
    {
        await using var origin = ScriptedOrigin.Answering(r =>
            r["Accept"] == "x/y" ? "HTTP/1.1 406 Not Acceptable\r\nContent-Length: 0\r\n\r\n" : Respond($"body {r.Number}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        (await proxy.GetAsync("/", "Accept: x/y")).StatusCode.ShouldBe(HttpStatusCode.NotAcceptable);
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 2");
        await proxy.WaitForFetchesAsync();
        Field(await proxy.GetAsync("/"), "Cache-Status")!.ShouldContain("hit");
    }

    [Theory]
    [InlineData("no-cache")]
    [InlineData("max-age=1")]
    public async Task Client_that_comes_when_a_body_under_way_is_no_longer_fresh_begins_anew(string cacheControl)
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync($"HTTP/1.1 200 OK\r\nCache-Control: {cacheControl}\r\nETag: \"{r.Number}\"\r\nContent-Length: 8\r\n\r\nv{r.Number}..");
            if (r.Number == 1)
                await _release.Task;
            await r.WriteAsync("done");
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        using var leader = await WireClient.SendAsync(proxy.Address, "GET", "/");
        await leader.ReadUntilAsync("v1..");
        proxy.Time.Advance(2 * Second);
        (await Text(await proxy.GetAsync("/"))).ShouldBe("v2..done");
        _release.SetResult();
        (await leader.ReadToEndAsync()).Content.ShouldBe("v1..done");
        origin.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Response_that_is_whole_later_does_not_replace_one_that_the_origin_gave_later()
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync($"HTTP/1.1 200 OK\r\nCache-Control: public, max-age=50\r\nContent-Length: 8\r\n\r\nv{r.Number}..");
            if (r.Number == 1)
                await _release.Task;
            await r.WriteAsync("done");
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        using var slow = await WireClient.SendAsync(proxy.Address, "GET", "/", "Cookie: a=b\r\n"); // does not wait with those without
        await slow.ReadUntilAsync("v1..");
        proxy.Time.Advance(Second);
        (await Text(await proxy.GetAsync("/"))).ShouldBe("v2..done");
        _release.SetResult();
        (await slow.ReadToEndAsync()).Content.ShouldBe("v1..done");
        await proxy.WaitForFetchesAsync();
        (await Text(await proxy.GetAsync("/"))).ShouldBe("v2..done");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Leader_that_leaves_takes_nothing_along(bool withinTheBody)
    {
        await using var origin = withinTheBody ? HoldingTheBody() : HoldingTheHead(_ => Half + "56789");
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        using var leader = await WireClient.SendAsync(proxy.Address, "GET", "/");
        await _arrived.Task.InTimeAsync("the leader's fetch");
        using var follower = await WireClient.SendAsync(proxy.Address, "GET", "/");
        await proxy.WaitForWaitingAsync(2);
        if (withinTheBody)
            await leader.ReadUntilAsync("01234");
        leader.Reset();
        await proxy.WaitForWaitingAsync(1);
        _release.SetResult();
        var answer = await follower.ReadToEndAsync();
        answer.Content.ShouldBe("0123456789");
        await proxy.WaitForFetchesAsync();
        Field(await proxy.GetAsync("/"), "Cache-Status")!.ShouldContain("hit");
        origin.Requests.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Fetch_that_nobody_waits_for_is_finished_and_stored(bool withinTheBody)
    {
        await using var origin = withinTheBody ? HoldingTheBody() : HoldingTheHead(_ => Half + "56789");
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        await LeaveAsync(proxy, withinTheBody);
        _release.SetResult();
        await proxy.WaitForFetchesAsync();
        var hit = await proxy.GetAsync("/");
        (await Text(hit)).ShouldBe("0123456789");
        Field(hit, "Cache-Status")!.ShouldContain("hit");
        origin.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Client_that_comes_when_the_others_have_left_rides_along()
    {
        await using var origin = HoldingTheBody();
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        await LeaveAsync(proxy, withinTheBody: true);
        proxy.Time.Advance(4 * Second);
        var late = proxy.GetAsync("/");
        await proxy.WaitForWaitingAsync(1);
        proxy.Time.Advance(4 * Second); // beyond the time that an abandoned fetch is given
        _release.SetResult();
        (await Text(await late)).ShouldBe("0123456789");
        origin.Requests.Count.ShouldBe(1);
    }

    /// <summary>A time-out of the application around the cache is the application's to answer, not an empty 200.</summary>
    [Fact]
    public async Task Cancellation_while_a_fetch_is_awaited_goes_on_to_who_cancelled()
    {
        using var timeout = new CancellationTokenSource();
        await using var origin = new ScriptedOrigin(_ => _release.Task);
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient, before: app => app.Use(async (HttpContext context, RequestDelegate next) =>
        {
            context.RequestAborted = timeout.Token;
            try
            {
                await next(context);
            }
            catch (OperationCanceledException)
            {
                context.Response.StatusCode = StatusCodes.Status504GatewayTimeout;
            }
        }));
        var answer = proxy.GetAsync("/");
        await Eventually.TrueAsync(() => origin.Requests.Count == 1, "the origin is asked");
        await timeout.CancelAsync();
        (await answer).StatusCode.ShouldBe(HttpStatusCode.GatewayTimeout);
        _release.SetResult();
    }

    [Fact]
    public async Task Body_that_takes_long_to_come_is_no_younger_for_who_joins_late_and_nobody_joins_it_when_it_is_stale()
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Number > 1)
            {
                await r.WriteAsync(Respond("new"));
                return;
            }
            await r.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"a\"\r\nAge: 5\r\n\r\n01234");
            await _release.Task;
            await r.WriteAsync("56789");
        });
        await using var proxy = await RunningProxy.StartAsync(
            origin.Address, options => options.Routes["origin"] = new RouteCacheOptions { MaxAge = TimeSpan.FromHours(1) }, cluster: RunningProxy.Patient);
        var first = await proxy.Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead);
        proxy.Time.Advance(54.9 * Second);
        var inTime = await proxy.Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead);
        inTime.Headers.Age.ShouldBe(59 * Second);
        Field(inTime, "Cache-Status")!.ShouldContain("ttl=0");

        proxy.Time.Advance(0.1 * Second); // 55 s here and 5 s elsewhere make a minute
        (await Text(await proxy.GetAsync("/"))).ShouldBe("new");
        await Eventually.TrueAsync(() => proxy.Core.Store.Count == 1, "the new one is stored");
        _release.SetResult();
        (await Text(first)).ShouldBe("0123456789");
        (await Text(inTime)).ShouldBe("0123456789");
        await proxy.WaitForFetchesAsync();
        (await Text(await proxy.GetAsync("/"))).ShouldBe("new"); // and is not replaced by what is older
        origin.Requests.Count.ShouldBe(2);
    }

    [Theory]
    [InlineData("Cache-Control: no-store\r\n")]
    [InlineData("Cache-Control: private\r\n")]
    [InlineData("Set-Cookie: a=b\r\n")]
    public async Task Fetch_that_nobody_waits_for_and_that_is_not_stored_is_cancelled_at_once(string field)
    {
        await using var origin = HoldingTheBody(field);
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        await LeaveAsync(proxy, withinTheBody: true);
        await _closed.Task.InTimeAsync("the end of the origin's connection");
        await proxy.WaitForFetchesAsync();
    }

    [Fact]
    public async Task Fetch_that_nobody_waits_for_is_cancelled_when_its_head_says_that_it_is_not_stored()
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            _arrived.SetResult();
            await _release.Task;
            await r.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nCache-Control: no-store\r\n\r\n01234");
            await r.WaitForCloseAsync();
            _closed.SetResult();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        await LeaveAsync(proxy, withinTheBody: false);
        _release.SetResult();
        await _closed.Task.InTimeAsync("the end of the origin's connection");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Fetch_that_nobody_waits_for_ends_after_its_time(bool withinTheBody)
    {
        await using var origin = withinTheBody ? HoldingTheBody() : HoldingTheHead(_ => "");
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        await LeaveAsync(proxy, withinTheBody);
        proxy.Time.Advance(4.9 * Second);
        proxy.Core.Coalescer.Count.ShouldBe(1);
        proxy.Time.Advance(0.1 * Second);
        await _closed.Task.InTimeAsync("the end of the origin's connection");
        await proxy.WaitForFetchesAsync();
        proxy.Core.Store.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Fetch_that_nobody_waits_for_is_cancelled_when_too_much_is_left()
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n01234");
            _arrived.SetResult();
            await r.WaitForCloseAsync();
            _closed.SetResult();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.FinishBytes = 994, cluster: RunningProxy.Patient);
        await LeaveAsync(proxy, withinTheBody: true);
        await _closed.Task.InTimeAsync("the end of the origin's connection");
    }

    [Fact]
    public async Task Fetch_that_nobody_waits_for_ends_with_the_service()
    {
        await using var origin = HoldingTheBody();
        var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        await LeaveAsync(proxy, withinTheBody: true);
        await proxy.DisposeAsync();
        await _closed.Task.InTimeAsync("the end of the origin's connection");
    }

    [Fact]
    public async Task Fetch_that_nobody_waits_for_is_cancelled_when_it_outgrows_what_is_stored()
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n");
            _arrived.SetResult();
            await _release.Task;
            await r.WriteAsync($"3e8\r\n{new string('x', 1000)}\r\n");
            await r.WaitForCloseAsync();
            _closed.SetResult();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.MaxBodyBytes = 1000, cluster: RunningProxy.Patient);
        await LeaveAsync(proxy, withinTheBody: true);
        _release.SetResult();
        await _closed.Task.InTimeAsync("the end of the origin's connection");
    }

    [Fact]
    public async Task Slow_reader_holds_back_nobody_and_gets_the_whole()
    {
        const int length = 8 << 20;
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            for (var i = 0; i < 8; i++)
                await r.WriteAsync(new string((char)('a' + i), 1 << 20));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        using var slow = await WireClient.SendAsync(proxy.Address, "GET", "/");
        await proxy.WaitForWaitingAsync(1); // and reads nothing
        (await proxy.Client.GetByteArrayAsync("/").InTimeAsync("the fast reader's answer")).Length.ShouldBe(length);
        await proxy.WaitForFetchesAsync();
        Field(await proxy.GetAsync("/"), "Cache-Status")!.ShouldContain("hit");
        (await slow.ReadToEndAsync()).Content.Length.ShouldBe(length);
        origin.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Body_too_large_by_its_length_is_not_shared_and_nobody_queues_for_it()
    {
        await using var origin = HoldingTheHead(r => Respond(new string((char)('0' + r.Number), 1001)));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.MaxBodyBytes = 1000, cluster: RunningProxy.Patient);
        var clients = Enumerable.Range(0, 3).Select(_ => proxy.GetAsync("/")).ToArray();
        await proxy.WaitForWaitingAsync(3);
        await _arrived.Task.InTimeAsync("the fetch");
        origin.Requests.Count.ShouldBe(1);
        _release.SetResult();
        foreach (var client in clients)
            (await Text(await client)).Length.ShouldBe(1001);
        origin.Requests.Count.ShouldBe(3);
        proxy.Core.Store.Count.ShouldBe(0);
        await AssertNobodyQueuesAsync(origin, proxy);
    }

    [Fact]
    public async Task Body_that_grows_too_large_reaches_its_readers_and_nobody_queues_for_it()
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n");
            await _release.Task;
            await r.WriteAsync($"3e8\r\n{new string('x', 1000)}\r\n0\r\n\r\n");
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.MaxBodyBytes = 1000, cluster: RunningProxy.Patient);
        var clients = Enumerable.Range(0, 3).Select(_ => proxy.GetAsync("/")).ToArray();
        await proxy.WaitForWaitingAsync(3);
        _release.SetResult();
        foreach (var client in clients)
            (await Text(await client)).Length.ShouldBe(1005);
        origin.Requests.Count.ShouldBe(1);
        await proxy.WaitForFetchesAsync();
        proxy.Core.Store.Count.ShouldBe(0);
        await AssertNobodyQueuesAsync(origin, proxy);
    }

    [Fact]
    public async Task Budget_of_recordings_that_is_used_up_lets_responses_through_unrecorded()
    {
        const int budget = 1 << 20;
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Target == "/large")
            {
                await r.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: {budget}\r\n\r\n{new string('x', budget - 1)}");
                _arrived.TrySetResult();
                await _release.Task;
                await r.WriteAsync("y");
                return;
            }
            await r.WriteAsync(Respond("small"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options =>
        {
            options.RecordingBudgetBytes = budget;
            options.MaxBodyBytes = budget;
        });
        var large = proxy.Client.GetAsync("/large", HttpCompletionOption.ResponseHeadersRead);
        await _arrived.Task.InTimeAsync("the large response");
        using var reading = await large;
        var stream = await reading.Content.ReadAsStreamAsync();
        await stream.ReadExactlyAsync(new byte[budget - 1]);

        (await Text(await proxy.GetAsync("/small"))).ShouldBe("small");
        await Eventually.TrueAsync(() => proxy.Core.Coalescer.Count == 1, "the small fetch is over");
        proxy.Core.Store.Count.ShouldBe(0);
        (await Text(await proxy.GetAsync("/small"))).ShouldBe("small");
        origin.Requests.Count(r => r.Target == "/small").ShouldBe(2);

        _release.SetResult();
        await stream.ReadExactlyAsync(new byte[1]);
        await proxy.WaitForFetchesAsync();
        (await Text(await proxy.GetAsync("/small"))).ShouldBe("small");
        (await Text(await proxy.GetAsync("/small"))).ShouldBe("small");
        origin.Requests.Count(r => r.Target == "/small").ShouldBe(3); // stored again
        Field(await proxy.GetAsync("/large"), "Cache-Status")!.ShouldContain("hit");
    }

    [Fact]
    public async Task Fetches_that_break_off_or_are_left_give_their_budget_back()
    {
        const int budget = 1 << 20;
        await using var origin = new ScriptedOrigin(async r =>
        {
            var half = $"HTTP/1.1 200 OK\r\nContent-Length: {budget}\r\n\r\n{new string('x', budget / 2)}";
            if (r.Target.StartsWith("/broken", StringComparison.Ordinal))
            {
                await r.WriteAsync(half);
                r.Reset();
            }
            else if (r.Target.StartsWith("/left", StringComparison.Ordinal))
            {
                await r.WriteAsync(half);
                await r.WaitForCloseAsync();
            }
            else
            {
                await r.WriteAsync(half + new string('y', budget / 2));
            }
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options =>
        {
            options.RecordingBudgetBytes = budget;
            options.MaxBodyBytes = budget;
            options.FinishTime = TimeSpan.Zero;
        });
        for (var i = 0; i < 20; i++)
        {
            (await WireClient.AnswerAsync(proxy.Address, "GET", $"/broken{i}")).LooksWhole.ShouldBeFalse();
            using var leaving = await WireClient.SendAsync(proxy.Address, "GET", $"/left{i}");
            await leaving.ReadUntilAsync("xxx");
            leaving.Reset();
        }
        await proxy.WaitForFetchesAsync();
        (await proxy.Client.GetByteArrayAsync("/whole")).Length.ShouldBe(budget);
        await proxy.WaitForFetchesAsync();
        Field(await proxy.GetAsync("/whole"), "Cache-Status")!.ShouldContain("hit"); // it took the budget to the last byte
    }

    [Fact]
    public async Task Uncacheable_url_is_remembered_for_a_while_and_may_become_cacheable_again()
    {
        var control = "Cache-Control: no-store\r\n";
        await using var origin = ScriptedOrigin.Answering(r => Respond($"body {r.Number}", "200 OK", control));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        await proxy.GetAsync("/");
        control = "";
        proxy.Time.Advance(9 * Second);
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 2"); // passes, as nobody is to wait
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 3");
        proxy.Time.Advance(Second);
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 4");
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 4");
    }

    [Fact]
    public async Task Waiters_who_select_another_variant_get_their_own_in_one_more_fetch()
    {
        await using var origin = HoldingTheHead(r => Respond($"{r["Accept-Language"]}", "200 OK", "Vary: Accept-Language\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        var clients = new List<(string Language, Task<HttpResponseMessage> Answer)>();
        for (var i = 0; i < 20; i++)
        {
            var language = i % 2 == 0 ? "de" : "fr";
            clients.Add((language, proxy.GetAsync("/", $"Accept-Language: {language}")));
            await proxy.WaitForWaitingAsync(i + 1);
        }
        _release.SetResult();
        foreach (var (language, answer) in clients)
            (await Text(await answer)).ShouldBe(language);
        origin.Requests.Count.ShouldBeInRange(2, 3); // a waiter may wake when the second flight has come and gone
    }

    [Theory]
    [InlineData("")]
    [InlineData("Cache-Control: private\r\n")]
    [InlineData("Cache-Control: max-age=60\r\n")]
    [InlineData("Set-Cookie: a=b\r\nCache-Control: max-age=60\r\n")]
    public async Task Nobody_gets_what_was_fetched_with_anothers_credentials(string fields)
    {
        await using var origin = HoldingTheHead(r => Respond($"for {r["Authorization"]}", "200 OK", fields));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        string?[] users = ["alice", "bob", null, "carol", null];
        var clients = new List<Task<HttpResponseMessage>>();
        foreach (var user in users)
        {
            clients.Add(user is null ? proxy.GetAsync("/") : proxy.GetAsync("/", $"Authorization: {user}"));
            await proxy.WaitForWaitingAsync(clients.Count);
        }
        _release.SetResult();
        for (var i = 0; i < users.Length; i++)
            (await Text(await clients[i])).ShouldBe($"for {users[i]}");
    }

    [Fact]
    public async Task Lifetime_of_the_proxys_own_is_not_shared_with_a_waiter_who_could_not_take_it()
    {
        // The route says that cookies do not matter; Authorization always does.
        await using var origin = HoldingTheHead(r => Respond($"for {r["Authorization"]}{r["Cookie"]}"));
        await using var proxy = await RunningProxy.StartAsync(
            origin.Address, options => options.Routes["origin"] = new RouteCacheOptions { DefaultLifetimeWithCookie = true });
        var cookie = proxy.GetAsync("/", "Cookie: c");
        await proxy.WaitForWaitingAsync(1);
        var authorized = proxy.GetAsync("/", "Authorization: a");
        await proxy.WaitForWaitingAsync(2);
        _release.SetResult();
        (await Text(await cookie)).ShouldBe("for c");
        (await Text(await authorized)).ShouldBe("for a");
    }

    [Theory]
    [InlineData("Set-Cookie: a=1\r\n")]
    [InlineData("Cache-Control: private\r\n")]
    [InlineData("Cache-Control: no-store\r\n")]
    [InlineData("Vary: *\r\n")]
    public async Task What_is_for_one_client_goes_to_no_waiter(string fields)
    {
        await using var origin = HoldingTheHead(r => Respond($"body {r.Number}", "200 OK", fields));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        var clients = Enumerable.Range(0, 5).Select(_ => proxy.GetAsync("/")).ToArray();
        await proxy.WaitForWaitingAsync(5);
        _release.SetResult();
        var bodies = new List<string>();
        foreach (var client in clients)
            bodies.Add(await Text(await client));
        bodies.Distinct().Count().ShouldBe(5);
    }

    [Fact]
    public async Task Confirmation_that_makes_a_response_private_goes_to_no_waiter()
    {
        var isHeld = false;
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (isHeld)
                await _release.Task;
            await r.WriteAsync(r["If-None-Match"] is null
                ? Respond($"body {r.Number}", "200 OK", $"ETag: \"a\"\r\nCache-Control: {(isHeld ? "private" : "max-age=10")}\r\n")
                : "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nCache-Control: private\r\n\r\n");
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        await proxy.GetAsync("/");
        proxy.Time.Advance(11 * Second);
        isHeld = true;
        var leader = proxy.GetAsync("/");
        await proxy.WaitForWaitingAsync(1);
        var follower = proxy.GetAsync("/");
        await proxy.WaitForWaitingAsync(2);
        _release.SetResult();
        (await Text(await leader)).ShouldBe("body 1");
        (await Text(await follower)).ShouldBe("body 3"); // its own
    }

    [Fact]
    public async Task Error_goes_to_all_who_wait_and_is_not_stored()
    {
        var answer = Respond("sorry", "503 Service Unavailable", "Cache-Control: max-age=60\r\nRetry-After: 1\r\n");
        await using var origin = HoldingTheHead(_ => answer);
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.Profile = CacheProfile.Rfc9111);
        answer = Respond("sorry", "503 Service Unavailable", "Retry-After: 1\r\n");
        var clients = Enumerable.Range(0, 50).Select(_ => proxy.GetAsync("/")).ToArray();
        await proxy.WaitForWaitingAsync(50);
        _release.SetResult();
        foreach (var client in clients)
        {
            (await client).StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
            Field(await client, "Retry-After").ShouldBe("1");
            (await Text(await client)).ShouldBe("sorry");
        }
        origin.Requests.Count.ShouldBe(1);
        answer = Respond("well again");
        (await Text(await proxy.GetAsync("/"))).ShouldBe("well again");
    }

    [Fact]
    public async Task Failure_goes_to_all_who_wait_and_the_next_tries_anew()
    {
        var isBroken = true;
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (isBroken)
            {
                await _release.Task;
                r.Reset();
                return;
            }
            await r.WriteAsync(Respond("well again"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        var clients = Enumerable.Range(0, 50).Select(_ => proxy.GetAsync("/")).ToArray();
        await proxy.WaitForWaitingAsync(50);
        _release.SetResult();
        foreach (var client in clients)
            (await client).StatusCode.ShouldBe(HttpStatusCode.BadGateway);
        origin.Requests.Count.ShouldBeLessThanOrEqualTo(4); // one fetch, for which the HTTP client tries four connections at most
        isBroken = false;
        await proxy.WaitForFetchesAsync();
        (await Text(await proxy.GetAsync("/"))).ShouldBe("well again");
    }

    private ScriptedOrigin HoldingTheHead(Func<OriginRequest, string> answer) => new(async r =>
    {
        _arrived.TrySetResult();
        if (await r.IsClosedBeforeAsync(_release.Task))
            _closed.TrySetResult();
        else
            await r.WriteAsync(answer(r));
    });

    private ScriptedOrigin HoldingTheBody(string fields = "") => new(async r =>
    {
        await r.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n{fields}\r\n01234");
        _arrived.TrySetResult();
        if (await r.IsClosedBeforeAsync(_release.Task))
            _closed.TrySetResult();
        else
            await r.WriteAsync("56789");
    });

    /// <summary>One client comes, and is gone again before it has its answer.</summary>
    private async Task LeaveAsync(RunningProxy proxy, bool withinTheBody)
    {
        using var client = await WireClient.SendAsync(proxy.Address, "GET", "/");
        await _arrived.Task.InTimeAsync("the fetch");
        await proxy.WaitForWaitingAsync(1);
        if (withinTheBody)
            await client.ReadUntilAsync("01234");
        client.Reset();
        await proxy.WaitForWaitingAsync(0);
    }

    /// <summary>Several at a time reach the origin at one time.</summary>
    private static async Task AssertNobodyQueuesAsync(ScriptedOrigin origin, RunningProxy proxy)
    {
        var before = origin.Requests.Count;
        var all = new TaskCompletionSource();
        origin.Script = async r =>
        {
            if (origin.Requests.Count == before + 5)
                all.TrySetResult();
            await all.Task;
            await r.WriteAsync(Respond(new string('x', 1001)));
        };
        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => proxy.GetAsync("/"))).InTimeAsync("five answers side by side");
    }
}
