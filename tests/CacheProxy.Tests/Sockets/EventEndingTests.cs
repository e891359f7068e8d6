using System.Buffers;
using System.Net.Sockets;
using CacheProxy.Sockets;
using CacheProxy.Tests.Scenarios;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using static CacheProxy.Tests.Sockets.BareTransportExtensions;

namespace CacheProxy.Tests.Sockets;

/// <summary>How connections end, from either side.</summary>
public class EventEndingTests
{
    [Fact]
    public async Task A_client_that_closes_completes_the_read_that_waits()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        var reading = server.NextAsync();
        client.Dispose();
        var read = await reading;
        (read.IsCompleted, read.Buffer.IsEmpty).ShouldBe((true, true));
        await server.ClosedAsync();
        (await server.NextAsync()).IsCompleted.ShouldBeTrue();
    }

    [Fact]
    public async Task A_client_that_closes_is_noticed_though_nobody_reads()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        client.Dispose();
        await server.ClosedAsync();
        (await server.NextAsync()).IsCompleted.ShouldBeTrue();
    }

    [Fact]
    public async Task What_the_client_has_sent_is_read_before_its_end_counts()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        await client.SendAllAsync(RandomBytes(10_000));
        client.Shutdown(SocketShutdown.Send);
        await Eventually.TrueAsync(() => ((EventConnection)server).IsPeerDone, "the event has come");
        server.ConnectionClosed.IsCancellationRequested.ShouldBeFalse();

        var length = 0L;
        while (length < 10_000)
        {
            var read = await server.NextAsync();
            length += read.Buffer.Length;
            read.IsCompleted.ShouldBeFalse();
            server.Transport.Input.AdvanceTo(read.Buffer.End);
        }
        await server.ClosedAsync(); // without another read: who works on the request is to know
        (await server.NextAsync()).IsCompleted.ShouldBeTrue();
        await server.Transport.Output.WriteAsync("still heard"u8.ToArray());
        (await client.ReceiveAllAsync(11)).ShouldBe("still heard"u8.ToArray());
    }

    [Fact]
    public async Task A_reset_is_an_exception_however_it_is_found()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        var reading = server.NextAsync();
        client.Reset();
        await Should.ThrowAsync<ConnectionResetException>(() => reading);
        await Should.ThrowAsync<ConnectionResetException>(() => server.NextAsync()); // as from any pipe
        await server.ClosedAsync();

        (client, server) = await transport.ConnectAsync();
        client.Reset();
        await server.ClosedAsync();
        Should.Throw<ConnectionResetException>(() => server.Transport.Input.TryRead(out _));
        await Should.ThrowAsync<ConnectionResetException>(() => server.NextAsync());
    }

    [Fact]
    public async Task A_reset_is_noticed_though_nobody_reads_what_came_before()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        await client.SendAllAsync("unread"u8.ToArray());
        client.Reset();
        await server.ClosedAsync();
    }

    [Fact]
    public async Task Whoever_throws_when_told_of_the_end_harms_nobody()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        var told = new TaskCompletionSource();
        server.ConnectionClosed.Register(told.SetResult);
        server.ConnectionClosed.Register(() => throw new InvalidOperationException("a callback's"));
        client.Dispose();
        await told.Task.InTimeAsync("the end");
    }

    [Fact]
    public async Task An_abort_resets_the_client_and_ends_what_waits()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync(small: true);
        var reading = server.NextAsync();
        var (_, flush) = server.Fill();
        server.Abort(new ConnectionAbortedException("enough"));
        (await Record.ExceptionAsync(() => reading)).ShouldBeOfType<ConnectionAbortedException>().Message.ShouldBe("enough");
        (await flush.InTimeAsync("the end of the flush")).IsCompleted.ShouldBeTrue();
        await server.ClosedAsync();
        (await Should.ThrowAsync<SocketException>(() => client.ReceiveAllAsync())).SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
    }

    [Fact]
    public async Task However_a_connection_ends_nobody_waits_for_ever()
    {
        await using var transport = await BareTransport.StartAsync();
        for (var i = 0; i < 150; i++)
        {
            var (client, server) = await transport.ConnectAsync(small: true);
            var output = i % 3 == 0 ? server.Fill().Flush : Task.CompletedTask;
            var input = Task.Run(() => server.ReadToEndAsync());
            var sending = Task.Run(async () =>
            {
                for (var j = 0; j < 10; j++)
                    await client.SendAsync(new byte[100]);
            });
            var aborting = Task.Run(() => server.Abort(new ConnectionAbortedException("enough")));
            var closing = Task.Run(() => i % 2 == 0 ? aborting : server.DisposeAsync().AsTask());
            await Task.WhenAll(aborting, closing).InTimeAsync("the end");
            await output.InTimeAsync("the end of the flush");
            await input.ContinueWith(_ => { }, TaskScheduler.Default).InTimeAsync("the end of the read");
            (input.IsCompletedSuccessfully || input.IsCanceled).ShouldBeTrue(input.Exception?.ToString()); // which a ConnectionAbortedException makes of a task
            client.Dispose();
            await sending.ContinueWith(_ => { }, TaskScheduler.Default).InTimeAsync("the end of the sending");
        }
    }

    [Fact]
    public async Task A_client_that_has_sent_more_than_is_wanted_gets_the_whole_answer()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync(small: true);
        await client.SendAllAsync(RandomBytes(30_000));
        var socket = server.Features.Get<IConnectionSocketFeature>()!.Socket;
        await Eventually.TrueAsync(() => socket.Available == 30_000, "all of it has come");
        var read = await server.NextAsync();
        server.Transport.Input.AdvanceTo(read.Buffer.End);
        var answer = RandomBytes(100_000); // more than the client has room for, less than the server's kernel has
        (await server.Transport.Output.WriteAsync(answer).AsTask().InTimeAsync("the answer is the kernel's")).IsCompleted.ShouldBeFalse();
        await server.DisposeAsync();
        (await client.ReceiveAllAsync(answer.Length)).AsSpan().SequenceEqual(answer).ShouldBeTrue();
    }
}
