using CacheProxy.Coherence;
using CacheProxy.Diagnostics;
using CacheProxy.Fetching;
using CacheProxy.Http;
using CacheProxy.Invalidation;
using CacheProxy.Keys;
using CacheProxy.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Forwarder;

namespace CacheProxy.Pipeline;

/// <summary>
/// Passes a request on its own context to the rest of YARP's pipeline, bodies streaming both ways, once. A successful unsafe method
/// invalidates what it may have changed before the first byte of its answer goes on (RFC 9111 section 4.4).
/// </summary>
internal sealed class Passing(Invalidator invalidator, CacheMetrics metrics, string loopName, bool showsKey)
{
    /// <param name="context">The client's.</param>
    /// <param name="next">The rest of YARP's pipeline.</param>
    /// <param name="target">What an unsafe method invalidates.</param>
    /// <param name="reason">Why the request goes forward.</param>
    /// <param name="listener">Learns from the answer; <c>null</c> for nobody.</param>
    /// <param name="need">What the client has written before.</param>
    /// <param name="relay">Sends interim responses on; <c>null</c>: nobody does.</param>
    /// <param name="refused">Why the answer is not stored, if that is known before; <c>null</c>: the question does not come up.</param>
    public async Task RunAsync(HttpContext context, RequestDelegate next, WriteTarget target, ForwardReason reason, IPassListener? listener = null,
        Need need = default, InterimRelay? relay = null, StoreReason? refused = null)
    {
        var method = context.Request.Method;
        ForwardedFields.Clean(context.Request.Headers, HttpMethods.IsGet(method) || HttpMethods.IsHead(method));
        if (CdnLoop.Names(context.Request.Headers[CdnLoop.FieldName], loopName))
        {
            metrics.Record(new Outcome(CacheResult.Refused));
            await ProblemResponse.WriteAsync(context.Response, StatusCodes.Status508LoopDetected);
            return;
        }
        CdnLoop.Add(context.Request.Headers, loopName);
        if (invalidator.Standing is { } standing)
            context.Request.Headers[SequenceFields.Needed] = MinSeq.Of(standing, need);
        if (UnsafeMethods.IsUnsafe(method) && context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody is false)
            context.Request.ContentLength = 0; // what says nothing of a body is sent again when a pooled connection dies under it
        if (!IsWebSocket(context.Request.Headers.Upgrade))
            context.Features.Set<IHttpUpgradeFeature>(null); // nothing but websocket is upgraded: never h2c, and nobody who did not ask
        var pass = new Pass(invalidator, target, showsKey, UnsafeMethods.IsUnsafe(method), context, new Outcome(CacheResult.Pass, reason, StoreReason: refused), listener, need);
        context.Response.OnStarting(static state => ((Pass)state).OnStartingAsync(), pass);
        if (relay is not null)
            InterimSink.Current = relay;
        try
        {
            await next(context);
        }
        finally
        {
            if (relay is not null)
                await relay.CloseAsync();
            await pass.OnEndAsync(context.Features.Get<IForwarderErrorFeature>());
            metrics.Record(pass.Outcome, context.Response.ContentLength ?? 0);
        }
        if (!context.Response.HasStarted && context.Features.Get<IForwarderErrorFeature>() is not null && ProblemResponse.Has(context.Response.StatusCode))
            await ProblemResponse.WriteAsync(context.Response, context.Response.StatusCode);
    }

    private static bool IsWebSocket(StringValues upgrade) =>
        string.Equals(upgrade.ToString(), "websocket", StringComparison.OrdinalIgnoreCase);

    private sealed class Pass(
        Invalidator invalidator, WriteTarget target, bool showsKey, bool isUnsafe, HttpContext context, Outcome outcome, IPassListener? listener,
        Need need)
    {
        private readonly long _since = invalidator.Applied;
        private bool _done;

        public Outcome Outcome { get; private set; } = outcome;

        public async Task OnStartingAsync()
        {
            var response = context.Response;
            var mark = isUnsafe && UnsafeMethods.Invalidates(response.StatusCode) ? await InvalidateAsync(response.Headers) : null;
            if (listener?.OnHead(context, mark) is { } decision)
                Outcome = Outcome with { Stored = decision.Store, StoreReason = decision.Reason, TimeToLive = decision.Store ? decision.FreshnessLifetime : null };
            response.Headers.Remove(TargetedCacheControl.OwnField);
            response.Headers.Append("Cache-Status", CacheStatusText.Of(Outcome, response.StatusCode, showsKey ? CacheKey.Text(target.Uri) : null));
        }

        /// <summary>A write whose answer never came may have been done all the same.</summary>
        public async ValueTask OnEndAsync(IForwarderErrorFeature? failure)
        {
            if (isUnsafe && failure is not (null or { Error: ForwarderError.NoAvailableDestinations }))
                await InvalidateAsync(new HeaderDictionary());
            listener?.OnEnd(context, isWhole: failure is null && context.Response.HasStarted);
        }

        /// <returns>The place of this write's own invalidation, if it is the only one of the URI since the request went out.</returns>
        private async ValueTask<long?> InvalidateAsync(IHeaderDictionary responseFields)
        {
            if (_done)
                return null;
            _done = true;
            var (position, fill) = await invalidator.OnWriteAsync(target, responseFields, _since);
            if (responseFields[SequenceFields.Written] == SequenceFields.Pending)
                position = null; // the origin's own caches have not heard of the write, whatever place it has here
            if (target.Token != ReadYourWrites.None && !context.Response.HasStarted)
                SessionToken.Give(context, target.Token, position, need, invalidator.Staleness);
            return fill;
        }
    }
}
