using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace CacheProxy.Sockets;

internal sealed partial class EventStream
{
    /// <summary>One direction.</summary>
    private sealed class Operation(EventStream stream, bool isRead) : IValueTaskSource<int>, IValueTaskSource, ISender
    {
        private ManualResetValueTaskSourceCore<int> _source;
        private SocketReadiness _readiness;
        private Memory<byte> _target;
        private ReadOnlyMemory<byte> _bytes;
        private bool _isHeld; // until the end of a loop's turn
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
            if (_isHeld)
                throw new InvalidOperationException("Somebody writes already.");
            _bytes = bytes;
            if (EventLoop.Current is { } loop && !cancellation.CanBeCanceled)
            {
                _isHeld = true;
                _source.Reset();
                var version = _source.Version;
                loop.AtTurnEnd(this);
                return new(this, version);
            }
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
            if (_readiness.Signal() && TryRun(out var length))
                Complete(length);
        }

        void ISender.OnTurnEnd()
        {
            _isHeld = false;
            if (Attempt(out var length) || TryRun(out length))
                Complete(length);
        }

        int IValueTaskSource<int>.GetResult(short token) => _source.GetResult(token);

        void IValueTaskSource.GetResult(short token) => _source.GetResult(token);

        public ValueTaskSourceStatus GetStatus(short token) => _source.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _source.OnCompleted(continuation, state, token, flags);

        private void Complete(int length)
        {
            if (_failure is { } failure)
                _source.SetException(failure);
            else
                _source.SetResult(length);
        }

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
