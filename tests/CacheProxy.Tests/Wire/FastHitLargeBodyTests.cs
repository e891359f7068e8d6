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
    [InlineData(65_537, false)]
    [InlineData(131_072, true)]
    [InlineData(1_000_000, true)]
    [InlineData(Length, false)]
    [InlineData(Length, true)]
    public async Task Body_arrives_whole_and_the_head_is_that_of_the_pipeline(int length, bool isPiecemeal)
    {
        await using var origin = ScriptedOrigin.Answering(_ => FastHitTests.Respond(Body[..length], "ETag: \"1\""));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true, build: isPiecemeal ? Piecemeal : null);
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
    public async Task Client_that_takes_nothing_is_cut_by_the_least_rate()
    {
        await using var origin = ScriptedOrigin.Answering(_ => FastHitTests.Respond(Body));
        await using var proxy = await RunningProxy.StartAsync(
            origin.Address, fastHits: true, build: b => b.Services.Configure<KestrelServerOptions>(o => o.Limits.MinResponseDataRate = new MinDataRate(64 << 10, TimeSpan.FromSeconds(5))));
        await using var client = await FastHitTests.WarmAsync(proxy, "/a");
        await AskSilentlyAsync(proxy, client);
        proxy.Time.Advance(TimeSpan.FromSeconds(7));
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
    private static async Task AskSilentlyAsync(RunningProxy proxy, RawClient client)
    {
        var timers = proxy.Time.PendingTimers;
        await client.SendAsync(RawClient.Get("/a"));
        await Eventually.TrueAsync(() => proxy.Time.PendingTimers > timers, "the client is waited for");
    }

    /// <summary>The kernel takes little at a time; what is accepted has the listener's buffer.</summary>
    private static void Piecemeal(WebApplicationBuilder builder) => builder.Services.Configure<SocketTransportOptions>(sockets => sockets.CreateBoundListenSocket = endpoint =>
    {
        var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        socket.SendBufferSize = 40_000;
        return socket;
    });
}
