using CacheProxy.Diagnostics;
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
internal sealed class Passing(Invalidator invalidator, CacheMetrics metrics)
{
    public async Task RunAsync(HttpContext context, RequestDelegate next, TargetUri uri, ForwardReason reason)
    {
        var method = context.Request.Method;
        ForwardedFields.Clean(context.Request.Headers, HttpMethods.IsGet(method) || HttpMethods.IsHead(method));
        if (UnsafeMethods.IsUnsafe(method) && context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody is false)
            context.Request.ContentLength = 0; // what says nothing of a body is sent again when a pooled connection dies under it
        if (!IsWebSocket(context.Request.Headers.Upgrade))
            context.Features.Set<IHttpUpgradeFeature>(null); // nothing but websocket is upgraded: never h2c, and nobody who did not ask
        var pass = new Pass(invalidator, uri, UnsafeMethods.IsUnsafe(method), context, new Outcome(CacheResult.Pass, reason));
        context.Response.OnStarting(static state => ((Pass)state).OnStartingAsync(), pass);
        try
        {
            await next(context);
        }
        finally
        {
            await pass.OnEndAsync(context.Features.Get<IForwarderErrorFeature>()?.Error);
            metrics.Record(pass.Outcome, context.Response.ContentLength ?? 0);
        }
        if (!context.Response.HasStarted && context.Features.Get<IForwarderErrorFeature>() is not null && ProblemResponse.Has(context.Response.StatusCode))
            await ProblemResponse.WriteAsync(context.Response, context.Response.StatusCode);
    }

    private static bool IsWebSocket(StringValues upgrade) =>
        string.Equals(upgrade.ToString(), "websocket", StringComparison.OrdinalIgnoreCase);

    private sealed class Pass(Invalidator invalidator, TargetUri uri, bool isUnsafe, HttpContext context, Outcome outcome)
    {
        private bool _done;

        public Outcome Outcome => outcome;

        public async Task OnStartingAsync()
        {
            var response = context.Response;
            if (isUnsafe && UnsafeMethods.Invalidates(response.StatusCode))
                await InvalidateAsync(response.Headers);
            response.Headers.Append("Cache-Status", CacheStatusText.Of(outcome, response.StatusCode));
        }

        /// <summary>A write whose answer never came may have been done all the same.</summary>
        public ValueTask OnEndAsync(ForwarderError? error) =>
            isUnsafe && error is not (null or ForwarderError.NoAvailableDestinations) ? InvalidateAsync(new HeaderDictionary()) : default;

        private async ValueTask InvalidateAsync(IHeaderDictionary responseFields)
        {
            if (_done)
                return;
            _done = true;
            await invalidator.OnWriteAsync(uri, responseFields);
        }
    }
}
