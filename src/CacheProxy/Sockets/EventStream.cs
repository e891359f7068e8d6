using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace CacheProxy.Sockets;

/// <summary>
/// A connection to an origin whose socket is watched by an <see cref="EventLoop"/>: bytes are read into and sent from the caller's memory, and who waits
/// for them goes on on the loop's thread. One reader and one writer at a time.
/// </summary>
internal sealed class EventStream : Stream, IWatched
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

    /// <summary>One direction.</summary>
    private sealed class Operation(EventStream stream, bool isRead) : IValueTaskSource<int>, IValueTaskSource
    {
        private ManualResetValueTaskSourceCore<int> _source;
        private SocketReadiness _readiness;
        private Memory<byte> _target;
        private ReadOnlyMemory<byte> _bytes;
        private int _isCanceled;
        private Exception? _failure;

        public ValueTask<int> StartAsync(Memory<byte> target, CancellationToken cancellation)
        {
            if (cancellation.CanBeCanceled)
                return ReadCancelableAsync(target, cancellation);
            _target = target;
            _source.Reset();
            var version = _source.Version;
            if (!TryRun(out var length))
                return new(this, version);
            return _failure is { } failure ? ValueTask.FromException<int>(failure) : new(length);
        }

        public ValueTask StartSendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
        {
            _bytes = bytes;
            // Nearly always the kernel takes all of it: the loop need not be asked first.
            if (Attempt(out _))
                return _failure is { } failure ? ValueTask.FromException(failure) : default;
            return FinishAsync(cancellation);
        }

        /// <summary>Waits until the kernel takes something, and gives it what there is.</summary>
        public ValueTask FinishAsync(CancellationToken cancellation) => cancellation.CanBeCanceled ? FinishCancelableAsync(cancellation) : FinishNowAsync();

        /// <summary>There may be bytes, or room for some, or the end.</summary>
        public void OnReady()
        {
            if (!_readiness.Signal() || !TryRun(out var length))
                return;
            if (_failure is { } failure)
                _source.SetException(failure);
            else
                _source.SetResult(length);
        }

        int IValueTaskSource<int>.GetResult(short token) => _source.GetResult(token);

        void IValueTaskSource.GetResult(short token) => _source.GetResult(token);

        public ValueTaskSourceStatus GetStatus(short token) => _source.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _source.OnCompleted(continuation, state, token, flags);

        private ValueTask FinishNowAsync()
        {
            _source.Reset();
            var version = _source.Version;
            if (!TryRun(out _))
                return new(this, version);
            return _failure is { } failure ? ValueTask.FromException(failure) : default;
        }

        private async ValueTask<int> ReadCancelableAsync(Memory<byte> target, CancellationToken cancellation)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                await using (cancellation.UnsafeRegister(static operation => ((Operation)operation!).Cancel(), this))
                    return await StartAsync(target, CancellationToken.None);
            }
            catch (OperationCanceledException)
            {
                throw new OperationCanceledException(cancellation);
            }
            finally
            {
                ForgetCancellation();
            }
        }

        private async ValueTask FinishCancelableAsync(CancellationToken cancellation)
        {
            try
            {
                await using (cancellation.UnsafeRegister(static operation => ((Operation)operation!).Cancel(), this))
                    await FinishNowAsync();
            }
            catch (OperationCanceledException)
            {
                throw new OperationCanceledException(cancellation);
            }
            finally
            {
                ForgetCancellation();
            }
        }

        /// <summary>It was for that one operation, whether it came in time or not.</summary>
        private void ForgetCancellation()
        {
            Volatile.Write(ref _isCanceled, 0);
            if (_failure is OperationCanceledException)
                _failure = null;
        }

        private void Cancel()
        {
            Volatile.Write(ref _isCanceled, 1);
            if (_readiness.TryCancel())
                _source.SetException(new OperationCanceledException());
        }

        /// <summary>Goes on until there is a result or the loop will call. <c>false</c>: then <see cref="_source"/> gets it.</summary>
        private bool TryRun(out int length)
        {
            while (true)
            {
                if (_readiness.TryTake())
                {
                    if (Attempt(out length))
                        return true;
                }
                else if (_readiness.TryAwait())
                {
                    length = 0;
                    if (Volatile.Read(ref _isCanceled) == 0 || !_readiness.TryCancel())
                        return false;
                    _failure = new OperationCanceledException();
                    return true;
                }
            }
        }

        private bool Attempt(out int length) => isRead ? AttemptRead(out length) : AttemptSend(out length);

        private bool AttemptRead(out int length)
        {
            if (_target.IsEmpty)
            {
                // Who asks for no bytes wants to know when there are some.
                Span<byte> one = stackalloc byte[1];
                length = Libc.Receive(stream._handle, one, Libc.Peek | Libc.DontWait);
                if (length >= 0)
                    _readiness.PutBack();
            }
            else
            {
                length = Libc.Receive(stream._handle, _target.Span, Libc.DontWait);
                if (length == _target.Length || (length > 0 && stream._isPeerDone))
                    _readiness.PutBack();
            }
            if (length == -Libc.TryAgain)
                return false;
            if (length < 0 || stream.IsDisposed)
                _failure = Failure();
            length = _target.IsEmpty ? 0 : length;
            _target = default;
            return true;
        }

        private bool AttemptSend(out int length)
        {
            length = 0;
            while (!_bytes.IsEmpty)
            {
                var sent = Libc.Send(stream._handle, _bytes.Span);
                if (sent == -Libc.TryAgain)
                    return false;
                if (sent < 0)
                {
                    _failure = Failure();
                    break;
                }
                _bytes = _bytes[sent..];
            }
            _bytes = default;
            return true;
        }

        private IOException Failure()
        {
            if (stream.IsDisposed)
                return new IOException("The connection was closed.", new ObjectDisposedException(nameof(EventStream)));
            var cause = new SocketException(); // by errno
            return new IOException(cause.Message, cause);
        }
    }
}
