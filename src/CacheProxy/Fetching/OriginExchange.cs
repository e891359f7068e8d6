using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using CacheProxy.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Fetching;

/// <summary>
/// An <see cref="HttpContext"/> of its own for one fetch: the rest of YARP's pipeline runs on it as on any client's, and what it writes
/// goes to an <see cref="OriginFetch"/>. It copies what it needs, so it outlives the request that began it.
/// </summary>
/// <remarks>
/// The framework's default response feature cannot be used: its HasStarted is always false, so that YARP would turn a body that breaks off
/// into a 502 on a response that has long been handed on. Upgrade, reset, request timeout and session features are absent on purpose.
/// </remarks>
[SuppressMessage("Reliability", "CA1001", Justification = "The body stream holds nothing that needs to be disposed.")]
internal sealed class OriginExchange : IHttpResponseFeature, IHttpResponseBodyFeature, IHttpResponseTrailersFeature,
    IHttpRequestLifetimeFeature, IHttpRequestBodyDetectionFeature
{
    private readonly OriginFetch _fetch;
    private readonly CancellationToken _cancellation;
    private readonly ExchangeBody _body;
    private readonly DefaultHttpContext _context;
    private List<(Func<object, Task> Callback, object State)>? _onStarting;
    private List<(Func<object, Task> Callback, object State)>? _onCompleted;
    private PipeWriter? _writer;

    public OriginExchange(
        HttpContext client, HeaderDictionary requestFields, OriginFetch fetch, IServiceScopeFactory scopes, CancellationToken cancellation)
    {
        _fetch = fetch;
        _cancellation = cancellation;
        _body = new ExchangeBody(this);
        CanHaveBody = client.Features.Get<RequestContent>() is { Bytes.Length: > 0 };
        _context = new DefaultHttpContext(new FeatureCollection(new ExchangeFeatures(this, client, requestFields))) { ServiceScopeFactory = scopes };
    }

    public HttpContext Context => _context;

    /// <summary>Something aborted the response: it is not whole.</summary>
    public bool IsAborted { get; private set; }

    public int StatusCode { get; set; } = StatusCodes.Status200OK;

    public string? ReasonPhrase { get; set; }

    public IHeaderDictionary Headers { get; set; } = new HeaderDictionary();

    public bool HasStarted { get; private set; }

    public IHeaderDictionary Trailers { get; set; } = new HeaderDictionary();

    public Stream Stream => _body;

    // Asked by the obsolete member of the response feature.
    Stream IHttpResponseFeature.Body { get => _body; set => throw new NotSupportedException(); }

    public PipeWriter Writer => _writer ??= PipeWriter.Create(_body, new StreamPipeWriterOptions(leaveOpen: true));

    public bool CanHaveBody { get; }

    public CancellationToken RequestAborted { get => _cancellation; set => throw new NotSupportedException(); }

    public void Abort()
    {
        IsAborted = true;
        _fetch.Abort();
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
        _fetch.OnHead(StatusCode, ReasonPhrase, fields, bytesFollow);
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
                _fetch.OnBroken(exception);
            }
        }
    }

    private sealed class ExchangeBody(OriginExchange exchange) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (exchange.HasStarted)
                return exchange._fetch.OnBodyAsync(buffer, cancellationToken);
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
            await exchange._fetch.OnBodyAsync(buffer, cancellationToken);
        }
    }
}
