using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Connections;

namespace CacheProxy.Sockets;

/// <summary>
/// What a client sends. Memory is taken when bytes have come, and given back when all of them are consumed, so an idle connection holds none. The
/// socket is asked once for each event, not until it says that it has no more.
/// </summary>
internal sealed class EventInput(EventConnection connection) : PipeReader, IValueTaskSource<ReadResult>
{
    private const int Smallest = 4 << 10, Largest = 64 << 10;

    private ManualResetValueTaskSourceCore<ReadResult> _source;
    private SocketReadiness _readiness;
    private byte[]? _buffer;
    private int _start;
    private int _end;
    private int _examined;
    private int _size = Smallest;
    private bool _isEnd;
    private bool _isWaiting;
    private Exception? _failure;
    private int _isCanceled;

    private enum Filling
    {
        Some,
        End,
        Nothing,
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.CanBeCanceled)
            return ReadCancelableAsync(cancellationToken);
        if (_isWaiting)
            throw new InvalidOperationException("Somebody reads already.");
        if (!TryReadBuffered(out var result))
        {
            _source.Reset();
            var version = _source.Version;
            _isWaiting = true;
            if (!TryFill(out result))
                return new(this, version);
            _isWaiting = false;
        }
        return _failure is { } failure ? ValueTask.FromException<ReadResult>(failure) : new(result);
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!TryReadBuffered(out result))
        {
            if (!_readiness.TryTake() || Fill() == Filling.Nothing)
                return false;
            result = Result(isCanceled: false);
        }
        return _failure is { } failure ? throw failure : true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (_buffer is null)
            return;
        _start = consumed.GetInteger();
        _examined = examined.GetInteger();
        if (_start == _end)
            Forget();
    }

    public override void CancelPendingRead()
    {
        Interlocked.Exchange(ref _isCanceled, 1);
        if (_readiness.TryCancel())
            GoOn();
    }

    public override void Complete(Exception? exception = null) => _isEnd = true; // what was not consumed is left to the collector: somebody may still look at it

    /// <summary>On the loop's thread: there may be bytes, or the end.</summary>
    public void OnReady()
    {
        if (_readiness.Signal())
            GoOn();
    }

    /// <summary>Whether the client has closed, and there is nothing that nobody has read yet.</summary>
    public bool IsAtEnd()
    {
        Span<byte> one = stackalloc byte[1];
        return Libc.Receive(connection.Handle, one, Libc.Peek | Libc.DontWait) is <= 0 and not -Libc.TryAgain;
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token)
    {
        _isWaiting = false;
        return _source.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private async ValueTask<ReadResult> ReadCancelableAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        ReadResult result;
        await using (cancellation.UnsafeRegister(static input => ((EventInput)input!).CancelPendingRead(), this))
            result = await ReadAsync(CancellationToken.None);
        if (cancellation.IsCancellationRequested && (result.IsCanceled || Interlocked.Exchange(ref _isCanceled, 0) == 1))
            cancellation.ThrowIfCancellationRequested();
        return result;
    }

    private bool TryReadBuffered(out ReadResult result)
    {
        var isCanceled = TryTakeCancellation();
        result = isCanceled || _isEnd || _examined < _end ? Result(isCanceled) : default;
        return isCanceled || _isEnd || _examined < _end;
    }

    /// <summary>Each is for one result alone.</summary>
    private bool TryTakeCancellation() => Volatile.Read(ref _isCanceled) != 0 && Interlocked.Exchange(ref _isCanceled, 0) == 1;

    /// <summary>Asks the socket until it has answered or the loop will call. <c>false</c>: then <see cref="_source"/> gets the result.</summary>
    private bool TryFill(out ReadResult result)
    {
        while (true)
        {
            if (TryTakeCancellation())
            {
                result = Result(isCanceled: true);
                return true;
            }
            if (_readiness.TryTake())
            {
                if (Fill() != Filling.Nothing)
                {
                    result = Result(isCanceled: false);
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
        if (!TryFill(out var result))
            return;
        if (_failure is { } failure)
            _source.SetException(failure);
        else
            _source.SetResult(result);
    }

    private Filling Fill()
    {
        MakeRoom();
        var room = _buffer!.Length - _end;
        var length = Libc.Receive(connection.Handle, _buffer.AsSpan(_end), Libc.DontWait);
        if (length > 0)
        {
            _end += length;
            if (length == room || connection.IsPeerDone)
                _readiness.PutBack();
            if (length == room)
                _size = Math.Min(_size * 2, Largest);
            if (connection.IsPeerDone && IsAtEnd())
                connection.OnEnd(); // whoever works on what he has read now may not read again
            return Filling.Some;
        }
        if (_start == _end)
            Forget();
        if (length == -Libc.TryAgain)
            return Filling.Nothing;
        _isEnd = true;
        connection.OnEnd();
        if (connection.AbortReason is { } reason)
            _failure = new ConnectionAbortedException(reason.Message, reason);
        else if (length < 0)
            _failure = new ConnectionResetException("The client has reset the connection.");
        return Filling.End;
    }

    private void MakeRoom()
    {
        if (_buffer is null)
        {
            _buffer = ArrayPool<byte>.Shared.Rent(_size);
        }
        else if (_end == _buffer.Length)
        {
            var length = _end - _start;
            var next = _start >= _end / 2 ? _buffer : ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
            Buffer.BlockCopy(_buffer, _start, next, 0, length);
            if (next != _buffer)
                ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = next;
            _examined -= _start;
            (_start, _end) = (0, length);
        }
    }

    private void Forget()
    {
        ArrayPool<byte>.Shared.Return(_buffer!);
        _buffer = null;
        _start = _end = _examined = 0;
    }

    private ReadResult Result(bool isCanceled) =>
        new(_buffer is null ? ReadOnlySequence<byte>.Empty : new ReadOnlySequence<byte>(_buffer, _start, _end - _start), isCanceled, _isEnd);
}
