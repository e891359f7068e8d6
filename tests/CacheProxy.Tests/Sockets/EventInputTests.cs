using System.Buffers;
using System.Net.Sockets;
using CacheProxy.Tests.Scenarios;
using static CacheProxy.Tests.Sockets.BareTransportExtensions;

namespace CacheProxy.Tests.Sockets;

/// <summary>Reading, as the contract of a pipe reader has it.</summary>
public class EventInputTests
{
    [Fact]
    public async Task What_is_examined_and_not_consumed_is_kept()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        var input = server.Transport.Input;
        var sent = RandomBytes(300_000);
        var sending = client.SendAllAsync(sent);
        var read = await server.NextAsync();
        while (read.Buffer.Length < sent.Length)
        {
            var before = read.Buffer.Length;
            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            read = await server.NextAsync();
            read.Buffer.Length.ShouldBeGreaterThan(before);
        }
        await sending;
        read.Buffer.ToArray().AsSpan().SequenceEqual(sent).ShouldBeTrue();

        input.AdvanceTo(read.Buffer.GetPosition(100_000));
        input.TryRead(out read).ShouldBeTrue();
        read.Buffer.ToArray().AsSpan().SequenceEqual(sent.AsSpan(100_000)).ShouldBeTrue();
        input.AdvanceTo(read.Buffer.GetPosition(150_000), read.Buffer.End);
        input.TryRead(out _).ShouldBeFalse();

        await client.SendAllAsync("more"u8.ToArray());
        client.Shutdown(SocketShutdown.Send);
        (await server.ReadToEndAsync()).AsSpan().SequenceEqual([.. sent.AsSpan(250_000), .. "more"u8]).ShouldBeTrue();
    }

    [Fact]
    public async Task What_is_not_examined_is_read_again_at_once()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        var input = server.Transport.Input;
        input.TryRead(out _).ShouldBeFalse();
        await client.SendAllAsync("abc"u8.ToArray());
        for (var i = 0; i < 3; i++)
        {
            var reading = input.ReadAsync();
            if (i > 0)
                reading.IsCompleted.ShouldBeTrue();
            var read = await reading;
            read.Buffer.ToArray().ShouldBe("abc"u8.ToArray());
            input.AdvanceTo(read.Buffer.Start, read.Buffer.Start);
        }
        input.TryRead(out var last).ShouldBeTrue();
        input.AdvanceTo(last.Buffer.End);
        input.TryRead(out _).ShouldBeFalse();
        var waiting = input.ReadAsync();
        waiting.IsCompleted.ShouldBeFalse();
        await client.SendAllAsync("d"u8.ToArray());
        (await waiting.AsTask().InTimeAsync("the last byte")).Buffer.ToArray().ShouldBe("d"u8.ToArray());
    }

    [Fact]
    public async Task TryRead_finds_what_comes_and_the_end()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        var input = server.Transport.Input;
        System.IO.Pipelines.ReadResult read = default;
        await client.SendAllAsync("abc"u8.ToArray());
        await Eventually.TrueAsync(() => input.TryRead(out read), "it is there");
        read.Buffer.ToArray().ShouldBe("abc"u8.ToArray());
        input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        client.Shutdown(SocketShutdown.Send);
        await Eventually.TrueAsync(() => input.TryRead(out read), "the end is there");
        read.IsCompleted.ShouldBeTrue();
        read.Buffer.ToArray().ShouldBe("abc"u8.ToArray());
    }

    [Fact]
    public async Task Two_reads_at_a_time_are_refused()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        var first = server.Transport.Input.ReadAsync().AsTask();
        await Task.Run(async () => await Should.ThrowAsync<InvalidOperationException>(async () => await server.Transport.Input.ReadAsync())).InTimeAsync("a refusal");
        await client.SendAllAsync("a"u8.ToArray());
        (await first.InTimeAsync("the byte of the first")).Buffer.ToArray().ShouldBe("a"u8.ToArray());
    }

    [Fact]
    public async Task A_read_is_canceled_before_or_while_it_waits()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        var input = server.Transport.Input;
        input.CancelPendingRead();
        var read = await server.NextAsync();
        (read.IsCanceled, read.Buffer.IsEmpty).ShouldBe((true, true));
        input.AdvanceTo(read.Buffer.Start);

        var waiting = input.ReadAsync().AsTask();
        waiting.IsCompleted.ShouldBeFalse();
        input.CancelPendingRead();
        read = await waiting.InTimeAsync("the cancellation");
        (read.IsCanceled, read.Buffer.IsEmpty).ShouldBe((true, true));
        input.AdvanceTo(read.Buffer.Start);

        await client.SendAllAsync("abc"u8.ToArray());
        read = await server.NextAsync();
        (read.IsCanceled, read.Buffer.Length).ShouldBe((false, 3));
        input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        input.CancelPendingRead();
        read = await server.NextAsync();
        (read.IsCanceled, read.Buffer.Length).ShouldBe((true, 3));
        input.AdvanceTo(read.Buffer.End);
        input.TryRead(out _).ShouldBeFalse();
    }

    [Fact]
    public async Task A_cancellation_that_races_with_bytes_is_seen_once_and_loses_none()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        var input = server.Transport.Input;
        using var start = new Barrier(2);
        const int rounds = 100;
        var canceling = new Thread(() =>
        {
            for (var i = 0; i < rounds; i++)
            {
                start.SignalAndWait();
                input.CancelPendingRead();
            }
        })
        { IsBackground = true };
        canceling.Start();
        for (var i = 0; i < rounds; i++)
        {
            await Task.Yield(); // off the thread that has canceled
            var (canceled, bytes) = (0, new List<byte>());
            var sending = i % 2 == 0 ? client.SendAllAsync(new[] { (byte)i }) : Task.CompletedTask;
            start.SignalAndWait();
            while (canceled == 0 || (i % 2 == 0 && bytes.Count == 0))
                await ReadAsync();
            await sending;
            if (i % 2 == 1)
            {
                var reading = ReadAsync(); // and no second one comes to this
                await client.SendAllAsync(new[] { (byte)i });
                await reading;
            }
            (canceled, bytes.Count, bytes[0]).ShouldBe((1, 1, (byte)i));

            async Task ReadAsync()
            {
                var read = await server.NextAsync();
                canceled += read.IsCanceled ? 1 : 0;
                bytes.AddRange(read.Buffer.ToArray());
                input.AdvanceTo(read.Buffer.End);
            }
        }
    }

    [Fact]
    public async Task A_token_ends_the_read_and_nothing_else()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        var input = server.Transport.Input;
        for (var i = 0; i < 3; i++)
        {
            using var stop = new CancellationTokenSource();
            if (i == 0)
                stop.Cancel();
            var reading = input.ReadAsync(stop.Token).AsTask();
            stop.Cancel();
            await Should.ThrowAsync<OperationCanceledException>(() => reading.InTimeAsync("the cancellation"));
        }
        await client.SendAllAsync("abc"u8.ToArray());
        using var other = new CancellationTokenSource();
        var read = await input.ReadAsync(other.Token).AsTask().InTimeAsync("bytes");
        (read.IsCanceled, read.Buffer.Length).ShouldBe((false, 3));
    }

    [Fact]
    public async Task A_token_that_races_with_bytes_loses_none()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        var input = server.Transport.Input;
        for (var i = 0; i < 300; i++)
        {
            using var stop = new CancellationTokenSource();
            var reading = input.ReadAsync(stop.Token).AsTask();
            var sending = client.SendAllAsync(new[] { (byte)i });
            stop.Cancel();
            await sending;
            System.IO.Pipelines.ReadResult read;
            try
            {
                read = await reading.InTimeAsync("one or the other");
            }
            catch (OperationCanceledException)
            {
                read = await server.NextAsync();
            }
            (read.IsCanceled, read.Buffer.Length, read.Buffer.FirstSpan[0]).ShouldBe((false, 1, (byte)i));
            input.AdvanceTo(read.Buffer.End);
        }
    }
}
