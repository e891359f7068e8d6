using static CacheProxy.Tests.Scenarios.RawClient;

namespace CacheProxy.Tests.Scenarios;

/// <summary>Where a client's request ends, and that nothing in it becomes another.</summary>
public sealed class SecurityFramingTests
{
    private const string Smuggled = "GET /smuggled HTTP/1.1\r\nHost: site.example\r\n\r\n";

    [Theory]
    [InlineData("Content-Length: 5\r\nContent-Length: 6", "hello")]
    [InlineData("Content-Length: 5, 6", "hello")]
    [InlineData("Content-Length: 5, 5", "hello")]
    [InlineData("Content-Length: -5", "hello")]
    [InlineData("Content-Length: 0x5", "hello")]
    [InlineData("Content-Length: 5 5", "hello")]
    [InlineData("Content-Length: 5\u00a0", "hello")]
    [InlineData("Content-Length:", "hello")]
    [InlineData("Content-Length: five", "hello")]
    [InlineData("Content-Length: 99999999999999999999", "hello")]
    [InlineData("Content-Length : 5", "hello")]
    [InlineData("Content-Length\t: 5", "hello")]
    [InlineData("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n")]
    [InlineData("Transfer-Encoding: identity", "")]
    [InlineData("Transfer-Encoding: gzip", "")]
    [InlineData("Transfer-Encoding: chunked, gzip", "0\r\n\r\n")]
    [InlineData("Transfer-Encoding: xchunked", "0\r\n\r\n")]
    [InlineData("Transfer-Encoding: \u000bchunked", "0\r\n\r\n")]
    [InlineData("Transfer-Encoding : chunked", "0\r\n\r\n")]
    [InlineData("X: a\r\n Transfer-Encoding: chunked", "0\r\n\r\n")]
    [InlineData("X: a\r\n\tContent-Length: 5", "hello")]
    [InlineData("X: a\rTransfer-Encoding: chunked", "0\r\n\r\n")]
    [InlineData("X: a\0b", "")]
    [InlineData("X\0: a", "")]
    [InlineData(": a", "")]
    [InlineData("X", "")]
    [InlineData("Transfer-Encoding: chunked", "5\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked", "5;a\nb\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked", "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked", "5;\n\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked", "5\r\nhello0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked", "5\r\nhelloXX0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked", "0x5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked", "-5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked", " 5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked", "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked", "\r\nhello\r\n0\r\n\r\n")]
    public async Task Request_without_one_clear_end_is_refused_and_the_connection_ends(string framing, string body)
    {
        await using var origin = SecurityOracle.Telling();
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        foreach (var method in new[] { "POST", "GET" })
        {
            await using var client = await ConnectAsync(proxy);
            await client.SendAsync($"{method} /p HTTP/1.1\r\nHost: site.example\r\n{framing}\r\n\r\n{body}{Smuggled}");
            var answer = await client.ReadAsync();
            (answer.Status is 0 or (>= 400 and < 600)).ShouldBeTrue(answer.Head);
            (await client.IsClosedAsync()).ShouldBeTrue();
        }
        origin.Requests.ShouldNotContain(r => r.Target == "/smuggled");
        (await GetAsync(proxy, "/good")).Status.ShouldBe(200);
    }

    [Theory]
    [InlineData("Content-Length: 5\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: 3", "5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Content-Length: 44\r\nTransfer-Encoding: chunked", "0\r\n\r\n")]
    [InlineData("Content-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: Transfer-Encoding", "5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Content-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: Content-Length", "5\r\nhello\r\n0\r\n\r\n")]
    public async Task Length_beside_chunks_is_refused_or_read_by_the_chunks_alone(string framing, string body)
    {
        await using var origin = SecurityOracle.Telling();
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        foreach (var method in new[] { "POST", "GET" })
        {
            await using var client = await ConnectAsync(proxy);
            await client.SendAsync($"{method} /p HTTP/1.1\r\nHost: site.example\r\n{framing}\r\n\r\n{body}");
            await client.ReadAsync();
        }
        foreach (var request in origin.Requests)
        {
            System.Text.Encoding.Latin1.GetString(request.Body).ShouldBe(body[0] == '0' ? "" : "hello");
            (request["Content-Length"] is null || request["Transfer-Encoding"] is null).ShouldBeTrue(request.Head);
        }
        origin.Requests.Count(r => r.Target != "/p").ShouldBe(0);
    }

    [Theory]
    [InlineData("GET", "Content-Length: 5", "hello")]
    [InlineData("GET", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("HEAD", "Content-Length: 5", "hello")]
    [InlineData("GET", "Content-Length: 46", Smuggled)]
    [InlineData("GET", "Transfer-Encoding: chunked", "2e\r\n" + Smuggled + "\r\n0\r\n\r\n")]
    public async Task Body_on_a_get_bypasses_the_cache_and_is_never_read_as_a_request(string method, string framing, string body)
    {
        await using var origin = ScriptedOrigin.Answering(r => r.Method == "HEAD"
            ? "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
            : StoryTests.Respond($"{r.Target} {System.Text.Encoding.Latin1.GetString(r.Body)}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        // Primes nothing ...
        await using (var client = await ConnectAsync(proxy))
        {
            await client.SendAsync($"{method} /p HTTP/1.1\r\nHost: site.example\r\n{framing}\r\n\r\n{body}" + Get("/next"));
            (await client.ReadAsync(toHead: method == "HEAD")).Status.ShouldBe(200);
            (await client.ReadAsync()).Body.ShouldBe("/next ");
        }
        (await GetAsync(proxy, "/p")).Body.ShouldBe("/p ");
        // ... and is not answered from what is stored.
        await using (var client = await ConnectAsync(proxy))
        {
            await client.SendAsync($"{method} /p HTTP/1.1\r\nHost: site.example\r\n{framing}\r\n\r\n{body}" + Get("/next"));
            var answer = await client.ReadAsync(toHead: method == "HEAD");
            answer["Cache-Status"].ShouldBe("CacheProxy; fwd=bypass; fwd-status=200");
            (await client.ReadAsync()).Body.ShouldBe("/next ");
        }
        (await GetAsync(proxy, "/p")).Body.ShouldBe("/p ");
        origin.Requests.ShouldNotContain(r => r.Target == "/smuggled");
    }

    [Fact]
    public async Task Empty_body_is_no_body()
    {
        await using var origin = SecurityOracle.Telling();
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await GetAsync(proxy, "/p", "Content-Length: 0");
        (await GetAsync(proxy, "/p"))["Cache-Status"]!.ShouldContain("; hit");
        origin.Requests.Single()["Content-Length"].ShouldBeNull();
    }

    [Fact]
    public async Task Requests_in_one_packet_are_answered_in_order_and_alone()
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond(r.Target));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await using var client = await ConnectAsync(proxy);
        await client.SendAsync(string.Concat(Enumerable.Range(0, 20).Select(i => Get($"/{i % 7}"))));
        for (var i = 0; i < 20; i++)
            (await client.ReadAsync()).Body.ShouldBe($"/{i % 7}");
        origin.Requests.Count.ShouldBe(7);
    }

    [Theory]
    [InlineData("GET /p HTTP/1.1\nHost: site.example\n\n")]
    [InlineData("GET /p HTTP/1.1\r\nHost: site.example\nX: a\r\n\r\n")]
    [InlineData("GET  /p HTTP/1.1\r\nHost: site.example\r\n\r\n")]
    [InlineData("GET /p\r\n\r\n")]
    [InlineData("GET /p HTTP/0.9\r\nHost: site.example\r\n\r\n")]
    [InlineData("GET /p HTTP/1.2\r\nHost: site.example\r\n\r\n")]
    [InlineData("GET /p HTTP/2.0\r\nHost: site.example\r\n\r\n")]
    [InlineData("GET /p HTTP/1.1 \r\nHost: site.example\r\n\r\n")]
    [InlineData("GET\t/p\tHTTP/1.1\r\nHost: site.example\r\n\r\n")]
    [InlineData("G\0ET /p HTTP/1.1\r\nHost: site.example\r\n\r\n")]
    [InlineData("\r\nGET /p HTTP/1.1\r\nHost: site.example\r\n\r\n")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
    [InlineData("GET /p HTTP/1.1\r\nHost: site.example\r\nX: \u0001\u007f\r\n\r\n")]
    public async Task Odd_request_line_or_line_end_harms_nobody_else(string attack)
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond(r.Line));
        await SecurityOracle.HoldsAsync(origin, attack, Get("/p"));
        origin.Requests.ShouldAllBe(r => r.Line == "GET /p HTTP/1.1");
    }

    [Theory]
    [InlineData("Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings")]
    [InlineData("Upgrade: h2c\r\nConnection: Upgrade")]
    [InlineData("Upgrade: websocket, h2c\r\nConnection: Upgrade")]
    [InlineData("Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade")]
    [InlineData("Upgrade: TLS/1.0\r\nConnection: Upgrade")]
    [InlineData("Upgrade: spdy/3.1\r\nConnection: Upgrade")]
    public async Task Nothing_but_websocket_is_upgraded(string fields)
    {
        await using var origin = ScriptedOrigin.Answering(r => r["Upgrade"] is null
            ? StoryTests.Respond("plain")
            : "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\ntunnel");
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var answer = await AskAsync(proxy, $"GET /p HTTP/1.1\r\nHost: site.example\r\n{fields}\r\n\r\n");
        answer.Status.ShouldBe(200);
        answer.Body.ShouldBe("plain");
        origin.Requests.Single()["Upgrade"].ShouldBeNull();
        origin.Requests.Single()["HTTP2-Settings"].ShouldBeNull();
    }

    [Fact]
    public async Task Bytes_after_an_upgrade_wait_for_the_101()
    {
        var early = new TaskCompletionSource();
        var cameEarly = false;
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Target != "/ws")
            {
                await r.WriteAsync(StoryTests.Respond("ok"));
                return;
            }
            await early.Task;
            cameEarly = r.HasMore();
            await r.WriteAsync("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
            await r.WriteAsync(await r.ReadExactlyAsync(5));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await using var client = await ConnectAsync(proxy);
        await client.SendAsync(WebSocket + "hello");
        for (var i = 0; i < 10; i++)
            await GetAsync(proxy, $"/{i}"); // a hundred times as long as the bytes would take
        early.SetResult();
        (await client.ReadAsync()).Status.ShouldBe(101);
        (await client.ReadExactlyAsync(5)).ShouldBe("hello"u8.ToArray());
        cameEarly.ShouldBeFalse();
    }

    [Fact]
    public async Task Bytes_after_a_refused_upgrade_are_an_ordinary_request()
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond(r.Target, r.Target == "/ws" ? "426 Upgrade Required" : "200 OK"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await using var client = await ConnectAsync(proxy);
        await client.SendAsync(WebSocket + Get("/a/../b"));
        (await client.ReadAsync()).Status.ShouldBe(426);
        (await client.ReadAsync()).Status.ShouldBe(400);
        (await client.IsClosedAsync()).ShouldBeTrue();
        origin.Requests.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("X(Y): a")]
    [InlineData("X\u0001: a")]
    [InlineData("Transfer-Encoding\u000b: chunked")]
    [InlineData("Content-Length\u000b: 0")]
    [InlineData("X: \u0007a")]
    [InlineData("X: a\u007f")]
    [InlineData("X: \u000bchunked")]
    public async Task Field_that_no_server_should_take_does_not_reach_the_origin(string field)
    {
        // What an origin refuses with an error page is a way to have that page stored for all.
        await using var origin = SecurityOracle.Telling();
        await SecurityOracle.HoldsAsync(origin, Get("/p", field), Get("/p"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await AskAsync(proxy, Request("POST", "/p", "Content-Length: 0", field));
        origin.Requests.ShouldAllBe(r => !r.Head.Any(c => c != '\r' && c != '\n' && char.IsControl(c)) && !r.Head.Contains("X(Y)"));
    }

    [Fact]
    public async Task Length_with_a_plus_is_read_as_kestrel_reads_it_and_forwarded_plainly()
    {
        await using var origin = SecurityOracle.Telling();
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await using var client = await ConnectAsync(proxy);
        await client.SendAsync("POST /p HTTP/1.1\r\nHost: site.example\r\nContent-Length: +5\r\n\r\nhello" + Get("/next"));
        (await client.ReadAsync()).Status.ShouldBe(200);
        (await client.ReadAsync()).Status.ShouldBe(200);
        origin.Requests[0]["Content-Length"].ShouldBe("5");
        origin.Requests.Select(r => r.Target).ShouldBe(["/p", "/next"]);
    }

    private const string WebSocket = "GET /ws HTTP/1.1\r\nHost: site.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}
