using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace CacheProxy.Wire;

/// <summary>A connection whose socket is watched by an <see cref="EventLoop"/>.</summary>
internal sealed class EventConnection : DefaultConnectionContext, IDuplexPipe, IMemoryPoolFeature, IConnectionSocketFeature
{
    /// <summary>Of what a client has sent and nobody wants, so much is taken before the end, lest the kernel answers it with a reset that overtakes our answer.</summary>
    private const int MostUnwanted = 1 << 20;

    private readonly Socket _socket;
    private readonly EventInput _input;
    private readonly EventOutput _output;
    private readonly CancellationTokenSource _closed = new();
    private readonly EventLoop _loop;
    private readonly int _place;
    private int _isEnded;
    private volatile bool _isDisposed;

    /// <exception cref="SocketException">The kernel cannot watch one more.</exception>
    public EventConnection(Socket socket, MemoryPool<byte> memory)
        : base(Guid.NewGuid().ToString("N"))
    {
        _socket = socket;
        _input = new EventInput(this);
        _output = new EventOutput(this);
        MemoryPool = memory;
        LocalEndPoint = socket.LocalEndPoint;
        RemoteEndPoint = socket.RemoteEndPoint;
        ConnectionClosed = _closed.Token;
        Transport = this;
        Features.Set<IMemoryPoolFeature>(this);
        Features.Set<IConnectionSocketFeature>(this);
        _loop = EventLoop.Next();
        _place = _loop.Add(this, Handle);
    }

    public SafeSocketHandle Handle => _socket.SafeHandle;

    public MemoryPool<byte> MemoryPool { get; }

    Socket IConnectionSocketFeature.Socket => _socket;

    PipeReader IDuplexPipe.Input => _input;

    PipeWriter IDuplexPipe.Output => _output;

    /// <summary>Why it was ended from this side; <c>null</c> when it was not.</summary>
    public ConnectionAbortedException? AbortReason { get; private set; }

    /// <summary>The client will send no more.</summary>
    public bool IsPeerDone { get; private set; }

    /// <summary>On the loop's thread.</summary>
    public void On(uint events)
    {
        const uint ends = Libc.PeerHangup | Libc.Hangup | Libc.Error;
        if ((events & ends) != 0)
            IsPeerDone = true;
        if ((events & (Libc.Out | ends)) != 0)
            _output.OnReady();
        if ((events & (Libc.In | ends)) != 0)
            _input.OnReady();
        if ((events & ends) != 0 && !_input.HasMore())
            OnEnd();
    }

    /// <summary>There is nobody any more at the other end: who works for him may stop.</summary>
    public void OnEnd()
    {
        if (Interlocked.Exchange(ref _isEnded, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(static closed => closed.Cancel(), _closed, preferLocal: false);
    }

    public override void Abort(ConnectionAbortedException abortReason)
    {
        AbortReason ??= abortReason;
        if (!_isDisposed)
        {
            try
            {
                Libc.Shutdown(Handle); // which is an event: who waits is woken
            }
            catch (ObjectDisposedException)
            {
                // so it is ended
            }
        }
        OnEnd();
    }

    public override ValueTask DisposeAsync()
    {
        if (_isDisposed)
            return base.DisposeAsync();
        _isDisposed = true;
        OnEnd();
        Libc.Drop(Handle, MostUnwanted);
        _loop.Remove(_place);
        _socket.Dispose();
        _input.OnReady(); // whoever still waits is told
        _output.OnReady();
        return base.DisposeAsync();
    }
}
