using System.Net.Sockets;
using CacheProxy.Tests.Scenarios;
using static CacheProxy.Tests.Sockets.BareTransportExtensions;

namespace CacheProxy.Tests.Sockets;

/// <summary>Writing, as the contract of a pipe writer has it.</summary>
public class EventOutputTests
{
    [Fact]
    public async Task A_flush_that_is_canceled_has_lost_nothing()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync(small: true);
        var (written, flush) = server.Fill();
        server.Transport.Output.CancelPendingFlush();
        var result = await flush.InTimeAsync("the cancellation");
        (result.IsCanceled, result.IsCompleted).ShouldBe((true, false));

        using var stop = new CancellationTokenSource();
        var waiting = server.Transport.Output.FlushAsync(stop.Token).AsTask();
        waiting.IsCompleted.ShouldBeFalse();
        stop.Cancel();
        await Should.ThrowAsync<OperationCanceledException>(() => waiting.InTimeAsync("the cancellation"));

        var last = server.Transport.Output.WriteAsync("end"u8.ToArray()).AsTask();
        (await client.ReceiveAllAsync(written.Length + 3)).AsSpan().SequenceEqual([.. written, .. "end"u8]).ShouldBeTrue();
        result = await last.InTimeAsync("the last flush");
        (result.IsCanceled, result.IsCompleted).ShouldBe((false, false));
        client.Available.ShouldBe(0);
    }

    [Fact]
    public async Task A_cancellation_with_no_flush_is_for_the_next()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        server.Transport.Output.CancelPendingFlush();
        (await server.Transport.Output.WriteAsync("a"u8.ToArray())).IsCanceled.ShouldBeTrue();
        (await server.Transport.Output.WriteAsync("b"u8.ToArray())).IsCanceled.ShouldBeFalse();
        (await client.ReceiveAllAsync(2)).ShouldBe("ab"u8.ToArray());
    }

    [Fact]
    public async Task A_cancellation_that_races_with_the_flush_is_seen_once()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync(small: true);
        var output = server.Transport.Output;
        var (_, flush) = server.Fill();
        output.CancelPendingFlush();
        await flush;
        using var start = new Barrier(2);
        const int rounds = 100;
        var canceling = new Thread(() =>
        {
            for (var i = 0; i < rounds; i++)
            {
                start.SignalAndWait();
                output.CancelPendingFlush();
                start.SignalAndWait();
            }
        })
        { IsBackground = true };
        canceling.Start();
        for (var i = 0; i < rounds; i++)
        {
            await Task.Yield(); // off the thread that has canceled
            start.SignalAndWait();
            (await output.FlushAsync().AsTask().InTimeAsync("the cancellation")).IsCanceled.ShouldBeTrue();
            await Task.Yield();
            var next = output.FlushAsync().AsTask();
            start.SignalAndWait();
            next.IsCompleted.ShouldBeFalse();
            output.CancelPendingFlush();
            await next;
        }
    }

    [Fact]
    public async Task A_client_that_goes_while_a_flush_waits_ends_it()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync(small: true);
        var (_, flush) = server.Fill();
        client.Reset();
        (await flush.InTimeAsync("the end of the flush")).IsCompleted.ShouldBeTrue();
        await server.ClosedAsync();
        server.Fill100();
        (await server.Transport.Output.FlushAsync()).IsCompleted.ShouldBeTrue();
    }

    [Fact]
    public async Task What_is_written_and_not_flushed_is_sent_at_the_end()
    {
        await using var transport = await BareTransport.StartAsync();
        foreach (var complete in new[] { true, false })
        {
            var (client, server) = await transport.ConnectAsync(small: true);
            var (written, flush) = server.Fill();
            server.Transport.Output.CancelPendingFlush();
            await flush;
            server.Fill100();
            if (complete)
                await server.Transport.Output.CompleteAsync();
            var disposing = server.DisposeAsync().AsTask();
            (await client.ReceiveAllAsync()).Length.ShouldBe(written.Length + 100);
            await disposing.InTimeAsync("the end");
        }
    }

    [Fact]
    public async Task A_client_that_takes_nothing_is_waited_for_until_the_abort()
    {
        await using var transport = await BareTransport.StartAsync();
        var (_, server) = await transport.ConnectAsync(small: true);
        var (_, flush) = server.Fill();
        server.Transport.Output.CancelPendingFlush();
        await flush;
        var disposing = server.DisposeAsync().AsTask();
        server.Abort(new Microsoft.AspNetCore.Connections.ConnectionAbortedException("enough"));
        await disposing.InTimeAsync("the end");
    }
}

file static class Writing
{
    public static void Fill100(this Microsoft.AspNetCore.Connections.ConnectionContext server)
    {
        server.Transport.Output.GetSpan(100)[..100].Fill(7);
        server.Transport.Output.Advance(100);
    }
}
