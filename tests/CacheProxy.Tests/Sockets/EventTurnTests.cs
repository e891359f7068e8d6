using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using CacheProxy.Sockets;
using CacheProxy.Tests.Scenarios;
using Microsoft.AspNetCore.Connections;

namespace CacheProxy.Tests.Sockets;

/// <summary>What is flushed on an event loop's own thread is sent at the end of its turn, and no other way than at once otherwise.</summary>
public class EventTurnTests
{
    [Fact]
    public async Task What_is_flushed_in_a_turn_is_sent_at_its_end()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        (await OnLoopAsync(client, server, () =>
        {
            Write(server, "a"u8.ToArray()).IsCompletedSuccessfully.ShouldBeTrue();
            Write(server, "b"u8.ToArray()).IsCompletedSuccessfully.ShouldBeTrue();
            return client.Available;
        })).ShouldBe(0);
        (await client.ReceiveAllAsync(2)).ShouldBe("ab"u8.ToArray());
    }

    [Fact]
    public async Task More_than_waits_is_sent_at_once()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        var bytes = RandomBytes(17 << 10);
        (await OnLoopAsync(client, server, () =>
        {
            Write(server, bytes).IsCompletedSuccessfully.ShouldBeTrue();
            return client.Available;
        })).ShouldBe(bytes.Length);
        (await client.ReceiveAllAsync(bytes.Length)).ShouldBe(bytes);
    }

    [Fact]
    public async Task Another_thread_that_flushes_meanwhile_sends_all_of_it_in_order_and_once()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        (await OnLoopAsync(client, server, () =>
        {
            Write(server, "a"u8.ToArray()).IsCompletedSuccessfully.ShouldBeTrue();
            var other = new Thread(() => Write(server, "b"u8.ToArray()).Wait());
            other.Start();
            other.Join();
            return client.Available;
        })).ShouldBe(2);
        await server.DisposeAsync();
        (await client.ReceiveAllAsync()).ShouldBe("ab"u8.ToArray());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Segments_sent_after_it_do_not_make_it_forgotten(int segments)
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        await OnLoopAsync(client, server, () =>
        {
            Write(server, "a"u8.ToArray()).IsCompletedSuccessfully.ShouldBeTrue();
            var (index, offset) = (0, 0);
            return ((EventOutput)server.Transport.Output).TrySend(Enumerable.Repeat("b"u8.ToArray(), segments).ToArray(), ref index, ref offset);
        });
        (await client.ReceiveAllAsync(1 + segments)).ShouldBe(segments == 0 ? "a"u8.ToArray() : "ab"u8.ToArray());
    }

    [Fact]
    public async Task What_the_kernel_does_not_take_at_the_end_of_the_turn_follows_when_it_does()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync(small: true);
        var written = new MemoryStream();
        Task<FlushResult> flush;
        do
        {
            var piece = RandomBytes(15 << 10);
            written.Write(piece);
            flush = await OnLoopAsync(client, server, () => Write(server, piece));
        }
        while (flush.IsCompleted);
        server.Transport.Output.CancelPendingFlush(); // now nobody waits
        (await flush).IsCanceled.ShouldBeTrue();
        (await client.ReceiveAllAsync((int)written.Length)).AsSpan().SequenceEqual(written.ToArray()).ShouldBeTrue();
    }

    [Fact]
    public async Task Who_writes_on_in_what_he_was_given_is_not_disturbed_by_the_end_of_the_turn()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        var output = server.Transport.Output;
        var memory = await OnLoopAsync(client, server, () =>
        {
            Write(server, "a"u8.ToArray()).IsCompletedSuccessfully.ShouldBeTrue();
            var memory = output.GetMemory(100);
            memory.Span[0] = (byte)'b';
            output.Advance(1);
            return memory;
        });
        await client.ReceiveAllAsync(2); // the turn is over
        memory.Span[1] = (byte)'c';
        output.Advance(1);
        await output.FlushAsync();
        (await client.ReceiveAllAsync(1)).ShouldBe("c"u8.ToArray());
    }

    [Fact]
    public async Task Who_always_has_something_to_send_does_not_keep_others_waiting()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        var (isOver, calls) = (false, 0);
        Sender? sender = null;
        sender = new Sender(Send);
        await OnLoopAsync(client, server, () =>
        {
            EventLoop.Current!.AtTurnEnd(sender);
            return 0;
        });
        (await OnLoopAsync(client, server, () => Volatile.Read(ref calls))).ShouldBeGreaterThan(0);
        Volatile.Write(ref isOver, true);

        void Send()
        {
            Volatile.Write(ref calls, calls + 1);
            if (!Volatile.Read(ref isOver))
                EventLoop.Current!.AtTurnEnd(sender!);
        }
    }

    [Fact]
    public async Task What_was_flushed_before_an_abort_is_sent_before_it()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        await OnLoopAsync(client, server, () =>
        {
            Write(server, "a"u8.ToArray()).IsCompletedSuccessfully.ShouldBeTrue();
            server.Abort(new ConnectionAbortedException("enough"));
            return 0;
        });
        (await client.ReceiveAllAsync(1)).ShouldBe("a"u8.ToArray());
        await Should.ThrowAsync<SocketException>(() => client.ReceiveAllAsync(1));
    }

    [Fact]
    public async Task Turn_ends_after_64_events_though_there_are_more()
    {
        var loop = new EventLoop(98);
        var (log, ends) = (new List<int>(), new List<Socket>());
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var go = new ManualResetEventSlim();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        try
        {
            for (var number = 0; number < 100; number++)
            {
                var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                client.Connect(listener.LocalEndpoint);
                ends.AddRange([client, await listener.AcceptSocketAsync()]);
                loop.Add(new Watched(number == 0 ? () => go.Wait(TimeSpan.FromSeconds(20)) : OnEvent), client.SafeHandle); // each can be written to: an event
            }
            go.Set();
            await done.Task.InTimeAsync("all events");
        }
        finally
        {
            ends.ForEach(end => end.Dispose());
        }
        log.Count(entry => entry == 0).ShouldBe(2);
        log.IndexOf(0).ShouldBeInRange(1, 64); // sooner, if the clock has ticked

        void OnEvent()
        {
            log.Add(1);
            if (log.Count(entry => entry == 1) is 1 or 65)
                EventLoop.Current!.AtTurnEnd(new Sender(() => log.Add(0)));
            if (log.Count(entry => entry == 1) == 99)
                EventLoop.Current!.AtTurnEnd(new Sender(done.SetResult));
        }
    }

    [Fact]
    public async Task Write_to_an_origin_waits_for_the_end_of_the_turn_and_then_fails_where_the_connection_was_closed_meanwhile()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        using var origin = new TcpListener(IPAddress.Loopback, 0);
        origin.Start();
        await using var stream = await EventStream.ConnectAsync(new DnsEndPoint("127.0.0.1", ((IPEndPoint)origin.LocalEndpoint).Port), default);
        using var end = await origin.AcceptSocketAsync();
        var written = await OnLoopAsync(client, server, () =>
        {
            var writing = stream.WriteAsync("a"u8.ToArray()).AsTask();
            (writing.IsCompleted, end.Available).ShouldBe((false, 0));
            return writing;
        });
        await written.InTimeAsync("the write");
        (await end.ReceiveAllAsync(1)).ShouldBe("a"u8.ToArray());

        var failed = await OnLoopAsync(client, server, () =>
        {
            var writing = stream.WriteAsync("b"u8.ToArray()).AsTask();
            stream.Dispose();
            return writing;
        });
        await Should.ThrowAsync<IOException>(() => failed.InTimeAsync("the failure"));
    }

    /// <summary>Does something on the thread of the loop that watches the connection.</summary>
    private static Task<T> OnLoopAsync<T>(Socket client, ConnectionContext server, Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var reading = server.Transport.Input.ReadAsync().AsTask();
        reading.IsCompleted.ShouldBeFalse();
        reading.ContinueWith(
            read =>
            {
                try
                {
                    server.Transport.Input.AdvanceTo(read.Result.Buffer.End);
                    EventLoop.Current.ShouldNotBeNull();
                    done.SetResult(work());
                }
                catch (Exception failure)
                {
                    done.SetException(failure);
                }
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        client.Send("x"u8);
        return done.Task.InTimeAsync("the loop");
    }

    private static Task<FlushResult> Write(ConnectionContext server, byte[] bytes) => server.Transport.Output.WriteAsync(bytes).AsTask();

    private static byte[] RandomBytes(int length) => BareTransportExtensions.RandomBytes(length);

    private sealed class Watched(Action on) : IWatched
    {
        public void On(uint events) => on();
    }

    private sealed class Sender(Action onTurnEnd) : ISender
    {
        public void OnTurnEnd() => onTurnEnd();
    }
}
