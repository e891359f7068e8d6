using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace CacheProxy.Sockets;

/// <summary>
/// What goes to a client: sent where it is flushed, or, on an event loop's thread, at the end of the loop's turn. What the kernel does not take at once
/// waits for the loop. Once the other end is gone everything is dropped, as by a pipe whose reader is.
/// </summary>
/// <remarks>
/// The lock guards all fields: whoever was told that his flush is done may write on, on any thread, while the loop sends. Nobody else is called while
/// it is held. Memory that was given out is not given back before the next flush: a writer may go on in it after <see cref="Advance"/>. The end of an
/// answer that waits for the end of a turn, 16 KiB at most, counts as taken by the client.
/// </remarks>
internal sealed partial class EventOutput(EventConnection connection) : PipeWriter, IValueTaskSource<FlushResult>, ISender
{
    private const int Smallest = 4 << 10, Further = 64 << 10;

    /// <summary>So much waits for the end of the turn at most.</summary>
    private const int MostHeld = 16 << 10;

    private readonly Lock _lock = new();
    private readonly Queue<(byte[] Bytes, int Length)> _full = new();
    private EventLoop? _holder; // at the end of its turn all is sent
    private ManualResetValueTaskSourceCore<FlushResult> _source;
    private byte[]? _buffer;
    private int _end;
    private int _sent;
    private bool _isLent; // until the next flush somebody may be writing to the buffer's end
    private bool _isBlocked; // the kernel has no room: OnReady goes on
    private bool _isOver;
    private bool _isWaiting; // a flush has not been told its result yet
    private bool _isAwaited; // it has no result yet
    private bool _isCanceled; // the next flush is

    public override bool CanGetUnflushedBytes => false;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        lock (_lock)
        {
            MakeRoom_NeedsLock(sizeHint);
            return _buffer.AsMemory(_end);
        }
    }

    public override Span<byte> GetSpan(int sizeHint = 0)
    {
        lock (_lock)
        {
            MakeRoom_NeedsLock(sizeHint);
            return _buffer.AsSpan(_end);
        }
    }

    public override void Advance(int bytes)
    {
        lock (_lock)
        {
            if (_buffer is null && bytes > 0)
                throw new InvalidOperationException("Nothing was given out to write to.");
            _end += bytes;
        }
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (EventLoop.Current is { } loop && (_holder ?? loop) == loop && !_isBlocked && !_isOver && !_isCanceled && _full.Count == 0 && _end - _sent <= MostHeld)
            {
                _isLent = false;
                if (_holder is null)
                    loop.AtTurnEnd(this);
                _holder = loop;
                return new(new FlushResult(isCanceled: false, isCompleted: false));
            }
        }
        return FlushNowAsync(cancellationToken);
    }

    public override void CancelPendingFlush()
    {
        lock (_lock)
        {
            if (!_isAwaited)
            {
                _isCanceled = true;
                return;
            }
            _isAwaited = false;
        }
        _source.SetResult(new(isCanceled: true, _isOver));
    }

    /// <summary>What the kernel has no room for now is left to <see cref="TrySendRestAsync"/>.</summary>
    public override void Complete(Exception? exception = null)
    {
        lock (_lock)
        {
            _isLent = false;
            if (!_isWaiting && (TrySend_NeedsLock() || exception is not null))
                End_NeedsLock();
        }
    }

    /// <summary>At the end of the connection. <c>false</c>: there was more than the client has taken in time.</summary>
    public async ValueTask<bool> TrySendRestAsync(TimeSpan patience)
    {
        lock (_lock)
        {
            if (_isWaiting)
                return false; // whoever flushes has not stayed to see
            _isLent = false;
            if (TrySend_NeedsLock())
                return true;
        }
        using var end = new CancellationTokenSource(patience);
        try
        {
            while ((await FlushNowAsync(end.Token)).IsCanceled)
                continue;
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>The kernel may take more.</summary>
    public void OnReady()
    {
        lock (_lock)
        {
            if (!_isBlocked)
                return;
            _isBlocked = false;
            if (!TrySend_NeedsLock() || !_isAwaited)
                return;
            _isAwaited = false;
        }
        _source.SetResult(new(isCanceled: false, _isOver));
    }

    void ISender.OnTurnEnd() => SendHeld();

    /// <summary>What was flushed and waits for the end of the turn.</summary>
    public void SendHeld()
    {
        lock (_lock)
        {
            if (_holder is not null)
                TrySend_NeedsLock();
        }
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token)
    {
        _isWaiting = false;
        return _source.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private ValueTask<FlushResult> FlushNowAsync(CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (_isWaiting)
                throw new InvalidOperationException("Somebody flushes already.");
            _isLent = false;
            var isSent = TrySend_NeedsLock();
            var isCanceled = TryTakeCancellation();
            if (isSent || isCanceled)
                return new(new FlushResult(isCanceled, _isOver));
            _source.Reset();
            _isWaiting = _isAwaited = true;
        }
        var flushing = new ValueTask<FlushResult>(this, _source.Version);
        return cancellation.CanBeCanceled ? FlushCancelableAsync(flushing, cancellation) : flushing;
    }

    private async ValueTask<FlushResult> FlushCancelableAsync(ValueTask<FlushResult> flushing, CancellationToken cancellation)
    {
        FlushResult result;
        await using (cancellation.UnsafeRegister(static output => ((EventOutput)output!).CancelPendingFlush(), this))
            result = await flushing;
        if (cancellation.IsCancellationRequested && (result.IsCanceled || TryTakeCancellation()))
            cancellation.ThrowIfCancellationRequested();
        return result;
    }

    /// <summary>Each is for one result alone.</summary>
    private bool TryTakeCancellation()
    {
        lock (_lock)
        {
            var isCanceled = _isCanceled;
            _isCanceled = false;
            return isCanceled;
        }
    }

    /// <returns>Whether there is nothing more to send. Otherwise <see cref="OnReady"/> goes on.</returns>
    private bool TrySend_NeedsLock()
    {
        _holder = null;
        if (_isOver)
            Drop_NeedsLock();
        while (!_isBlocked && _full.TryPeek(out var full))
        {
            if (!TrySend_NeedsLock(full.Bytes.AsSpan(0, full.Length)))
                break;
            _sent = 0;
            _full.Dequeue();
            ArrayPool<byte>.Shared.Return(full.Bytes);
        }
        if (!_isBlocked && _buffer is not null && TrySend_NeedsLock(_buffer.AsSpan(0, _end)) && !_isLent)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = null;
            _sent = _end = 0;
        }
        return !_isBlocked;
    }

    /// <returns>Whether all of them are sent.</returns>
    private bool TrySend_NeedsLock(ReadOnlySpan<byte> bytes)
    {
        while (_sent < bytes.Length)
        {
            var length = Libc.Send(connection.Handle, bytes[_sent..]);
            if (length < 0)
            {
                OnError_NeedsLock(length);
                return false;
            }
            _sent += length;
        }
        return true;
    }

    private void OnError_NeedsLock(int error)
    {
        if (error == -Libc.TryAgain)
        {
            _isBlocked = true;
            return;
        }
        End_NeedsLock();
        connection.OnEnd();
    }

    private void MakeRoom_NeedsLock(int sizeHint)
    {
        _isLent = true;
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

    private void End_NeedsLock()
    {
        _isOver = true;
        _isBlocked = false;
        Drop_NeedsLock();
    }

    private void Drop_NeedsLock()
    {
        // Left to the collector: somebody may be writing to them.
        _full.Clear();
        if (!_isLent)
            (_buffer, _end) = (null, 0);
        _sent = _end;
    }
}
