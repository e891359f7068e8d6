using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace CacheProxy.Sockets;

/// <summary>
/// What goes to a client: sent where it is flushed, on the caller's thread; what the kernel does not take at once waits for the loop. Once the other
/// end is gone everything is dropped, as by a pipe whose reader is.
/// </summary>
internal sealed partial class EventOutput(EventConnection connection) : PipeWriter, IValueTaskSource<FlushResult>
{
    private const int Smallest = 4 << 10, Further = 64 << 10;

    private readonly Queue<(byte[] Bytes, int Length)> _full = new();
    private ManualResetValueTaskSourceCore<FlushResult> _source;
    private SocketReadiness _readiness;
    private byte[]? _buffer;
    private int _end;
    private int _sent;
    private bool _isOver;
    private bool _isWaiting;
    private int _isCanceled;

    private enum Sending
    {
        All,
        Blocked,
        Over,
    }

    public override bool CanGetUnflushedBytes => false;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        MakeRoom(sizeHint);
        return _buffer.AsMemory(_end);
    }

    public override Span<byte> GetSpan(int sizeHint = 0)
    {
        MakeRoom(sizeHint);
        return _buffer.AsSpan(_end);
    }

    public override void Advance(int bytes) => _end += bytes;

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (_isWaiting)
            throw new InvalidOperationException("Somebody flushes already.");
        if (Send() != Sending.Blocked)
            return new(new FlushResult(TryTakeCancellation(), _isOver));
        return cancellationToken.CanBeCanceled ? FlushCancelableAsync(cancellationToken) : FinishAsync();
    }

    public override void CancelPendingFlush()
    {
        Interlocked.Exchange(ref _isCanceled, 1);
        if (_readiness.TryCancel())
            GoOn();
    }

    /// <summary>What the kernel has no room for now is left to <see cref="TrySendRestAsync"/>.</summary>
    public override void Complete(Exception? exception = null)
    {
        if (!_isWaiting && (exception is not null || Send() == Sending.All))
            End();
    }

    /// <summary>At the end of the connection. <c>false</c>: there was more than the client has taken in time.</summary>
    public async ValueTask<bool> TrySendRestAsync(TimeSpan patience)
    {
        if (_isWaiting)
            return false; // whoever flushes has not stayed to see
        if (Send() != Sending.Blocked)
            return true;
        using var end = new CancellationTokenSource(patience);
        try
        {
            while ((await FlushAsync(end.Token)).IsCanceled)
                continue;
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>On the loop's thread: the kernel may take more.</summary>
    public void OnReady()
    {
        if (_readiness.Signal())
            GoOn();
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token)
    {
        _isWaiting = false;
        return _source.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private ValueTask<FlushResult> FinishAsync()
    {
        _source.Reset();
        var version = _source.Version;
        _isWaiting = true;
        if (!TryFinish(out var result))
            return new(this, version);
        _isWaiting = false;
        return new(result);
    }

    private async ValueTask<FlushResult> FlushCancelableAsync(CancellationToken cancellation)
    {
        FlushResult result;
        await using (cancellation.UnsafeRegister(static output => ((EventOutput)output!).CancelPendingFlush(), this))
            result = await FinishAsync();
        if (cancellation.IsCancellationRequested && (result.IsCanceled || Interlocked.Exchange(ref _isCanceled, 0) == 1))
            cancellation.ThrowIfCancellationRequested();
        return result;
    }

    /// <summary>Each is for one result alone.</summary>
    private bool TryTakeCancellation() => Volatile.Read(ref _isCanceled) != 0 && Interlocked.Exchange(ref _isCanceled, 0) == 1;

    /// <summary>Sends until all is sent or the loop will call. <c>false</c>: then <see cref="_source"/> gets the result.</summary>
    private bool TryFinish(out FlushResult result)
    {
        while (true)
        {
            if (TryTakeCancellation())
            {
                result = new(isCanceled: true, _isOver);
                return true;
            }
            if (_readiness.TryTake())
            {
                if (Send() != Sending.Blocked)
                {
                    result = new(isCanceled: false, _isOver);
                    return true;
                }
            }
            else if (_readiness.TryAwait() && (Volatile.Read(ref _isCanceled) == 0 || !_readiness.TryCancel()))
            {
                result = default;
                return false;
            }
        }
    }

    /// <summary>For whoever waits, by whoever has ended his waiting: the result, or more waiting if another has taken the reason.</summary>
    private void GoOn()
    {
        if (TryFinish(out var result))
            _source.SetResult(result);
    }

    private Sending Send()
    {
        if (_isOver)
        {
            Drop();
            return Sending.Over;
        }
        while (_full.TryPeek(out var full))
        {
            if (Send(full.Bytes.AsSpan(0, full.Length), ref _sent) is var sending and not Sending.All)
                return sending;
            _sent = 0;
            _full.Dequeue();
            ArrayPool<byte>.Shared.Return(full.Bytes);
        }
        if (_buffer is not null)
        {
            if (Send(_buffer.AsSpan(0, _end), ref _sent) is var sending and not Sending.All)
                return sending;
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = null;
            _sent = _end = 0;
        }
        return Sending.All;
    }

    private Sending Send(ReadOnlySpan<byte> bytes, ref int sent)
    {
        while (sent < bytes.Length)
        {
            var length = Libc.Send(connection.Handle, bytes[sent..]);
            if (length == -Libc.TryAgain)
                return Sending.Blocked;
            if (length < 0)
            {
                End();
                connection.OnEnd();
                return Sending.Over;
            }
            sent += length;
        }
        return Sending.All;
    }

    private void MakeRoom(int sizeHint)
    {
        if (_buffer is not null && _buffer.Length - _end >= Math.Max(sizeHint, 1))
            return;
        if (_buffer is null)
        {
            _buffer = ArrayPool<byte>.Shared.Rent(Math.Max(sizeHint, Smallest));
            return;
        }
        _full.Enqueue((_buffer, _end));
        _buffer = ArrayPool<byte>.Shared.Rent(Math.Max(sizeHint, Further));
        _end = 0;
    }

    private void End()
    {
        _isOver = true;
        Drop();
    }

    private void Drop()
    {
        // Left to the collector: a sender on another thread may be in the middle of them.
        _full.Clear();
        _buffer = null;
        _sent = _end = 0;
    }
}
