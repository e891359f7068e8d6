using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace CacheProxy;

/// <summary>Joins the cache's options to YARP's routes and clusters.</summary>
internal static class CacheProxyConfiguration
{
    /// <summary>Validated options, each route's settings, and what clusters get when they do not say otherwise. Calling it again changes nothing.</summary>
    public static IServiceCollection AddCacheProxyConfiguration(this IServiceCollection services)
    {
        services.AddOptions<CacheProxyOptions>().ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<CacheProxyOptions>, CacheProxyOptionsValidator>());
        services.TryAddSingleton<RouteSettingsResolver>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IProxyConfigFilter, ClusterDefaults>());
        services.Replace(ServiceDescriptor.Singleton<IForwarderHttpClientFactory, OriginClientFactory>());
        return services;
    }
}
