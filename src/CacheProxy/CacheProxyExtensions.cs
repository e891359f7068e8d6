using System.Diagnostics.Metrics;
using System.Net;
using CacheProxy.Admin;
using CacheProxy.Coherence;
using CacheProxy.Diagnostics;
using CacheProxy.Fetching;
using CacheProxy.Invalidation;
using CacheProxy.Pipeline;
using CacheProxy.Warming;
using CacheProxy.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Transforms.Builder;

namespace CacheProxy;

/// <summary>Puts the cache into an application that uses YARP.</summary>
public static class CacheProxyExtensions
{
    /// <summary>
    /// Adds the cache's services. YARP's own come from <c>AddReverseProxy()</c>; options are taken from <see cref="CacheProxyOptions"/>.
    /// </summary>
    public static IServiceCollection AddHttpCache(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddCacheProxyConfiguration();
        services.AddMetrics();
        services.TryAddSingleton<CacheMetrics>();
        services.TryAddSingleton(provider => CoherenceNode.Create(
            provider.GetRequiredService<IOptions<CacheProxyOptions>>().Value.Coherence, provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILoggerFactory>(), provider.GetRequiredService<IMeterFactory>()));
        services.AddHostedService<CoherenceStart>();
        services.TryAddSingleton<CacheCore>();
        services.TryAddSingleton<FastRoutes>();
        services.TryAddSingleton<FastHits>();
        services.TryAddSingleton(provider => new PurgeEndpoint(provider.GetRequiredService<CacheCore>().Invalidator));
        services.TryAddSingleton<EndpointRouting>();
        services.TryAddSingleton<Explainer>();
        services.TryAddSingleton<InnerClient>();
        services.TryAddSingleton<Warmer>();
        services.AddHostedService(provider => provider.GetRequiredService<Warmer>());
        services.AddHostedService(provider => new TopKeysFile(
            provider.GetRequiredService<CacheCore>().HotKeys, provider.GetRequiredService<IOptions<CacheProxyOptions>>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<TopKeysFile>>()));
        services.AddSingleton<ITransformProvider, ForwardingTransforms>();
        return services;
    }

    /// <summary>
    /// Answers from the cache: the first step of YARP's pipeline, before affinity and load balancing, which a hit does not need:
    /// <c>app.MapReverseProxy(proxy => { proxy.UseHttpCache(); proxy.UseSessionAffinity(); proxy.UseLoadBalancing(); proxy.UsePassiveHealthChecks(); })</c>.
    /// </summary>
    public static IReverseProxyApplicationBuilder UseHttpCache(this IReverseProxyApplicationBuilder proxy)
    {
        proxy.UseMiddleware<HttpCacheMiddleware>(proxy.ApplicationServices.GetRequiredService<CacheCore>());
        return proxy;
    }

    /// <summary>
    /// Answers plain hits of a listener without TLS on the connection, below HTTP: the same answers at a fraction of the work. Off unless called:
    /// <c>kestrel.ConfigureEndpointDefaults(listen => listen.UseFastHits())</c>, after all other steps of the connection.
    /// </summary>
    /// <remarks>
    /// What stands before the cache does not see such a hit: middleware before <c>MapReverseProxy</c>, and steps of YARP's pipeline before
    /// <see cref="UseHttpCache"/>. What belongs to the route is seen to: hits of routes with authorization, CORS, rate limits or any other metadata go through
    /// the pipeline, and so do all where there is a fallback policy or a global rate limit. Nothing is answered so within TLS, while
    /// <see cref="KestrelServerOptions.AddServerHeader"/> is on, or while a logger listens to <c>Microsoft.AspNetCore.Hosting.Diagnostics</c>.
    /// </remarks>
    public static ListenOptions UseFastHits(this ListenOptions listen) => listen.UseFastHits(null);

    /// <param name="listen">The listener.</param>
    /// <param name="isTrustedProxy">Whose X-Forwarded-Proto the application believes; <c>null</c>: it is not known.</param>
    internal static ListenOptions UseFastHits(this ListenOptions listen, Func<IPAddress, bool>? isTrustedProxy)
    {
        var hits = listen.ApplicationServices.GetRequiredService<FastHits>();
        listen.ApplicationServices.GetRequiredService<CacheCore>().FastHits = hits;
        listen.Use(hits.StepFor(listen.KestrelServerOptions, isTrustedProxy));
        return listen;
    }
}
