using System.Net;
using System.Net.Sockets;

namespace CacheProxy.Sockets;

/// <summary>
/// A connection to an origin whose socket is watched by an <see cref="EventLoop"/>: bytes are read into and sent from the caller's memory, and who waits
/// for them goes on on the loop's thread. One reader and one writer at a time.
/// </summary>
internal sealed partial class EventStream : Stream, IWatched
{
    private readonly Socket _socket;
    private readonly SafeSocketHandle _handle;
    private readonly EventLoop _loop;
    private readonly long _ticket;
    private readonly Operation _read;
    private readonly Operation _write;
    private int _isDisposed;
    private volatile bool _isPeerDone;

    private EventStream(Socket socket)
    {
        _socket = socket;
        _handle = socket.SafeHandle;
        _read = new Operation(this, isRead: true);
        _write = new Operation(this, isRead: false);
        _loop = EventLoop.Next();
        _ticket = _loop.Add(this, _handle);
    }

    private bool IsDisposed => Volatile.Read(ref _isDisposed) == 1;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Connects, to one address of the host after the other.</summary>
    /// <exception cref="SocketException">None could be reached; the last one's failure.</exception>
    public static async ValueTask<EventStream> ConnectAsync(DnsEndPoint host, CancellationToken cancellation)
    {
        var addresses = IPAddress.TryParse(host.Host, out var address) ? [address] : await Dns.GetHostAddressesAsync(host.Host, cancellation);
        for (var i = 0; ; i++)
        {
            try
            {
                return await ConnectAsync(new IPEndPoint(addresses[i], host.Port), cancellation);
            }
            catch (SocketException) when (i + 1 < addresses.Length)
            {
                // another may answer
            }
        }
    }

    private static async ValueTask<EventStream> ConnectAsync(IPEndPoint endpoint, CancellationToken cancellation)
    {
        // Not by the socket's own ConnectAsync: the runtime would go on watching it, and wake a thread for each answer.
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        EventStream? stream = null;
        try
        {
            socket.NoDelay = true;
            socket.Blocking = false;
            try
            {
                socket.Connect(endpoint);
            }
            catch (SocketException failure) when (failure.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
                // under way
            }
            stream = new EventStream(socket);
            await stream._write.FinishAsync(cancellation);
            var result = (SocketError)(int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!;
            return result == SocketError.Success ? stream : throw new SocketException((int)result);
        }
        catch
        {
            stream?.Dispose();
            socket.Dispose();
            throw;
        }
    }

    void IWatched.On(uint events)
    {
        const uint ends = Libc.PeerHangup | Libc.Hangup | Libc.Error;
        if ((events & ends) != 0)
            _isPeerDone = true;
        if ((events & (Libc.Out | ends)) != 0)
            _write.OnReady();
        if ((events & (Libc.In | ends)) != 0)
            _read.OnReady();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _read.StartAsync(buffer, cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>On an event loop's thread, which must not wait for it by blocking, it is done at the end of the loop's turn.</summary>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => _write.StartSendAsync(buffer, cancellationToken);

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing && Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            _loop.Remove(_ticket);
            _socket.Dispose();
            ThreadPool.UnsafeQueueUserWorkItem(
                static stream =>
                {
                    stream._read.OnReady(); // whoever still waits is told; not here, under whatever lock
                    stream._write.OnReady();
                },
                this, preferLocal: false);
        }
        base.Dispose(disposing);
    }
}
