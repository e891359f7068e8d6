using System.Diagnostics;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using static CacheProxy.Tests.Scenarios.StoryTests;

namespace CacheProxy.Tests.Scenarios;

/// <summary>HTTP/2 on either side, trailers, websockets.</summary>
[Collection("activities")] // a listener is heard in the whole process, and fast hits then are none
public sealed class ProtocolTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Http2_client_gets_miss_and_hit_with_their_trailers()
    {
        await using var origin = ScriptedOrigin.Answering(_ =>
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n");
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        using var client = proxy.NewHttp2Client();
        for (var i = 0; i < 2; i++)
        {
            var answer = await client.GetAsync("/");
            answer.Version.ShouldBe(HttpVersion.Version20);
            (await Text(answer)).ShouldBe("hello");
            answer.TrailingHeaders.GetValues("X-Sum").ShouldBe(["42"]);
            await proxy.WaitForFetchesAsync();
        }
        origin.Requests.Count.ShouldBe(1);
        // A client of HTTP/1.1 gets the body all the same.
        (await Text(await proxy.Client.SendAsync(new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { Host = proxy.Http2Address.Authority } }))).ShouldBe("hello");
    }

    [Fact]
    public async Task Many_http2_streams_of_one_connection_make_one_request()
    {
        var release = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            await release.Task;
            await r.WriteAsync(Respond("hello"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        using var client = proxy.NewHttp2Client();
        var answers = Enumerable.Range(0, 80).Select(_ => client.GetStringAsync("/")).ToArray();
        await proxy.WaitForWaitingAsync(80);
        release.SetResult();
        (await Task.WhenAll(answers)).ShouldAllBe(text => text == "hello");
        origin.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Http2_origin_is_cached_with_its_trailers()
    {
        var requests = 0;
        await using var origin = await KestrelOrigin.StartAsync(async context =>
        {
            Interlocked.Increment(ref requests);
            context.Request.Protocol.ShouldBe("HTTP/2");
            await context.Response.WriteAsync("hello");
            context.Response.AppendTrailer("X-Sum", "42");
        }, HttpProtocols.Http2);
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: cluster => cluster with
        {
            HttpRequest = cluster.HttpRequest! with { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact },
        });
        using var client = proxy.NewHttp2Client();
        for (var i = 0; i < 2; i++)
        {
            var answer = await client.GetAsync("/");
            (await Text(answer)).ShouldBe("hello");
            answer.TrailingHeaders.GetValues("X-Sum").ShouldBe(["42"]);
            await proxy.WaitForFetchesAsync();
        }
        requests.ShouldBe(1);
    }

    [Fact]
    public async Task Http2_origin_that_resets_its_stream_is_a_cut_and_not_stored()
    {
        await using var origin = await KestrelOrigin.StartAsync(async context =>
        {
            await context.Response.WriteAsync("hel");
            await context.Response.Body.FlushAsync();
            context.Abort();
        }, HttpProtocols.Http2);
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: cluster => cluster with
        {
            HttpRequest = cluster.HttpRequest! with { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact },
        });
        var answer = await WireClient.AnswerAsync(proxy.Address, "GET", "/");
        (answer.Status == 502 || !answer.LooksWhole).ShouldBeTrue();
        await proxy.WaitForFetchesAsync();
        proxy.Core.Store.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Http2_client_that_resets_its_stream_ends_what_is_not_worth_finishing()
    {
        var closed = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nCache-Control: no-store\r\n\r\n01234");
            await r.WaitForCloseAsync();
            closed.SetResult();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        using var client = proxy.NewHttp2Client();
        var answer = await client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead);
        answer.Dispose();
        await closed.Task.InTimeAsync("the end of the fetch");
    }

    [Fact]
    public async Task Websocket_goes_through_both_ways_and_ends_cleanly()
    {
        await using var origin = await KestrelOrigin.StartAsync(async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            var buffer = new byte[1024];
            while (await socket.ReceiveAsync(buffer, default) is { MessageType: not WebSocketMessageType.Close } received)
                await socket.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, default);
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", default);
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        using var client = new ClientWebSocket();
        await client.ConnectAsync(new Uri($"ws://{proxy.Address.Authority}/chat"), default);
        var buffer = new byte[1024];
        foreach (var text in new[] { "one", "two", "three" })
        {
            await client.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, default);
            var echo = await client.ReceiveAsync(buffer, default);
            Encoding.UTF8.GetString(buffer, 0, echo.Count).ShouldBe(text);
        }
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", default);
        client.CloseStatus.ShouldBe(WebSocketCloseStatus.NormalClosure);
    }

    [Fact]
    public async Task Trace_of_the_client_goes_on_at_the_origin()
    {
        // Kestrel starts an activity for a request when somebody listens.
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Microsoft.AspNetCore",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
        };
        ActivitySource.AddActivityListener(listener);
        await using var origin = ScriptedOrigin.Answering(r => Respond($"body {r.Number}", "200 OK", "Cache-Control: max-age=10, stale-while-revalidate=20\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        const string trace = "0af7651916cd43dd8448eb211c80319c";
        await proxy.GetAsync("/", $"traceparent: 00-{trace}-b7ad6b7169203331-01", "tracestate: a=b");
        var parent = origin.Requests[0]["traceparent"];
        parent.ShouldNotBeNull();
        parent.ShouldStartWith($"00-{trace}-");
        parent.ShouldNotContain("b7ad6b7169203331"); // it is a child of ours
        origin.Requests[0]["tracestate"].ShouldBe("a=b");

        const string other = "11111111111111111111111111111111";
        proxy.Time.Advance(11 * Second);
        await proxy.GetAsync("/", $"traceparent: 00-{other}-b7ad6b7169203331-01");
        await Eventually.TrueAsync(() => origin.Requests.Count == 2, "the refresh has come");
        origin.Requests[1]["traceparent"]!.ShouldStartWith($"00-{other}-");
    }
}
