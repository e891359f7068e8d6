using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Yarp.ReverseProxy.Configuration;
using static CacheProxy.Tests.Scenarios.StoryTests;

namespace CacheProxy.Tests.Scenarios;

/// <summary>An origin that fails in every way: the right error before the head, an abnormal end after it, nothing broken stored.</summary>
public sealed class FaultTests
{
    private const string Chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private static readonly Dictionary<string, Func<OriginRequest, Task>> BeforeTheHead = new()
    {
        ["reset"] = r => End(r.Reset),
        ["closed without a byte"] = r => End(r.Close),
        ["silence"] = r => r.WaitForCloseAsync(),
        ["half a head"] = r => WriteAndAsync(r, "HTTP/1.1 200 OK\r\nContent-Le", r.Close),
        ["half a head and silence"] = r => WriteAndAsync(r, "HTTP/1.1 200 OK\r\nContent-Le", () => { }),
        ["garbage"] = r => WriteAndAsync(r, "\u0016\u0003\u0001 this is not HTTP at all\r\n\r\n", r.Close),
        ["an empty head"] = r => WriteAndAsync(r, "\r\n\r\n", r.Close),
        ["a field without a name"] = r => WriteAndAsync(r, "HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 1\r\n\r\nx", r.Close),
        ["a control character"] = r => WriteAndAsync(r, "HTTP/1.1 200 OK\r\nX-A: b\u0001c\r\nContent-Length: 1\r\n\r\nx", r.Close),
        ["a control character without a body"] = r => WriteAndAsync(r, "HTTP/1.1 204 No Content\r\nX-A: b\u0001c\r\n\r\n", r.Close),
    };

    private static readonly Dictionary<string, Func<OriginRequest, Task>> WithinTheBody = new()
    {
        ["closed before its length"] = r => WriteAndAsync(r, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", r.Close),
        ["reset before its length"] = r => WriteAndAsync(r, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", r.Reset),
        ["silence before its length"] = r => WriteAndAsync(r, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", () => { }),
        ["chunk cut short"] = r => WriteAndAsync(r, Chunked + "a\r\n01234", r.Close),
        ["closed after a chunk"] = r => WriteAndAsync(r, Chunked + "5\r\n01234\r\n", r.Close),
        ["reset after a chunk"] = r => WriteAndAsync(r, Chunked + "5\r\n01234\r\n", r.Reset),
        ["silence after a chunk"] = r => WriteAndAsync(r, Chunked + "5\r\n01234\r\n", () => { }),
        ["bad chunk size"] = r => WriteAndAsync(r, Chunked + "5\r\n01234\r\nzz\r\n56789\r\n0\r\n\r\n", r.Close),
        ["closed within the last chunk"] = r => WriteAndAsync(r, Chunked + "5\r\n01234\r\n0\r\n", r.Close),
    };

    public static TheoryData<string, string> HeadFaults => Rows(BeforeTheHead.Keys, ["GET", "POST", "HEAD"]);

    public static TheoryData<string, string> BodyFaults => Rows(WithinTheBody.Keys, ["GET", "POST"]);

    [Theory]
    [MemberData(nameof(HeadFaults))]
    public async Task Fault_before_the_head_is_an_error_without_request_data_and_is_forgotten(string fault, string method)
    {
        await using var origin = new ScriptedOrigin(BeforeTheHead[fault]);
        await using var proxy = await StartAsync(origin, fault);
        var answer = await WireClient.AnswerAsync(proxy.Address, method, "/secret-path?secret=1", "Content-Length: 0\r\nX-Secret: secret\r\n");
        answer.Status.ShouldBe(IsSilence(fault) ? 504 : 502);
        AssertProblem(answer, method);
        await AssertRecoversAsync(origin, proxy, "/secret-path?secret=1");
    }

    [Theory]
    [MemberData(nameof(BodyFaults))]
    public async Task Fault_within_the_body_never_looks_like_its_end_and_is_not_stored(string fault, string method)
    {
        await using var origin = new ScriptedOrigin(WithinTheBody[fault]);
        await using var proxy = await StartAsync(origin, fault);
        var answer = await WireClient.AnswerAsync(proxy.Address, method, "/", "Content-Length: 0\r\n");
        AssertCut(answer);
        // To HTTP/1.0 the end of the connection is the end of the body: only a reset tells that it is not.
        var old = await WireClient.AnswerAsync(proxy.Address, method, "/old", "Content-Length: 0\r\n", "1.0");
        (old.Status is 502 or 504 || old.WasReset || !old.LooksWhole).ShouldBeTrue();
        using var http2 = proxy.NewHttp2Client();
        using var request = new HttpRequestMessage(new HttpMethod(method), "/2") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        await AssertCutAsync(http2.SendAsync(request));
        await proxy.WaitForFetchesAsync();
        proxy.Core.Store.Count.ShouldBe(0);
        await AssertRecoversAsync(origin, proxy, "/");
    }

    [Theory]
    [MemberData(nameof(BodyFaults))]
    public async Task Everybody_who_reads_a_body_that_breaks_off_hears_of_it(string fault, string method)
    {
        if (method != "GET")
            return;
        var release = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            await release.Task;
            await WithinTheBody[fault](r);
        });
        await using var proxy = await StartAsync(origin, fault);
        var clients = new List<WireClient>();
        for (var i = 0; i < 5; i++)
            clients.Add(await WireClient.SendAsync(proxy.Address, "GET", "/"));
        await proxy.WaitForWaitingAsync(5);
        release.SetResult();
        foreach (var client in clients)
        {
            AssertCut(await client.ReadToEndAsync());
            client.Dispose();
        }
        origin.Requests.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("POST")]
    public async Task Origin_that_is_down_is_502_and_is_found_again_at_once(string method)
    {
        var origin = ScriptedOrigin.Answering(_ => Respond("hello"));
        var port = origin.Port;
        await origin.DisposeAsync();
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var answer = await WireClient.AnswerAsync(proxy.Address, method, "/", "Content-Length: 0\r\n");
        answer.Status.ShouldBe(502);
        AssertProblem(answer, method);
        await using var again = new ScriptedOrigin(r => r.WriteAsync(Respond("hello")), port);
        (await Text(await proxy.GetAsync("/"))).ShouldBe("hello");
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("POST")]
    public async Task Origin_that_does_not_accept_is_504_after_the_connect_time(string method)
    {
        // A full queue of connections that nobody accepts: the kernel drops what comes on top.
        using var full = new TcpListener(IPAddress.Loopback, 0);
        full.Start(1);
        var port = ((IPEndPoint)full.LocalEndpoint).Port;
        var fillers = new List<TcpClient>();
        for (var i = 0; i < 8; i++)
        {
            fillers.Add(new TcpClient());
            _ = fillers[^1].ConnectAsync(IPAddress.Loopback, port);
        }
        await using var proxy = await RunningProxy.StartAsync(
            $"http://127.0.0.1:{port}", options => options.ConnectTimeout = TimeSpan.FromMilliseconds(200));
        var answer = await WireClient.AnswerAsync(proxy.Address, method, "/", "Content-Length: 0\r\n");
        answer.Status.ShouldBe(504);
        AssertProblem(answer, method);
        fillers.ForEach(f => f.Dispose());
    }

    [Fact]
    public async Task Body_that_ends_with_its_connection_is_handed_on_and_not_stored()
    {
        await using var origin = new ScriptedOrigin(r => WriteAndAsync(r, $"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\nbody {r.Number}", r.Close));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 1");
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 2");
        proxy.Core.Store.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Origin_of_HTTP_1_0_is_stored_by_its_length_and_not_without()
    {
        await using var origin = new ScriptedOrigin(r => WriteAndAsync(r, r.Target == "/length"
            ? "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"
            : "HTTP/1.0 200 OK\r\n\r\nhello", r.Close));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        for (var i = 0; i < 2; i++)
        {
            (await Text(await proxy.GetAsync("/length"))).ShouldBe("hello");
            (await Text(await proxy.GetAsync("/close"))).ShouldBe("hello");
        }
        origin.Requests.Count(r => r.Target == "/length").ShouldBe(1);
        origin.Requests.Count(r => r.Target == "/close").ShouldBe(2);
    }

    [Fact]
    public async Task Bytes_beyond_the_length_reach_nobody()
    {
        await using var origin = new ScriptedOrigin(r => r.Number == 1
            ? r.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            : r.WriteAsync(Respond($"good {r.Number}")));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        (await Text(await proxy.GetAsync("/a"))).ShouldBe("hello");
        (await Text(await proxy.GetAsync("/b"))).ShouldBe("good 2");
        (await Text(await proxy.GetAsync("/c"))).ShouldBe("good 3");
        (await Text(await proxy.GetAsync("/a"))).ShouldBe("hello");
    }

    [Fact]
    public async Task Informational_responses_before_the_final_one_are_not_taken_for_it()
    {
        await using var origin = ScriptedOrigin.Answering(_ =>
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + Respond("hello"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var miss = await proxy.GetAsync("/");
        (await Text(miss)).ShouldBe("hello");
        Field(miss, "Link").ShouldBeNull();
        Field(await proxy.GetAsync("/"), "Cache-Status")!.ShouldContain("hit");
        (await Text(await proxy.SendAsync(HttpMethod.Post, "/"))).ShouldBe("hello");
    }

    [Fact]
    public async Task Store_that_breaks_while_it_stores_costs_nobody_the_answer_and_leaves_no_fetch_behind()
    {
        RunningProxy? running = null;
        await using var origin = new ScriptedOrigin(r =>
        {
            running!.Core.Store.Dispose();
            return r.WriteAsync(Respond("whole"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        running = proxy;
        (await Text(await proxy.GetAsync("/"))).ShouldBe("whole");
        await proxy.WaitForFetchesAsync();
        Should.Throw<ObjectDisposedException>(() => proxy.Core.Store.Find("any", default), "the store was broken indeed");
    }

    [Theory]
    [InlineData("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n")]
    [InlineData("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/10\r\nContent-Length: 2\r\n\r\nab")]
    [InlineData("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n")]
    public async Task Answer_to_a_question_nobody_asked_is_never_stored(string answer)
    {
        await using var origin = ScriptedOrigin.Answering(_ => answer);
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        await proxy.WaitForFetchesAsync();
        proxy.Core.Store.Count.ShouldBe(0);
    }

    [Theory]
    [InlineData("reset")]
    [InlineData("closed without a byte")]
    [InlineData("garbage")]
    [InlineData("silence")]
    [InlineData("503")]
    [InlineData("500")]
    public async Task Stale_response_stands_in_for_a_failing_origin_within_its_window(string fault)
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("kept", "200 OK", "Cache-Control: max-age=10, stale-if-error=20\r\n"));
        await using var proxy = await StartAsync(origin, fault, options => options.Profile = CacheProfile.Rfc9111);
        await proxy.GetAsync("/");
        origin.Script = BeforeTheHead.TryGetValue(fault, out var script) ? script : r => r.WriteAsync(Respond("sorry", $"{fault} Error"));
        proxy.Time.Advance(29.9 * Second);
        var stale = await proxy.GetAsync("/");
        (await Text(stale)).ShouldBe("kept");
        stale.StatusCode.ShouldBe(HttpStatusCode.OK);
        Field(stale, "Age").ShouldBe("29");
        proxy.Time.Advance(0.1 * Second);
        ((int)(await proxy.GetAsync("/")).StatusCode).ShouldBe(fault switch { "silence" => 504, "503" => 503, "500" => 500, _ => 502 });
        await AssertRecoversAsync(origin, proxy, "/");
    }

    [Fact]
    public async Task Body_that_breaks_off_while_validating_leaves_nothing_broken()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("kept", "200 OK", "ETag: \"a\"\r\nCache-Control: max-age=10, stale-if-error=1000\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.Profile = CacheProfile.Rfc9111);
        await proxy.GetAsync("/");
        proxy.Time.Advance(11 * Second);
        origin.Script = r => WriteAndAsync(r, "HTTP/1.1 200 OK\r\nETag: \"b\"\r\nCache-Control: max-age=10\r\nContent-Length: 10\r\n\r\n01234", r.Reset);
        (await WireClient.AnswerAsync(proxy.Address, "GET", "/")).LooksWhole.ShouldBeFalse();
        origin.Script = BeforeTheHead["reset"];
        (await Text(await proxy.GetAsync("/"))).ShouldBe("kept");
    }

    [Theory]
    [InlineData("must-revalidate")]
    [InlineData("proxy-revalidate")]
    [InlineData("no-cache")]
    public async Task Response_that_must_be_validated_never_stands_in(string directive)
    {
        await using var origin = ScriptedOrigin.Answering(_ =>
            Respond("kept", "200 OK", $"ETag: \"a\"\r\nCache-Control: max-age=10, stale-if-error=1000, stale-while-revalidate=1000, {directive}\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.Profile = CacheProfile.Rfc9111);
        await proxy.GetAsync("/");
        origin.Script = BeforeTheHead["reset"];
        proxy.Time.Advance(11 * Second);
        (await proxy.GetAsync("/")).StatusCode.ShouldBe(HttpStatusCode.BadGateway);
    }

    [Fact]
    public async Task Nothing_older_than_a_minute_stands_in_under_OneMinute()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("kept", "200 OK", "Cache-Control: max-age=10, stale-if-error=1000, stale-while-revalidate=1000\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        origin.Script = BeforeTheHead["reset"];
        proxy.Time.Advance(59.9 * Second);
        (await Text(await proxy.GetAsync("/"))).ShouldBe("kept");
        await proxy.WaitForFetchesAsync();
        proxy.Time.Advance(0.2 * Second);
        (await proxy.GetAsync("/")).StatusCode.ShouldBe(HttpStatusCode.BadGateway);
    }

    [Fact]
    public async Task Stale_response_stands_in_for_nobody_who_could_not_have_had_it()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("everybody's"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        origin.Script = BeforeTheHead["reset"];
        // It has the proxy's own lifetime, which a request with credentials does not take: a failing origin makes no difference.
        (await proxy.GetAsync("/", "Authorization: alice")).StatusCode.ShouldBe(HttpStatusCode.BadGateway);
        (await Text(await proxy.GetAsync("/"))).ShouldBe("everybody's");
    }

    [Fact]
    public async Task Stale_response_is_answered_at_once_while_one_refresh_runs_behind()
    {
        var release = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Number > 1)
                await release.Task;
            await r.WriteAsync(Respond($"body {r.Number}", "200 OK", "Cache-Control: max-age=10, stale-while-revalidate=20\r\n"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        proxy.Time.Advance(11 * Second);
        for (var i = 0; i < 10; i++)
            (await Text(await proxy.GetAsync("/"))).ShouldBe("body 1");
        await Eventually.TrueAsync(() => origin.Requests.Count == 2, "the refresh has come");
        release.SetResult();
        await proxy.WaitForFetchesAsync();
        origin.Requests.Count.ShouldBe(2);
        var fresh = await proxy.GetAsync("/");
        (await Text(fresh)).ShouldBe("body 2");
        Field(fresh, "Cache-Status")!.ShouldContain("hit");
    }

    [Theory]
    [InlineData("ETag: \"a\"\r\n")]
    [InlineData("")]
    public async Task Refresh_behind_an_answer_to_HEAD_fetches_the_body(string validator)
    {
        await using var origin = ScriptedOrigin.Answering(r => r.Method == "HEAD"
            ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCache-Control: max-age=10, stale-while-revalidate=20\r\n\r\n"
            : $"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCache-Control: max-age=10, stale-while-revalidate=20\r\n{validator}\r\n6\r\nbody {r.Number}\r\n0\r\n\r\n");
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        proxy.Time.Advance(11 * Second);
        await proxy.SendAsync(HttpMethod.Head, "/");
        await Eventually.TrueAsync(() => origin.Requests.Count == 2, "the refresh has come");
        await proxy.WaitForFetchesAsync();
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 2");
    }

    [Fact]
    public async Task Refresh_that_turns_out_endless_is_cancelled()
    {
        var closed = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Number == 1)
            {
                await r.WriteAsync(Respond("body", "200 OK", "Cache-Control: max-age=10, stale-while-revalidate=20\r\n"));
                return;
            }
            await r.WriteAsync("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n");
            await r.WaitForCloseAsync();
            closed.SetResult();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        await proxy.GetAsync("/");
        proxy.Time.Advance(11 * Second);
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body");
        await closed.Task.InTimeAsync("the end of the refresh");
    }

    [Fact]
    public async Task Confirmation_that_an_invalidation_overtook_freshens_nothing()
    {
        var arrived = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r["If-None-Match"] is not null)
            {
                arrived.SetResult();
                await release.Task;
                await r.WriteAsync("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n");
                return;
            }
            await r.WriteAsync(Respond($"{r.Method} {r.Number}", "200 OK", "ETag: \"a\"\r\nCache-Control: max-age=10\r\n"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        proxy.Time.Advance(11 * Second);
        var validating = proxy.GetAsync("/");
        await arrived.Task.InTimeAsync("the validation");
        await proxy.SendAsync(HttpMethod.Put, "/");
        release.SetResult();
        (await Text(await validating)).ShouldBe("GET 4"); // what the write has hidden for good is not confirmed back: the origin is asked for it
        await proxy.WaitForFetchesAsync();
        (await Text(await proxy.GetAsync("/"))).ShouldBe("GET 5");
    }

    [Fact]
    public async Task Fill_that_an_invalidation_overtook_within_its_body_is_not_stored()
    {
        var release = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Number > 1)
            {
                await r.WriteAsync(Respond($"{r.Method} {r.Number}"));
                return;
            }
            await r.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
            await release.Task;
            await r.WriteAsync("56789");
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        using var old = await WireClient.SendAsync(proxy.Address, "GET", "/");
        await old.ReadUntilAsync("01234");
        await proxy.SendAsync(HttpMethod.Put, "/");
        release.SetResult();
        (await old.ReadToEndAsync()).Content.ShouldBe("0123456789");
        await proxy.WaitForFetchesAsync();
        (await Text(await proxy.GetAsync("/"))).ShouldBe("GET 3");
    }

    /// <summary>A proxy that hears of a silent origin soon, and of any other fault by the fault alone: a slow machine is none.</summary>
    private static Task<RunningProxy> StartAsync(ScriptedOrigin origin, string fault, Action<CacheProxyOptions>? configure = null) =>
        RunningProxy.StartAsync(origin.Address, configure, cluster: cluster => IsSilence(fault)
            ? cluster with { HttpRequest = cluster.HttpRequest! with { ActivityTimeout = 2 * Second } }
            : RunningProxy.Patient(cluster));

    private static bool IsSilence(string fault) => fault.Contains("silence", StringComparison.Ordinal);

    /// <summary>What is known to be broken before a byte has gone on is an error; anything later must not look whole.</summary>
    private static void AssertCut(WireAnswer answer)
    {
        if (answer.Status is 502 or 504)
            AssertProblem(answer, "GET");
        else
            answer.LooksWhole.ShouldBeFalse();
    }

    private static async Task AssertCutAsync(Task<HttpResponseMessage> response)
    {
        try
        {
            (await response).StatusCode.ShouldBeOneOf(HttpStatusCode.BadGateway, HttpStatusCode.GatewayTimeout);
        }
        catch (HttpRequestException)
        {
        }
    }

    private static void AssertProblem(WireAnswer answer, string method)
    {
        answer["Content-Type"].ShouldBe("application/problem+json");
        answer["Cache-Control"].ShouldBe("no-store");
        answer.Text.ShouldNotContain("secret");
        answer.Text.ShouldNotContain("Exception");
        answer.Text.ShouldNotContain("127.0.0.1");
        if (method == "HEAD")
            answer.Content.ShouldBe("");
        else
            JsonDocument.Parse(answer.Content).RootElement.GetProperty("status").GetInt32().ShouldBe(answer.Status);
    }

    private static async Task AssertRecoversAsync(ScriptedOrigin origin, RunningProxy proxy, string target)
    {
        origin.Script = r => r.WriteAsync(Respond("well again"));
        await proxy.WaitForFetchesAsync();
        var good = await proxy.GetAsync(target);
        good.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Text(good)).ShouldBe("well again");
    }

    private static Task End(Action how)
    {
        how();
        return Task.CompletedTask;
    }

    /// <summary>Writes and ends the connection so, or is silent until the proxy ends it.</summary>
    private static async Task WriteAndAsync(OriginRequest request, string text, Action how)
    {
        await request.WriteAsync(text);
        how();
        if (!request.IsClosed)
            await request.WaitForCloseAsync();
    }

    private static TheoryData<string, string> Rows(IEnumerable<string> faults, string[] methods)
    {
        var rows = new TheoryData<string, string>();
        foreach (var fault in faults)
            foreach (var method in methods)
                rows.Add(fault, method);
        return rows;
    }
}
