using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using CacheProxy.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Tests.Scenarios;

/// <summary>Clients that ask for large bodies and do not read them. Apart from other tests, because memory is measured.</summary>
[Collection("memory")]
public sealed class SlowClientTests : IAsyncDisposable
{
    private const int MiB = 1 << 20;
    private const int Budget = 8 * MiB; // half of it for bodies that are not in the store
    private const int BodyLength = 2 * MiB;

    private readonly List<WireClient> _clients = [];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Silent_clients_hold_no_more_than_the_budget_and_those_that_waited_longest_are_cut_off(bool fromStore)
    {
        await using var origin = await KestrelOrigin.StartAsync(WriteBodyAsync);
        await using var proxy = await StartAsync(origin);
        using var metrics = new PrometheusExporter(proxy.Services.GetRequiredService<IMeterFactory>(), proxy.Core.Metrics);
        await ReadAsync(proxy, "/warm");
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < 24; i++)
        {
            if (fromStore)
                await ReadAsync(proxy, $"/{i}");
            await AskSilentlyAsync(proxy, $"/{i}");
        }
        for (var i = 24; i < 32; i++)
            await ReadAsync(proxy, $"/{i}"); // evicts what the last of them read

        await WaitForHeldAsync(proxy, Budget / 2);
        await proxy.WaitForWaitingAsync(Budget / 2 / BodyLength);
        (GC.GetTotalMemory(forceFullCollection: true) - before).ShouldBeLessThan(Budget + (Budget / 2) + (8 * MiB)); // of 48 MiB that they asked for
        metrics.Scrape().ShouldContain($"cacheproxy_deliveries_cut_total {24 - (Budget / 2 / BodyLength)}\n");
        (await _clients[0].ReadToEndAsync()).Text.Length.ShouldBeLessThan(BodyLength);
        (await _clients[^1].ReadToEndAsync()).Text.Length.ShouldBeGreaterThan(BodyLength);
        await ReadAsync(proxy, "/0");
    }

    [Fact]
    public async Task Body_counts_once_however_many_read_it_and_not_while_it_is_stored()
    {
        await using var origin = await KestrelOrigin.StartAsync(WriteBodyAsync);
        await using var proxy = await StartAsync(origin);
        await ReadAsync(proxy, "/");
        for (var i = 0; i < 6; i++)
            await AskSilentlyAsync(proxy, "/");
        proxy.Core.Deliveries.HeldBytes.ShouldBe(0);

        (await proxy.SendAsync(HttpMethod.Delete, "/")).Dispose();
        await WaitForHeldAsync(proxy, BodyLength);
        foreach (var client in _clients)
            (await client.ReadToEndAsync()).Text.Length.ShouldBeGreaterThan(BodyLength);
        await proxy.WaitForWaitingAsync(0);
        proxy.Core.Deliveries.HeldBytes.ShouldBe(0);
    }

    [Fact]
    public async Task Body_that_was_confirmed_counts_as_stored_until_it_leaves_the_store()
    {
        await using var origin = await KestrelOrigin.StartAsync(context =>
        {
            context.Response.Headers.ETag = "\"one\"";
            context.Response.Headers.CacheControl = "max-age=5";
            if (context.Request.Headers.IfNoneMatch.Count == 0)
                return WriteBodyAsync(context);
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        });
        await using var proxy = await StartAsync(origin);
        await ReadAsync(proxy, "/");
        await AskSilentlyAsync(proxy, "/");
        proxy.Time.Advance(TimeSpan.FromSeconds(6));
        using (var freshened = await proxy.GetAsync("/")) // another stored response with the same body
            freshened.Headers.GetValues("Cache-Status").ShouldHaveSingleItem().ShouldContain("fwd=stale");
        proxy.Core.Store.Count.ShouldBe(1);
        proxy.Core.Deliveries.HeldBytes.ShouldBe(0);
        (await proxy.SendAsync(HttpMethod.Delete, "/")).Dispose();
        await WaitForHeldAsync(proxy, BodyLength);
    }

    public ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
            client.Dispose();
        return default;
    }

    private static Task<RunningProxy> StartAsync(KestrelOrigin origin) =>
        RunningProxy.StartAsync(origin.Address, options => options.MemoryBudgetBytes = Budget, cluster: RunningProxy.Patient,
            build: builder => builder.Services.Configure<SocketTransportOptions>(sockets => sockets.CreateBoundListenSocket = Listen));

    /// <summary>The system would take whole bodies, on loopback; what is accepted has the listener's buffer.</summary>
    private static Socket Listen(EndPoint endpoint)
    {
        var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        socket.SendBufferSize = 64 << 10;
        return socket;
    }

    private static async Task WriteBodyAsync(HttpContext context)
    {
        if (context.Request.Method != "GET")
            return;
        context.Response.ContentLength = BodyLength;
        var piece = new byte[64 << 10];
        for (var i = 0; i < BodyLength / piece.Length; i++)
            await context.Response.BodyWriter.WriteAsync(piece);
    }

    private static Task WaitForHeldAsync(RunningProxy proxy, long bytes) =>
        Eventually.TrueAsync(() => proxy.Core.Deliveries.HeldBytes == bytes, $"{bytes} bytes are held");

    private static async Task ReadAsync(RunningProxy proxy, string target)
    {
        (await proxy.Client.GetByteArrayAsync(target)).Length.ShouldBe(BodyLength);
        await proxy.WaitForFetchesAsync();
    }

    /// <summary>A client that reads the head and no more. When this returns, the proxy has more for it than anyone takes.</summary>
    private async Task AskSilentlyAsync(RunningProxy proxy, string target)
    {
        var client = await WireClient.ConnectAsync(proxy.Address, receiveBuffer: 4096);
        _clients.Add(client);
        await client.WriteAsync($"GET {target} HTTP/1.1\r\nHost: {proxy.Address.Authority}\r\nConnection: close\r\n\r\n");
        await client.ReadUntilAsync("\r\n\r\n");
        await proxy.WaitForFetchesAsync();
    }
}
