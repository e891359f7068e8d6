using static CacheProxy.Tests.Scenarios.RawClient;

namespace CacheProxy.Tests.Scenarios;

/// <summary>What an origin's broken framing and dying connections come to.</summary>
public sealed class SecurityOriginTests
{
    [Theory]
    [InlineData("Content-Length: 2\r\nContent-Length: 3", "okX")]
    [InlineData("Content-Length: 3\r\nContent-Length: 2", "okX")]
    [InlineData("Content-Length: 2\r\nContent-Length: 2", "ok")]
    [InlineData("Content-Length: 2, 2", "ok")]
    [InlineData("Content-Length: 2, 3", "ok")]
    [InlineData("Content-Length: -2", "ok")]
    [InlineData("Content-Length: +2", "ok")]
    [InlineData("Content-Length: 0x2", "ok")]
    [InlineData("Content-Length: 2 2", "ok")]
    [InlineData("Content-Length: two", "ok")]
    [InlineData("Content-Length: ", "ok")]
    [InlineData("Content-Length: 2.0", "ok")]
    [InlineData("Content-Length: 99999999999999999999", "ok")]
    [InlineData("Content-Length: 2\r\nTransfer-Encoding: chunked", "2\r\nok\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: 2", "2\r\nok\r\n0\r\n\r\n")]
    [InlineData("Content-Length: 2\r\nTransfer-Encoding: identity", "ok")]
    [InlineData("Content-Length: 2\r\nTransfer-Encoding: gzip", "ok")]
    [InlineData("Transfer-Encoding: gzip, chunked", "2\r\nok\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "2\r\nok\r\n0\r\n\r\n")]
    [InlineData("Content-Length: 2\r\nX: a\u0007b", "ok")]
    [InlineData("Content-Length: 2\r\nX(Y): a", "ok")]
    [InlineData("Content-Length: 2\r\n: a", "ok")]
    public async Task Response_without_one_clear_end_is_a_502_and_leaves_nothing(string framing, string body)
    {
        var answer = $"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nX-Leak: secret\r\n{framing}\r\n\r\n{body}";
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync(r.Target == "/good" ? StoryTests.Respond("good") : answer);
            if (r.Target != "/good")
                r.Close();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        foreach (var request in new[] { Get("/p"), Get("/p"), Get("/p", "Cookie: a=b", "If-Match: \"x\""), Request("POST", "/p", "Content-Length: 0") })
        {
            var response = await AskAsync(proxy, request);
            response.Status.ShouldBe(502, response.Head + response.Body);
            IsOurs(response);
            (await GetAsync(proxy, "/good")).Body.ShouldBe("good");
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 20 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 2000 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 abc OK\r\n\r\n")]
    [InlineData("HTTP/1.1  200 OK\r\n\r\n")]
    [InlineData("HTTP/9.9 200 OK\r\n\r\n")]
    [InlineData("ICY 200 OK\r\n\r\n")]
    [InlineData("\0\0\0\0")]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\ntunnel")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\n\r\n")]
    public async Task Answer_that_is_none_is_a_502(string answer)
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync(answer);
            r.Close();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        foreach (var request in new[] { Get("/p"), Request("POST", "/p", "Content-Length: 1") + "x" })
        {
            var response = await AskAsync(proxy, request);
            response.Status.ShouldBe(502, response.Head);
            IsOurs(response);
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\rX-Evil: 1\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 O\0\u0007K\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nX: a\rX-Evil: 1\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nX: a\r\n X-Evil: 1\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\nX: a\nContent-Length: 2\n\nok")]
    [InlineData("HTTP/1.1 200 \u00e4\u00ff\r\nX: \u00e4\u00ff\r\nContent-Length: 2\r\n\r\nok")]
    public async Task Odd_characters_come_out_harmless_or_not_at_all(string answer)
    {
        await using var origin = new ScriptedOrigin(r => r.WriteAsync(answer));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        foreach (var request in new[] { Get("/p"), Get("/p"), Request("POST", "/p", "Content-Length: 0") })
        {
            var response = await AskAsync(proxy, request);
            response.Status.ShouldBeOneOf(200, 502);
            response.Head.Replace("\r\n", "").Any(char.IsControl).ShouldBeFalse(response.Head);
            response["X-Evil"].ShouldBeNull();
        }
    }

    [Fact]
    public async Task Obs_text_in_a_field_survives_as_it_is()
    {
        await using var origin = ScriptedOrigin.Answering(_ => StoryTests.Respond("ok", "200 OK", "X: \u00e4\u00ff\r\nETag: \"\u00e4\"\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        for (var i = 0; i < 2; i++)
            (await GetAsync(proxy, "/p")).ShouldSatisfyAllConditions(r => r["X"].ShouldBe("\u00e4\u00ff"), r => r["ETag"].ShouldBe("\"\u00e4\""));
        origin.Requests.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n")]
    [InlineData("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n")]
    [InlineData("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n")]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")]
    public async Task Surplus_bytes_never_become_the_answer_to_another_request(string answer)
    {
        const string planted = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nCache-Control: max-age=60\r\n\r\npoison";
        await using var origin = new ScriptedOrigin(r => r.WriteAsync(r.Target == "/attack" ? answer + planted : StoryTests.Respond("fine")));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        foreach (var method in new[] { "GET", "POST", "HEAD" })
        {
            await AskAsync(proxy, Request(method, "/attack", "Content-Length: 0"));
            for (var i = 0; i < 5; i++)
                (await GetAsync(proxy, $"/victim/{method}/{i}")).Body.ShouldBe("fine");
        }
    }

    [Fact]
    public async Task Body_of_a_response_to_head_never_becomes_the_answer_to_another_request()
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond(r.Target));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        for (var i = 0; i < 5; i++)
        {
            (await AskAsync(proxy, Request("HEAD", "/attack"))).Status.ShouldBe(200);
            (await GetAsync(proxy, $"/{i}")).Body.ShouldBe($"/{i}");
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n")]
    public async Task Cut_body_is_never_stored_nor_ended_cleanly(string answer)
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync(r.Number == 1 ? answer : StoryTests.Respond("whole"));
            if (r.Number == 1)
                r.Close();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var cut = await GetAsync(proxy, "/p");
        (cut.Status == 502 || !cut.IsWhole).ShouldBeTrue(cut.Head + cut.Body);
        (await GetAsync(proxy, "/p")).Body.ShouldBe("whole");
    }

    [Fact]
    public async Task Body_without_a_length_is_not_stored_because_a_cut_looks_the_same()
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync($"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nConnection: close\r\n\r\nbody {r.Number}");
            r.Close();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        (await GetAsync(proxy, "/p")).Body.ShouldBe("body 1");
        (await GetAsync(proxy, "/p")).Body.ShouldBe("body 2");
    }

    [Theory]
    [InlineData("POST", "Content-Length: 0\r\n\r\n")]
    [InlineData("POST", "\r\n")]
    [InlineData("POST", "Content-Length: 5\r\n\r\nhello")]
    [InlineData("POST", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("POST", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("PATCH", "Content-Length: 0\r\n\r\n")]
    [InlineData("DELETE", "\r\n")]
    [InlineData("LOCK", "\r\n")]
    public async Task Write_is_sent_once_even_when_the_pooled_connection_dies_under_it(string method, string rest)
    {
        var (origin, proxy) = await WithIdleConnectionsAsync(3);
        await using (origin)
        await using (proxy)
        {
            origin.Script = r =>
            {
                r.Close(); // as a server does that has had enough of an idle connection
                return Task.CompletedTask;
            };
            var before = origin.Requests.Count;
            (await AskAsync(proxy, $"{method} /w HTTP/1.1\r\nHost: site.example\r\n{rest}")).Status.ShouldBe(502);
            (origin.Requests.Count - before).ShouldBe(1);
        }
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("HEAD")]
    public async Task Read_is_sent_four_times_and_no_more_when_pooled_connections_die_under_it(string method)
    {
        var (origin, proxy) = await WithIdleConnectionsAsync(6);
        await using (origin)
        await using (proxy)
        {
            origin.Script = r =>
            {
                r.Close();
                return Task.CompletedTask;
            };
            var before = origin.Requests.Count;
            (await AskAsync(proxy, Request(method, "/r"))).Status.ShouldBe(502);
            (origin.Requests.Count - before).ShouldBe(4); // SocketsHttpHandler's own limit, which it lets nobody change: docs/collapsing.md
        }
    }

    /// <summary>A proxy with so many idle connections to its origin.</summary>
    private static async Task<(ScriptedOrigin Origin, RunningProxy Proxy)> WithIdleConnectionsAsync(int count)
    {
        var arrived = 0;
        var all = new TaskCompletionSource();
        var origin = new ScriptedOrigin(async r =>
        {
            if (Interlocked.Increment(ref arrived) == count)
                all.SetResult();
            await all.Task;
            await r.WriteAsync(StoryTests.Respond("ok"));
        });
        var proxy = await RunningProxy.StartAsync(origin.Address);
        await Task.WhenAll(Enumerable.Range(0, count).Select(i => GetAsync(proxy, $"/{i}")));
        return (origin, proxy);
    }

    [Fact]
    public async Task Error_answers_are_constant_and_say_nothing_of_the_request_or_the_origin()
    {
        string unreachable;
        await using (var gone = ScriptedOrigin.Answering(_ => ""))
            unreachable = gone.Address;
        await using var proxy = await RunningProxy.StartAsync(unreachable);
        string[] secrets = ["Cookie: sekret", "Authorization: Basic sekret", "X: sekret"];
        foreach (var request in new[] { Get("/sekret", secrets), Get("/sekret"), Request("POST", "/sekret", ["Content-Length: 0", .. secrets]), Get("/sekret/../x", secrets), Request("HEAD", "/sekret") })
        {
            var response = await AskAsync(proxy, request);
            response.Status.ShouldBeOneOf(400, 502);
            IsOurs(response, request.StartsWith("HEAD", StringComparison.Ordinal));
            (response.Head + response.Body).ShouldNotContain("sekret");
            (response.Head + response.Body).ShouldNotContain(unreachable[7..]);
        }
    }

    private static void IsOurs(RawResponse response, bool isHead = false)
    {
        response["Content-Type"].ShouldBe("application/problem+json");
        response["Cache-Control"].ShouldBe("no-store");
        response["X-Leak"].ShouldBeNull();
        if (!isHead)
            response.Body.ShouldBe($$"""{"type":"about:blank","title":"{{(response.Status == 400 ? "Bad Request" : "Bad Gateway")}}","status":{{response.Status}}}""");
    }
}
