using System.Diagnostics;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using CacheProxy.Pipeline;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace CacheProxy.Wire;

/// <summary>
/// Stands between a connection and Kestrel's HTTP layer: plain requests that are hits are answered here, and Kestrel gets all other bytes as they are.
/// </summary>
/// <remarks>
/// Where a request begins is not found out here but told by the pipeline: while Kestrel works on an HTTP/1.1 request without a body, all that it has
/// taken is that request's head, so what it reads next is the next request. <see cref="Open"/> says so for one reading; whatever is not a plain request
/// closes it again, until the pipeline has seen another.
/// <para>
/// Kestrel's own clock runs while it waits here. So that it does not take a busy connection for an idle one, a request goes to it every half of the
/// keep-alive time-out at least. One thread at a time is in here, as with any pipe reader, but for <see cref="CancelPendingRead"/>.
/// </para>
/// </remarks>
internal sealed class HitConnection(IDuplexPipe connection, FastHits hits, KestrelServerLimits limits, bool? isFromTrustedProxy) : PipeReader, IDuplexPipe
{
    /// <summary>So many bytes are written before they are sent: pipelined requests share a send.</summary>
    private const int SendAtBytes = 32 << 10;

    /// <summary>After so many answers others get the thread.</summary>
    private const int MaxInTurn = 256;

    private readonly PipeReader _input = connection.Input;
    private readonly PipeWriter _output = connection.Output;
    private readonly int _maxFields = limits.MaxRequestHeaderCount;
    private readonly long _maxOpen = (long)(limits.KeepAliveTimeout / 2).TotalMilliseconds;
    private bool _isOpen;
    private volatile bool _isSending;
    private long _openedAt;

    /// <summary>The configuration under which Kestrel began to read the request that it works on.</summary>
    public FastRoutes.Epoch? ReadUnder { get; private set; }

    PipeReader IDuplexPipe.Input => this;

    PipeWriter IDuplexPipe.Output => _output;

    /// <summary>The request that Kestrel is working on has no body: what it reads next is the beginning of a request.</summary>
    public void Open()
    {
        _isOpen = true;
        _openedAt = Environment.TickCount64;
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        ReadUnder = hits.Now;
        return _isOpen ? AnswerAsync(cancellationToken) : _input.ReadAsync(cancellationToken);
    }

    public override bool TryRead(out ReadResult result)
    {
        _isOpen = false;
        return _input.TryRead(out result);
    }

    public override void AdvanceTo(SequencePosition consumed) => _input.AdvanceTo(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => _input.AdvanceTo(consumed, examined);

    public override void CancelPendingRead()
    {
        _input.CancelPendingRead();
        if (_isSending)
            _output.CancelPendingFlush();
    }

    public override void Complete(Exception? exception = null) => _input.Complete(exception);

    /// <summary>Answers hits until something else comes, which is Kestrel's.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> AnswerAsync(CancellationToken cancellation)
    {
        var inTurn = 0;
        while (true)
        {
            var reading = _input.ReadAsync(cancellation);
            if (!reading.IsCompleted)
                inTurn = 0;
            var read = await reading;
            var buffer = read.Buffer;
            var isOther = read.IsCanceled || read.IsCompleted;
            var unsent = 0;
            while (!read.IsCanceled && !buffer.IsEmpty && unsent < SendAtBytes)
            {
                var started = hits.Duration is { Enabled: true } ? Stopwatch.GetTimestamp() : 0;
                if (Environment.TickCount64 - _openedAt > _maxOpen
                    || !PlainRequest.TryRead(buffer.FirstSpan, _maxFields, hits.Fields, out var request)
                    || hits.Answer(request, isFromTrustedProxy, _output, started) is not (> 0 and var written))
                {
                    isOther = true;
                    break;
                }
                buffer = buffer.Slice(request.Length);
                unsent += written;
                inTurn++;
            }
            if (!isOther)
                _input.AdvanceTo(buffer.Start);
            if (unsent > 0)
            {
                _isSending = true;
                var sent = await _output.FlushAsync(cancellation);
                _isSending = false;
                if (!isOther && (sent.IsCompleted || sent.IsCanceled))
                {
                    _isOpen = false;
                    return await _input.ReadAsync(cancellation); // the end of it, which Kestrel is to see
                }
            }
            if (isOther)
            {
                _isOpen = false;
                return new ReadResult(buffer, read.IsCanceled, read.IsCompleted);
            }
            if (inTurn >= MaxInTurn)
            {
                inTurn = 0;
                await Task.Yield();
            }
        }
    }
}
