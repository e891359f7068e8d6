using CacheProxy.Fetching;
using CacheProxy.Http;
using CacheProxy.Invalidation;
using CacheProxy.Keys;
using CacheProxy.Policy;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Pipeline;

/// <summary>
/// Keeps the answer to a POST for later GETs where the origin says that it is what they would get: a 200 with a lifetime of its own and a
/// Content-Location that is the target URI (RFC 9110 section 9.3.3).
/// </summary>
/// <remarks>It is stored under the mark that its own success sets; another invalidation since the request went out keeps it out.</remarks>
internal sealed class PassedPost(CacheCore core, RouteSettings settings, TargetUri uri) : IPassListener
{
    private readonly DateTimeOffset _requestTime = core.Clock.Now;
    private Recording? _recording;
    private ResponseHead? _head;
    private StoreDecision _decision;
    private DateTimeOffset _responseTime;
    private long _mark;

    /// <summary>Lets everything that is written to the client be seen as well.</summary>
    public void Listen(HttpContext context) => context.Response.Body = new Tee(context.Response.Body, this);

    public StoreDecision? OnHead(HttpContext context, long? mark)
    {
        var fields = context.Response.Headers;
        if (context.Response.StatusCode != StatusCodes.Status200OK || mark is null || fields.ContentLocation.Count == 0
            || UnsafeMethods.SameOriginTarget(fields.ContentLocation, uri.Scheme, uri.Host, uri.Target) != uri.Target
            || context.Features.Get<CloseDelimited>() is not null)
            return null;

        _responseTime = core.Clock.Now;
        var head = new ResponseHead(StatusCodes.Status200OK, null, [.. fields], _responseTime);
        var request = new RequestHead(HttpMethods.Post, context.Request.Headers, core.CredentialFields);
        var initialAge = Freshness.InitialAge(head, core.Time.GetUtcNow(), _responseTime - _requestTime);
        var decision = Storability.Decide(request, head, initialAge, settings.Policy);
        if (!decision.Store || decision.Reason != StoreReason.ExplicitLifetime || head.ContentLength > settings.MaxBodyBytes)
            return null;

        (_head, _decision, _mark) = (head, decision, mark.Value);
        _recording = new Recording(core.RecordingLimitsOf(settings));
        _recording.Expect(head.ContentLength);
        return decision;
    }

    public void OnEnd(HttpContext context, bool isWhole)
    {
        if (_recording is not { } recording || _head is not { } head)
            return;
        recording.End(failed: !isWhole, trailers: null);
        if (recording.ToBody() is not { } body || (head.ContentLength ?? body.Length) != body.Length || Vary.Fields(head.Vary) is not { } varyFields
            || Tags.FenceOf(CacheKey.Text(uri), head, _mark) is not { } fence)
            return;
        var stored = new StoredResponse(Validation.StoredHead(head, settings.Policy.StoreSetCookie), body)
        {
            ResponseTime = _responseTime,
            InitialAge = Freshness.InitialAge(head, core.Time.GetUtcNow(), _responseTime - _requestTime),
            FreshnessLifetime = _decision.FreshnessLifetime,
            RequestWasAuthorized = new RequestHead(HttpMethods.Post, context.Request.Headers, core.CredentialFields).HasAuthorization,
            VaryFields = varyFields,
            VaryValues = Vary.Values(varyFields, context.Request.Headers),
            Fence = fence,
        };
        core.Store.Store(CacheKey.Text(uri), stored, _decision.Retention - (core.Clock.Now - _responseTime));
        stored.Release();
    }

    /// <summary>The client's stream; what has gone out is recorded when it is to be kept.</summary>
    private sealed class Tee(Stream client, PassedPost post) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await client.WriteAsync(buffer, cancellationToken); // the first write sends the head
            if (post._recording is { IsKept: true } recording)
                await recording.AppendAsync(buffer, cancellationToken);
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override Task FlushAsync(CancellationToken cancellationToken) => client.FlushAsync(cancellationToken);

        public override void Flush() => throw new NotSupportedException();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
