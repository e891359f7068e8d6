using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using CacheProxy.Sockets;
using CacheProxy.Tests.Scenarios;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace CacheProxy.Tests.Sockets;

/// <summary>The transport with no server on top, and clients that are sockets.</summary>
internal sealed class BareTransport : IAsyncDisposable, IMemoryPoolFactory<byte>
{
    private readonly List<IAsyncDisposable> _connections = [];
    private readonly List<Socket> _clients = [];

    public IConnectionListener Listener { get; private set; } = null!;

    public IPEndPoint EndPoint => (IPEndPoint)Listener.EndPoint;

    public static async Task<BareTransport> StartAsync(Action<SocketTransportOptions>? configure = null, EndPoint? endpoint = null)
    {
        var options = new SocketTransportOptions();
        configure?.Invoke(options);
        var transport = new BareTransport();
        transport.Listener = await new EventTransport(new OptionsWrapper<SocketTransportOptions>(options), transport, NullLogger<EventTransport>.Instance).BindAsync(endpoint ?? new IPEndPoint(IPAddress.Loopback, 0));
        return transport;
    }

    /// <summary>A client and the connection that the server has for it.</summary>
    /// <param name="small">Its buffers are as small as the kernel makes them.</param>
    public async Task<(Socket Client, ConnectionContext Server)> ConnectAsync(bool small = false)
    {
        var client = new Socket(EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (small)
            (client.ReceiveBufferSize, client.SendBufferSize) = (1, 1);
        _clients.Add(client);
        await client.ConnectAsync(EndPoint);
        var server = await Listener.AcceptAsync().AsTask().InTimeAsync("a connection");
        _connections.Add(server!);
        return (client, server!);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
            client.Dispose();
        foreach (var connection in _connections)
            await connection.DisposeAsync();
        await Listener.DisposeAsync();
    }

    MemoryPool<byte> IMemoryPoolFactory<byte>.Create(MemoryPoolOptions? options) => MemoryPool<byte>.Shared;
}

internal static class BareTransportExtensions
{
    public static Task<ReadResult> NextAsync(this ConnectionContext connection) => connection.Transport.Input.ReadAsync().AsTask().InTimeAsync("something to read");

    /// <summary>All that comes until the end.</summary>
    public static async Task<byte[]> ReadToEndAsync(this ConnectionContext connection)
    {
        while (true)
        {
            var read = await connection.NextAsync();
            if (read.IsCompleted)
                return read.Buffer.ToArray();
            connection.Transport.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <summary>So many bytes, or fewer where the end comes first.</summary>
    public static async Task<byte[]> ReceiveAllAsync(this Socket client, int length = int.MaxValue)
    {
        var (all, piece) = (new MemoryStream(), new byte[16 << 10]);
        while (all.Length < length)
        {
            var received = await client.ReceiveAsync(piece.AsMemory(0, (int)Math.Min(piece.Length, length - all.Length))).AsTask().InTimeAsync("bytes for the client");
            if (received == 0)
                break;
            all.Write(piece, 0, received);
        }
        return all.ToArray();
    }

    public static async Task SendAllAsync(this Socket client, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[await client.SendAsync(bytes).AsTask().InTimeAsync("room for what the client sends")..];
    }

    /// <summary>Writes until the kernel takes no more. What was written, and the flush that waits.</summary>
    public static (byte[] Written, Task<FlushResult> Flush) Fill(this ConnectionContext connection, CancellationToken cancellation = default)
    {
        var (all, piece) = (new MemoryStream(), new byte[100_000]);
        while (true)
        {
            Random.Shared.NextBytes(piece);
            all.Write(piece);
            var flush = connection.Transport.Output.WriteAsync(piece, cancellation).AsTask();
            if (!flush.IsCompleted)
                return (all.ToArray(), flush);
        }
    }

    /// <summary>Ends it by a reset.</summary>
    public static void Reset(this Socket client) => client.Close(0);

    public static Task ClosedAsync(this ConnectionContext connection) =>
        Eventually.TrueAsync(() => connection.ConnectionClosed.IsCancellationRequested, "the connection is said to be closed");

    public static byte[] RandomBytes(int length)
    {
        var bytes = new byte[length];
        Random.Shared.NextBytes(bytes);
        return bytes;
    }
}
