using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace CacheProxy.Sockets;

/// <summary>A connection whose socket is watched by an <see cref="EventLoop"/>.</summary>
internal sealed class EventConnection : DefaultConnectionContext, IWatched, IDuplexPipe, IMemoryPoolFeature, IConnectionSocketFeature
{
    /// <summary>Of what a client has sent and nobody wants, so much is taken before the end, lest the kernel answers it with a reset that overtakes our answer.</summary>
    private const int MostUnwanted = 1 << 20;

    /// <summary>So long a client has for the rest of what was written, when all is over but that; then it gets a reset.</summary>
    private static readonly TimeSpan PatienceAtEnd = TimeSpan.FromMinutes(1);

    private readonly Socket _socket;
    private readonly EventInput _input;
    private readonly EventOutput _output;
    private readonly CancellationTokenSource _closed = new();
    private readonly EventLoop _loop;
    private readonly long _ticket;
    private int _isEnded;
    private int _isDisposed;

    /// <exception cref="SocketException">The kernel cannot watch one more.</exception>
    public EventConnection(Socket socket, MemoryPool<byte> memory)
        : base(Guid.NewGuid().ToString("N"))
    {
        _socket = socket;
        Handle = socket.SafeHandle;
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
        _ticket = _loop.Add(this, Handle);
    }

    public SafeSocketHandle Handle { get; }

    public MemoryPool<byte> MemoryPool { get; }

    Socket IConnectionSocketFeature.Socket => _socket;

    PipeReader IDuplexPipe.Input => _input;

    PipeWriter IDuplexPipe.Output => _output;

    /// <summary>Why it was ended from this side; <c>null</c> when it was not.</summary>
    public ConnectionAbortedException? AbortReason { get; private set; }

    /// <summary>The client will send no more.</summary>
    public bool IsPeerDone { get; private set; }

    void IWatched.On(uint events)
    {
        const uint ends = Libc.PeerHangup | Libc.Hangup | Libc.Error;
        if ((events & ends) != 0)
        {
            IsPeerDone = true;
            Interlocked.MemoryBarrier(); // a reader who takes the readiness before it is signalled again has to see it
        }
        if ((events & (Libc.Out | ends)) != 0)
            _output.OnReady();
        if ((events & (Libc.In | ends)) != 0)
            _input.OnReady();
        if ((events & (Libc.Hangup | Libc.Error)) != 0 || ((events & ends) != 0 && _input.IsAtEnd()))
            OnEnd();
    }

    /// <summary>There is nobody any more at the other end: who works for him may stop.</summary>
    public void OnEnd()
    {
        if (Interlocked.Exchange(ref _isEnded, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(static connection => connection.TellEnd(), this, preferLocal: false);
    }

    /// <summary>Ends it with a reset, so that nobody takes what has been sent for all of it.</summary>
    public override void Abort(ConnectionAbortedException abortReason)
    {
        if (!TryDispose())
            return;
        AbortReason = abortReason;
        _output.SendHeld();
        _socket.Close(timeout: 0);
        OnEnd();
        ThreadPool.UnsafeQueueUserWorkItem(static connection => connection.WakeAll(), this, preferLocal: false); // not here, under whatever lock
    }

    public override async ValueTask DisposeAsync()
    {
        var isAllSent = Volatile.Read(ref _isDisposed) == 0 && await _output.TrySendRestAsync(PatienceAtEnd);
        if (TryDispose())
        {
            if (isAllSent)
            {
                Libc.Drop(Handle, MostUnwanted);
                EndSending();
                _socket.Dispose();
            }
            else
            {
                _socket.Close(timeout: 0);
            }
            OnEnd();
            WakeAll();
        }
        await base.DisposeAsync();
    }

    /// <summary>Without it the runtime closes by a reset where the loop is asking the socket at this moment, and the client loses its answer.</summary>
    private void EndSending()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The client has gone.
        }
    }

    private void TellEnd()
    {
        try
        {
            _closed.Cancel();
        }
        catch (AggregateException)
        {
            // Theirs who wanted to be told: nothing that would end the process.
        }
    }

    private bool TryDispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 1)
            return false;
        _loop.Remove(_ticket);
        return true;
    }

    /// <summary>Whoever still waits is told.</summary>
    private void WakeAll()
    {
        _input.OnReady();
        _output.OnReady();
    }
}
