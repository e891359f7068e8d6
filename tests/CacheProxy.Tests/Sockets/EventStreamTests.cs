using System.Net;
using System.Net.Sockets;
using CacheProxy.Sockets;

namespace CacheProxy.Tests.Sockets;

/// <summary>A connection to an origin, without the HTTP client on top.</summary>
public sealed class EventStreamTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly TcpListener _origin = new(IPAddress.Loopback, 0);
    private readonly byte[] _bytes = new byte[100];

    public EventStreamTests() => _origin.Start();

    private DnsEndPoint Address => new("127.0.0.1", ((IPEndPoint)_origin.LocalEndpoint).Port);

    [Fact]
    public async Task What_is_refused_says_so()
    {
        var address = Address;
        _origin.Stop();
        (await Should.ThrowAsync<SocketException>(() => EventStream.ConnectAsync(address, default).AsTask())).SocketErrorCode.ShouldBe(SocketError.ConnectionRefused);
    }

    [Fact]
    public async Task Who_reads_after_a_cancellation_waits_again()
    {
        await using var stream = await EventStream.ConnectAsync(Address, default);
        using var origin = await _origin.AcceptSocketAsync();
        using var cancel = new CancellationTokenSource();
        var canceled = stream.ReadAsync(_bytes, cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => canceled.WaitAsync(Patience));
        var read = stream.ReadAsync(_bytes).AsTask();
        read.IsCompleted.ShouldBeFalse();
        origin.Send([7]);
        (await read.WaitAsync(Patience)).ShouldBe(1);
    }

    [Fact]
    public async Task Cancellation_is_for_one_read_and_takes_no_byte()
    {
        await using var stream = await EventStream.ConnectAsync(Address, default);
        using var origin = await _origin.AcceptSocketAsync();
        for (byte round = 0; round < 100; round++)
        {
            using var cancel = new CancellationTokenSource();
            var read = stream.ReadAsync(_bytes, cancel.Token).AsTask();
            await Task.WhenAll(Task.Run(cancel.Cancel), Task.Run(() => origin.Send([round])));
            try
            {
                (await read.WaitAsync(Patience)).ShouldBe(1);
            }
            catch (OperationCanceledException canceled)
            {
                canceled.CancellationToken.ShouldBe(cancel.Token);
                (await stream.ReadAsync(_bytes).AsTask().WaitAsync(Patience)).ShouldBe(1);
            }
            _bytes[0].ShouldBe(round);
        }
    }

    [Fact]
    public async Task Who_waits_hears_of_the_end_on_either_side()
    {
        var stream = await EventStream.ConnectAsync(Address, default);
        var origin = await _origin.AcceptSocketAsync();
        var read = stream.ReadAsync(_bytes).AsTask();
        origin.Dispose();
        (await read.WaitAsync(Patience)).ShouldBe(0);

        stream = await EventStream.ConnectAsync(Address, default);
        using var other = await _origin.AcceptSocketAsync();
        read = stream.ReadAsync(_bytes).AsTask();
        await stream.DisposeAsync();
        await Should.ThrowAsync<IOException>(() => read.WaitAsync(Patience));
    }

    [Fact]
    public async Task What_the_origin_takes_late_arrives_whole()
    {
        await using var stream = await EventStream.ConnectAsync(Address, default);
        using var origin = await _origin.AcceptSocketAsync();
        var sent = new byte[20 << 20];
        new Random(1).NextBytes(sent);
        var write = stream.WriteAsync(sent).AsTask();
        write.IsCompleted.ShouldBeFalse(); // more than the kernel keeps
        var received = new byte[sent.Length];
        for (var at = 0; at < received.Length;)
            at += await origin.ReceiveAsync(received.AsMemory(at));
        await write.WaitAsync(Patience);
        received.AsSpan().SequenceEqual(sent).ShouldBeTrue();
    }

    public void Dispose() => _origin.Dispose();
}
