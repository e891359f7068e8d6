using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using CacheProxy.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Fetching;

/// <summary>The response of a request that no server received: what the pipeline writes goes to whoever made the request.</summary>
/// <remarks>
/// The framework's default response feature cannot be used: its HasStarted is always false, so that YARP would turn a body that breaks off
/// into a 502 on a response that has long been handed on, and nobody's OnStarting would be called.
/// </remarks>
[SuppressMessage("Reliability", "CA1001", Justification = "The body stream holds nothing that needs to be disposed.")]
internal abstract class ExchangeResponse : IHttpResponseFeature, IHttpResponseBodyFeature, IHttpResponseTrailersFeature, IHttpRequestLifetimeFeature
{
    /// <summary>Room that is made at once: most responses have no more fields.</summary>
    private const int UsualFields = 7;

    private readonly CancellationToken _cancellation;
    private readonly ExchangeBody _body;
    private List<(Func<object, Task> Callback, object State)>? _onStarting;
    private List<(Func<object, Task> Callback, object State)>? _onCompleted;
    private PipeWriter? _writer;

    protected ExchangeResponse(CancellationToken cancellation)
    {
        _cancellation = cancellation;
        _body = new ExchangeBody(this);
    }

    /// <summary>Something aborted the response: it is not whole.</summary>
    public bool IsAborted { get; private set; }

    public int StatusCode { get; set; } = StatusCodes.Status200OK;

    public string? ReasonPhrase { get; set; }

    public IHeaderDictionary Headers { get; set; } = new HeaderDictionary(UsualFields);

    public bool HasStarted { get; private set; }

    public IHeaderDictionary Trailers { get; set; } = new HeaderDictionary();

    public Stream Stream => _body;

    // Asked by the obsolete member of the response feature.
    Stream IHttpResponseFeature.Body { get => _body; set => throw new NotSupportedException(); }

    public PipeWriter Writer => _writer ??= PipeWriter.Create(_body, new StreamPipeWriterOptions(leaveOpen: true));

    public CancellationToken RequestAborted { get => _cancellation; set => throw new NotSupportedException(); }

    public void Abort()
    {
        IsAborted = true;
        OnAborted();
    }

    public void OnStarting(Func<object, Task> callback, object state) => (_onStarting ??= []).Add((callback, state));

    public void OnCompleted(Func<object, Task> callback, object state) => (_onCompleted ??= []).Add((callback, state));

    public void DisableBuffering()
    {
    }

    /// <summary>Publishes the head.</summary>
    /// <exception cref="InvalidOperationException">A field value that cannot be sent on.</exception>
    public Task StartAsync(CancellationToken cancellationToken = default) => StartAsync(bytesFollow: false);

    private async Task StartAsync(bool bytesFollow)
    {
        if (HasStarted)
            return;
        if (_onStarting is { } callbacks)
        {
            _onStarting = null;
            for (var i = callbacks.Count - 1; i >= 0; i--)
                await callbacks[i].Callback(callbacks[i].State);
        }
        var fields = new KeyValuePair<string, StringValues>[Headers.Count];
        Headers.CopyTo(fields, 0);
        // What Kestrel refuses to write would be stored, and be an error on every hit.
        foreach (var (name, lines) in fields)
            if (FieldValue.HasControls(lines))
                throw new InvalidOperationException($"The origin's field {name} has a control character.");
        HasStarted = true;
        OnHead(fields, bytesFollow);
    }

    public async Task CompleteAsync()
    {
        await StartAsync(_cancellation);
        if (_writer is not null)
            await _writer.CompleteAsync();
    }

    public async Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default)
    {
        await StartAsync(cancellationToken);
        await SendFileFallback.SendFileAsync(_body, path, offset, count, cancellationToken);
    }

    /// <summary>Runs what asked to be run at the end, the disposal of the exchange's own services among it, whatever one of them throws.</summary>
    public async Task RunCompletedAsync()
    {
        for (var i = _onCompleted?.Count - 1; i >= 0; i--)
        {
            try
            {
                var (callback, state) = _onCompleted![i.Value];
                await callback(state);
            }
            catch (Exception exception)
            {
                OnBroken(exception);
            }
        }
    }

    /// <summary>The head is complete.</summary>
    /// <param name="fields">Its fields; nobody else's from now on.</param>
    /// <param name="bytesFollow">Bytes of the body are given to <see cref="OnBodyAsync"/> at once.</param>
    protected abstract void OnHead(KeyValuePair<string, StringValues>[] fields, bool bytesFollow);

    protected abstract ValueTask OnBodyAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation);

    /// <summary>What has come is not whole, and nothing more comes.</summary>
    protected abstract void OnAborted();

    /// <summary>Something threw that nobody waits for.</summary>
    protected abstract void OnBroken(Exception exception);

    private sealed class ExchangeBody(ExchangeResponse exchange) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (exchange.HasStarted)
                return exchange.OnBodyAsync(buffer, cancellationToken);
            return StartAndWriteAsync(buffer, cancellationToken);
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override Task FlushAsync(CancellationToken cancellationToken) => exchange.StartAsync(cancellationToken);

        public override void Flush() => throw new NotSupportedException();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        private async ValueTask StartAndWriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
        {
            await exchange.StartAsync(bytesFollow: !buffer.IsEmpty);
            await exchange.OnBodyAsync(buffer, cancellationToken);
        }
    }
}
