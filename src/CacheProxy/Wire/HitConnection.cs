using System.Diagnostics;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using CacheProxy.Pipeline;
using CacheProxy.Sockets;
using Microsoft.AspNetCore.Connections;
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
internal sealed class HitConnection(ConnectionContext connection, FastHits hits, KestrelServerLimits limits, bool? isFromTrustedProxy) : PipeReader, IDuplexPipe
{
    /// <summary>So many bytes are written before they are sent: pipelined requests share a send.</summary>
    private const int SendAtBytes = 32 << 10;

    /// <summary>After so many answers others get the thread.</summary>
    private const int MaxInTurn = 256;

    /// <summary>So many bytes of large bodies count as an answer in that.</summary>
    private const int BytesOfAnswer = 16 << 10;

    private readonly PipeReader _input = connection.Transport.Input;
    private readonly PipeWriter _output = connection.Transport.Output;
    private readonly EventOutput? _gathering = connection.Transport.Output as EventOutput;
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
            LargeHit? rest = null;
            while (!read.IsCanceled && !buffer.IsEmpty && unsent < SendAtBytes && rest is null)
            {
                var started = hits.Duration is { Enabled: true } ? Stopwatch.GetTimestamp() : 0;
                if (Environment.TickCount64 - _openedAt > _maxOpen
                    || !PlainRequest.TryRead(buffer.FirstSpan, _maxFields, hits.Fields, out var request)
                    || hits.Answer(request, isFromTrustedProxy, _output, started, out rest) is not (> 0 and var written))
                {
                    isOther = true;
                    break;
                }
                buffer = buffer.Slice(request.Length);
                unsent += written;
                inTurn += 1 + (int)((rest?.Body.Length ?? 0) / BytesOfAnswer);
            }
            if (!isOther)
                _input.AdvanceTo(buffer.Start);
            if (unsent > 0 && rest is null)
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
            if (rest is not null && !await DeliverAsync(rest) && !isOther)
            {
                _isOpen = false;
                return await _input.ReadAsync(cancellation);
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

    /// <summary>
    /// Sends what was written, and a large body from where it lies. Whoever wants the connection meanwhile waits for its end; a client that does not take it
    /// as fast as it must is cut off.
    /// </summary>
    /// <returns>Whether all is sent. Otherwise the connection is aborted: nothing may follow a body that was cut.</returns>
    private ValueTask<bool> DeliverAsync(LargeHit hit)
    {
        var segments = hit.Body.Segments;
        var (index, offset) = (0, 0);
        var sent = _gathering?.TrySend(segments, ref index, ref offset) ?? 0;
        if (index < segments.Length)
            return DeliverAsync(hit, index, offset, sent);
        hits.OnDelivered(hit);
        return new(true);
    }

    /// <summary>What the client does not take at once.</summary>
    private async ValueTask<bool> DeliverAsync(LargeHit hit, int index, int offset, long sent)
    {
        var body = hit.Body;
        using var writer = PieceWriter.Of(connection, _output, limits.MinResponseDataRate, hits.Time, hits.Deliveries, body);
        while (index < body.Segments.Length)
        {
            writer.OnSent(sent);
            if (!await writer.WriteAsync(body.Segments[index].AsMemory(offset)))
                return false;
            index++;
            offset = 0;
            sent = _gathering?.TrySend(body.Segments, ref index, ref offset) ?? 0; // the client reads: perhaps it takes all of the rest
        }
        hits.OnDelivered(hit);
        return true;
    }
}
