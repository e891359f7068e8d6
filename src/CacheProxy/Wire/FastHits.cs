using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using CacheProxy.Http;
using CacheProxy.Keys;
using CacheProxy.Pipeline;
using CacheProxy.Policy;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Wire;

/// <summary>
/// Hits answered on the connection, below Kestrel's HTTP layer. A stored response is answered so once a request for it has come through the pipeline: the
/// one that had it fetched, or the first that it was the answer to. It is answered by the same policy, asked anew each time.
/// </summary>
internal sealed class FastHits : IDisposable
{
    /// <summary>Of an If-None-Match or an entity tag, in bytes.</summary>
    private const int LongestCondition = 256;

    private static readonly ActivitySource Tracing = new("Microsoft.AspNetCore");
    private static readonly RequestHead Plain = new(HttpMethods.Get, new Dictionary<string, StringValues>());
    private static readonly RequestHead WithCookie = new(HttpMethods.Get, new Dictionary<string, StringValues>(StringComparer.OrdinalIgnoreCase) { ["Cookie"] = "c" });

    private readonly CacheCore _core;
    private readonly FastRoutes _routes;
    private readonly MeterListener _meters;
    private volatile bool _isStopped;

    public FastHits(CacheCore core, FastRoutes routes, IMeterFactory meters)
    {
        _core = core;
        _routes = routes;
        Fields = new NeutralFields(core.CredentialFields);
        _meters = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (ReferenceEquals(instrument.Meter.Scope, meters) && instrument is Histogram<double> { Name: "http.server.request.duration", Meter.Name: "Microsoft.AspNetCore.Hosting" } duration)
                    Duration = duration;
            },
        };
        _meters.Start();
    }

    public NeutralFields Fields { get; }

    /// <summary>Where slow clients are counted.</summary>
    public DeliveryBudget Deliveries => _core.Deliveries;

    public TimeProvider Time => _core.Time;

    /// <summary>The server's own instrument, which counts these hits as all others; <c>null</c> before it is made.</summary>
    public Histogram<double>? Duration { get; private set; }

    /// <summary>The configuration of now.</summary>
    public FastRoutes.Epoch Now => _routes.Now;

    /// <summary>A step of each connection of a listener.</summary>
    /// <param name="kestrel">Its options: where it would add a field of its own, or take less than a plain request, everything goes through the pipeline.</param>
    /// <param name="isTrustedProxy">Whose X-Forwarded-Proto is the scheme; <c>null</c>: requests with one go through the pipeline.</param>
    public Func<ConnectionDelegate, ConnectionDelegate> StepFor(KestrelServerOptions kestrel, Func<IPAddress, bool>? isTrustedProxy) =>
        next => connection => IsTakenBy(kestrel) && connection.Features.Get<ITlsHandshakeFeature>() is null ? ConnectAsync(next, connection, kestrel.Limits, isTrustedProxy) : next(connection);

    /// <summary>From now on every request goes through the pipeline.</summary>
    public void Stop() => _isStopped = true;

    /// <summary>A GET without a body has come through the pipeline: what follows it on its connection may be answered here.</summary>
    public void Open(HttpContext context)
    {
        if (!_isStopped && ConnectionOf(context) is { } connection && Activity.Current is null)
            connection.Open();
    }

    /// <summary>
    /// The leave for hits on what a request that has come through the pipeline asks for; <c>null</c>: they all go through it. A HEAD may have another route
    /// than the GET, with less in its way; and what was read before the configuration changed was routed by the one of before.
    /// </summary>
    public FastLeave? LeaveOf(HttpContext context, RouteSettings settings) =>
        HttpMethods.IsGet(context.Request.Method) ? _routes.LeaveOf(ConnectionOf(context)?.ReadUnder, context.GetEndpoint(), settings) : null;

    /// <summary>The pipeline has answered with a fresh stored response, which is held.</summary>
    public void OnHit(HttpContext context, StoredResponse stored, RouteSettings settings)
    {
        if (stored.Leave is FastLeave known && ReferenceEquals(known.Settings, settings) && _routes.IsCurrent(known))
            return;
        if (LeaveOf(context, settings) is { } leave && HitText.CanWrite(stored))
            stored.Leave = leave;
    }

    /// <summary>Answers, if there is a fresh stored response that may be given without the pipeline.</summary>
    /// <param name="request">The request.</param>
    /// <param name="isFromTrustedProxy">Whether its word on the scheme counts; <c>null</c> when that is not known here.</param>
    /// <param name="output">Where the answer is written, not sent.</param>
    /// <param name="started">When the request came, if somebody listens to <see cref="Duration"/>.</param>
    /// <param name="rest">What follows, where the body does not lie in the block; <c>null</c>: nothing does.</param>
    /// <returns>How many bytes were written; 0: the request is for the pipeline.</returns>
    public int Answer(in PlainRequest request, bool? isFromTrustedProxy, PipeWriter output, long started, out LargeHit? rest)
    {
        rest = null;
        if (_isStopped || Tracing.HasListeners() || (isFromTrustedProxy is null && !request.ForwardedScheme.IsEmpty))
            return 0;
        var scheme = isFromTrustedProxy is true && request.ForwardedScheme.Length == 5 ? "https" : "http";
        Span<char> buffer = stackalloc char[CacheKey.StackLength];
        if (!CacheKey.TryWrite(scheme, request.Host, request.Target, buffer, out var length))
            return 0;
        var key = buffer[..length];
        var now = _core.Clock.Now;
        if (_core.Store.Find(key, now) is not { } resource || ResponseStore.Select(resource, request.AcceptEncoding) is not { } stored)
            return 0;
        if (stored.Leave is not FastLeave leave || !_routes.IsCurrent(leave))
            return 0;
        if (request.IfNoneMatch.IsEmpty)
            stored.Prefetch();
        ref readonly var head = ref request.HasCookie ? ref WithCookie : ref Plain;
        var decision = _core.Decide(head, stored, now, leave.Settings, default);
        if (decision.Verb != ReuseVerb.Serve)
            return 0;
        var outcome = new Outcome(CacheResult.Hit) { TimeToLive = stored.FreshnessLifetime - decision.Age };
        if (!stored.TryHold())
            return 0; // evicted at this moment
        int written;
        bool isNotModified;
        try
        {
            var tag = request.IfNoneMatch.IsEmpty ? default : stored.EntityTag;
            if (Math.Max(tag.Length, request.IfNoneMatch.Length) > LongestCondition)
                return 0;
            isNotModified = stored.Facts.StatusCode == StatusCodes.Status200OK && !request.IfNoneMatch.IsEmpty && IsNamed(tag, request.IfNoneMatch);
            written = HitText.Write(output, stored, isNotModified, decision.Age, CacheStatusText.Of(outcome, null));
        }
        finally
        {
            stored.Release();
        }
        _core.Metrics.Record(outcome, isNotModified ? 0 : stored.BodyLength);
        if (_core.HotKeys is { } hotKeys && !request.HasCookie)
            hotKeys.OnHit(key);
        var status = isNotModified ? StatusCodes.Status304NotModified : stored.Facts.StatusCode;
        if (stored.LargeBody is { } body && !isNotModified)
            rest = new LargeHit(body, scheme, status, leave.Route, started);
        else if (started != 0)
            Record(scheme, status, leave.Route, started);
        return written;
    }

    /// <summary>The last of it is sent.</summary>
    public void OnDelivered(LargeHit hit)
    {
        if (hit.Started != 0)
            Record(hit.Scheme, hit.Status, hit.Route, hit.Started);
    }

    public void Dispose() => _meters.Dispose();

    /// <summary>What HTTP/1.1 is spoken on, one request at a time; <c>null</c>: HTTP/2 is, or the transport is another, with TLS or anything else between.</summary>
    private static HitConnection? ConnectionOf(HttpContext context) =>
        HttpProtocol.IsHttp11(context.Request.Protocol) ? context.Features.Get<IConnectionTransportFeature>()?.Transport as HitConnection : null;

    /// <summary>As <see cref="Preconditions"/> has it.</summary>
    private static bool IsNamed(ReadOnlySpan<byte> entityTag, ReadOnlySpan<byte> ifNoneMatch)
    {
        Span<char> tag = stackalloc char[LongestCondition];
        Span<char> line = stackalloc char[LongestCondition];
        return EntityTag.ListNames(line[..Encoding.Latin1.GetChars(ifNoneMatch, line)], tag[..Encoding.Latin1.GetChars(entityTag, tag)]);
    }

    /// <summary>With the tags that the hosting layer gives it.</summary>
    private void Record(string scheme, int status, string? route, long started)
    {
        var tags = new TagList { { "url.scheme", scheme }, { "http.request.method", "GET" }, { "network.protocol.version", "1.1" }, { "http.response.status_code", status } };
        if (route is not null)
            tags.Add("http.route", route);
        Duration!.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, tags);
    }

    private bool IsTakenBy(KestrelServerOptions kestrel) =>
        kestrel is { AddServerHeader: false, Limits: { MaxRequestLineSize: >= PlainRequest.MaxBytes, MaxRequestHeadersTotalSize: >= PlainRequest.MaxBytes } } && !_core.ShowsKey;

    private async Task ConnectAsync(ConnectionDelegate next, ConnectionContext connection, KestrelServerLimits limits, Func<IPAddress, bool>? isTrustedProxy)
    {
        var transport = connection.Transport;
        bool? isTrusted = connection.RemoteEndPoint is IPEndPoint peer ? isTrustedProxy?.Invoke(peer.Address) : null;
        connection.Transport = new HitConnection(connection, this, limits, isTrusted);
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = transport;
        }
    }
}

/// <summary>An answer of which the head is written and the body is not.</summary>
/// <param name="Body">The body.</param>
/// <param name="Scheme">As metrics have it, like what follows.</param>
/// <param name="Status">The status code.</param>
/// <param name="Route">The route's pattern.</param>
/// <param name="Started">When the request came; 0: nobody asks.</param>
internal sealed record LargeHit(Body Body, string Scheme, int Status, string? Route, long Started);
