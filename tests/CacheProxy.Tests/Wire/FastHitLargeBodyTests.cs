using System.Net.Sockets;
using CacheProxy.Tests.Scenarios;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Tests.Wire;

/// <summary>Fast hits whose body does not lie in the block: it is sent from where it lies, as far as the client takes it.</summary>
[Collection("activities")] // a listener is heard in the whole process, and fast hits then are none
public sealed class FastHitLargeBodyTests
{
    private const int Length = 6 << 20; // more than the kernel keeps for a client that does not read

    private static readonly string Body = string.Create(Length, 0, static (span, _) =>
    {
        for (var i = 0; i < span.Length; i++)
            span[i] = (char)('a' + ((i ^ (i >> 10)) % 26));
    });

    [Theory]
    [InlineData(65_537, 0)]
    [InlineData(131_072, 40_000)]
    [InlineData(1_000_000, 40_000)]
    [InlineData(Length, 0)]
    [InlineData(Length, 40_000)]
    [InlineData(Length, 16 << 20)]
    public async Task Body_arrives_whole_and_the_head_is_that_of_the_pipeline(int length, int sendBuffer)
    {
        await using var origin = ScriptedOrigin.Answering(_ => FastHitTests.Respond(Body[..length], "ETag: \"1\""));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true, build: WithSendBuffer(sendBuffer));
        await using var client = await FastHitTests.WarmAsync(proxy, "/a");
        await using var other = await RawClient.ConnectAsync(proxy);
        var slow = await FastHitTests.Ask(other, "/a");
        var asked = proxy.Asked;
        for (var i = 0; i < 3; i++)
        {
            var fast = await FastHitTests.Ask(client, "/a");
            FastHitTests.Lines(fast).ShouldBe(FastHitTests.Lines(slow));
            (fast.Body == Body[..length]).ShouldBeTrue();
        }
        (await FastHitTests.Ask(client, "/a", "If-None-Match: \"1\"")).Status.ShouldBe(304);
        proxy.Asked.ShouldBe(asked);
    }

    [Fact]
    public async Task Pipelined_requests_are_answered_in_their_order()
    {
        await using var origin = ScriptedOrigin.Answering(r => FastHitTests.Respond(r.Target == "/large" ? Body : "small"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using (await FastHitTests.WarmAsync(proxy, "/large"))
        await using (var client = await FastHitTests.WarmAsync(proxy, "/small"))
        {
            var asked = proxy.Asked;
            await client.SendAsync(RawClient.Get("/small") + RawClient.Get("/large") + RawClient.Get("/small") + RawClient.Get("/large") + RawClient.Get("/other"));
            (await client.ReadAsync()).Body.ShouldBe("small");
            ((await client.ReadAsync()).Body == Body).ShouldBeTrue();
            (await client.ReadAsync()).Body.ShouldBe("small");
            ((await client.ReadAsync()).Body == Body).ShouldBeTrue();
            (await client.ReadAsync()).Body.ShouldBe("small");
            proxy.Asked.ShouldBe(asked + 1);
        }
    }

    [Fact]
    public async Task Nothing_follows_a_body_that_is_cut()
    {
        await using var origin = ScriptedOrigin.Answering(r => FastHitTests.Respond(r.Target == "/large" ? Body : "small"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true, build: WithSendBuffer(40_000));
        await using (await FastHitTests.WarmAsync(proxy, "/small"))
        await using (var client = await FastHitTests.WarmAsync(proxy, "/large"))
        {
            await AskSilentlyAsync(proxy, client, RawClient.Get("/large") + RawClient.Get("/other"));
            client.EndSending(); // as a client that goes, and yet reads
            var answer = await client.ReadAsync();
            (answer.Body.Length <= Length && Body.StartsWith(answer.Body, StringComparison.Ordinal)).ShouldBeTrue();
            if (answer.Body.Length < Length)
                (await client.IsClosedAsync()).ShouldBeTrue();
        }
    }

    [Fact]
    public async Task Client_that_takes_nothing_is_cut_by_the_least_rate()
    {
        await using var origin = ScriptedOrigin.Answering(_ => FastHitTests.Respond(Body));
        await using var proxy = await RunningProxy.StartAsync(
            origin.Address, fastHits: true, build: b => b.Services.Configure<KestrelServerOptions>(o => o.Limits.MinResponseDataRate = new MinDataRate(64 << 10, TimeSpan.FromSeconds(5))));
        await using var client = await FastHitTests.WarmAsync(proxy, "/a");
        await AskSilentlyAsync(proxy, client);
        proxy.Time.Advance(TimeSpan.FromSeconds(5 + (Length >> 16) + 1));
        var bytes = await client.ReadExactlyAsync(Length);
        bytes.Length.ShouldBeLessThan(Length);
    }

    [Fact]
    public async Task Slow_client_is_known_to_the_budget_and_gets_all_of_it()
    {
        await using var origin = ScriptedOrigin.Answering(_ => FastHitTests.Respond(Body));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await FastHitTests.WarmAsync(proxy, "/a");
        await AskSilentlyAsync(proxy, client);
        proxy.Core.Deliveries.HeldBytes.ShouldBe(0); // it is stored
        (await RawClient.AskAsync(proxy, RawClient.Request("DELETE", "/a"))).Status.ShouldBe(200);
        await Eventually.TrueAsync(() => proxy.Core.Deliveries.HeldBytes >= Length, "what is no longer stored counts");
        ((await client.ReadAsync()).Body == Body).ShouldBeTrue();
        await Eventually.TrueAsync(() => proxy.Core.Deliveries.HeldBytes == 0, "it counts no longer");
    }

    /// <summary>When this returns, the client takes no more.</summary>
    private static async Task AskSilentlyAsync(RunningProxy proxy, RawClient client, string? requests = null)
    {
        var timers = proxy.Time.PendingTimers;
        await client.SendAsync(requests ?? RawClient.Get("/a"));
        await Eventually.TrueAsync(() => proxy.Time.PendingTimers > timers, "the client is waited for");
    }

    /// <summary>What is accepted has the listener's buffer; 0: the system's.</summary>
    private static Action<WebApplicationBuilder>? WithSendBuffer(int bytes) => bytes == 0 ? null : builder =>
        builder.Services.Configure<SocketTransportOptions>(sockets => sockets.CreateBoundListenSocket = endpoint =>
        {
            var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            socket.SendBufferSize = bytes;
            return socket;
        });
}
