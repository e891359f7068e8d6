using CacheProxy.Diagnostics;
using CacheProxy.Http;
using CacheProxy.Keys;
using CacheProxy.Policy;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Forwarder;

namespace CacheProxy.Pipeline;

/// <summary>
/// Passes a request on its own context to the rest of YARP's pipeline, bodies streaming both ways, once. A successful unsafe method
/// invalidates what it may have changed before the first byte of its answer goes on (RFC 9111 section 4.4).
/// </summary>
internal sealed class Passing(ResponseStore store, CacheMetrics metrics)
{
    public async Task RunAsync(HttpContext context, RequestDelegate next, TargetUri uri, ForwardReason reason)
    {
        var method = context.Request.Method;
        ForwardedFields.Clean(context.Request.Headers, HttpMethods.IsGet(method) || HttpMethods.IsHead(method));
        if (UnsafeMethods.IsUnsafe(method) && context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody is false)
            context.Request.ContentLength = 0; // what says nothing of a body is sent again when a pooled connection dies under it
        if (!IsWebSocket(context.Request.Headers.Upgrade))
            context.Features.Set<IHttpUpgradeFeature>(null); // nothing but websocket is upgraded: never h2c, and nobody who did not ask
        var pass = new Pass(store, metrics, uri, UnsafeMethods.IsUnsafe(method), context, new Outcome(CacheResult.Pass, reason));
        context.Response.OnStarting(static state => ((Pass)state).OnStarting(), pass);
        try
        {
            await next(context);
        }
        finally
        {
            pass.OnEnd(context.Features.Get<IForwarderErrorFeature>()?.Error);
            metrics.Record(pass.Outcome, context.Response.ContentLength ?? 0);
        }
        if (!context.Response.HasStarted && context.Features.Get<IForwarderErrorFeature>() is not null && ProblemResponse.Has(context.Response.StatusCode))
            await ProblemResponse.WriteAsync(context.Response, context.Response.StatusCode);
    }

    private static bool IsWebSocket(StringValues upgrade) =>
        string.Equals(upgrade.ToString(), "websocket", StringComparison.OrdinalIgnoreCase);

    private sealed class Pass(ResponseStore store, CacheMetrics metrics, TargetUri uri, bool isUnsafe, HttpContext context, Outcome outcome)
    {
        private bool _done;

        public Outcome Outcome => outcome;

        public Task OnStarting()
        {
            var response = context.Response;
            if (isUnsafe && UnsafeMethods.Invalidates(response.StatusCode))
                Invalidate(response.Headers);
            response.Headers.Remove(TargetedCacheControl.OwnField);
            response.Headers.Append("Cache-Status", CacheStatusText.Of(outcome, response.StatusCode));
            return Task.CompletedTask;
        }

        /// <summary>A write whose answer never came may have been done all the same.</summary>
        public void OnEnd(ForwarderError? error)
        {
            if (isUnsafe && error is not (null or ForwarderError.NoAvailableDestinations))
                Invalidate(new HeaderDictionary());
        }

        private void Invalidate(IHeaderDictionary responseFields)
        {
            if (_done)
                return;
            _done = true;
            metrics.Invalidated("url");
            store.Invalidate(CacheKey.Text(uri));
            InvalidateReference(responseFields.Location);
            InvalidateReference(responseFields.ContentLocation);
        }

        private void InvalidateReference(StringValues reference)
        {
            if (reference.Count > 0 && UnsafeMethods.SameOriginTarget(reference, uri.Scheme, uri.Host, uri.Target) is { } target)
                store.Invalidate(CacheKey.Text(uri with { Target = target }));
        }
    }
}
