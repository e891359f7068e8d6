using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;

namespace CacheProxy.Sockets;

/// <summary>
/// What goes to a client: sent where it is flushed, on the caller's thread; what the kernel does not take at once waits for the loop. Once the other
/// end is gone everything is dropped, as by a pipe whose reader is.
/// </summary>
internal sealed class EventOutput(EventConnection connection) : PipeWriter, IValueTaskSource<FlushResult>
{
    private const int Smallest = 4 << 10, Further = 64 << 10;

    /// <summary>How many places one call of the system is told.</summary>
    private const int MostVectors = 64;

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

    /// <summary>Sends what was written and then the segments, from where they lie: as much as the kernel takes now.</summary>
    /// <param name="segments">What follows.</param>
    /// <param name="offset">So many bytes of it have been sent before.</param>
    /// <returns>How many bytes of the segments were sent.</returns>
    public long TrySend(ReadOnlySpan<byte[]> segments, long offset)
    {
        if (_isWaiting)
            throw new InvalidOperationException("Somebody flushes.");
        if (_full.Count > 0 && Send() != Sending.All)
            return 0;
        while (!segments.IsEmpty && offset >= segments[0].Length)
        {
            offset -= segments[0].Length;
            segments = segments[1..];
        }
        var total = 0L;
        while (!segments.IsEmpty && !_isOver)
        {
            var taken = SendVectors(segments[..Math.Min(segments.Length, MostVectors - 1)], offset, out var all);
            total += taken;
            if (taken < all)
                break;
            offset = 0;
            segments = segments[Math.Min(segments.Length, MostVectors - 1)..];
        }
        return total;
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

    /// <returns>How many bytes of the segments.</returns>
    private long SendVectors(ReadOnlySpan<byte[]> segments, long offset, out long all)
    {
        Span<GCHandle> pins = stackalloc GCHandle[MostVectors];
        Span<Libc.Vector> vectors = stackalloc Libc.Vector[MostVectors];
        var count = 0;
        var before = _end - _sent;
        if (before > 0)
        {
            pins[count] = GCHandle.Alloc(_buffer, GCHandleType.Pinned);
            vectors[count] = new() { Start = pins[count].AddrOfPinnedObject() + _sent, Length = before };
            count++;
        }
        all = -offset;
        foreach (var segment in segments)
        {
            pins[count] = GCHandle.Alloc(segment, GCHandleType.Pinned);
            vectors[count] = new() { Start = pins[count].AddrOfPinnedObject() + (nint)offset, Length = segment.Length - (nint)offset };
            count++;
            all += segment.Length;
            offset = 0;
        }
        var sent = Libc.Send(connection.Handle, vectors[..count]);
        foreach (var pin in pins[..count])
            pin.Free();
        if (sent < 0)
        {
            if (sent != -Libc.TryAgain)
            {
                End();
                connection.OnEnd();
            }
            return 0;
        }
        if (sent < before)
        {
            _sent += sent;
            return 0;
        }
        if (_buffer is not null)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = null;
            _sent = _end = 0;
        }
        return sent - before;
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
