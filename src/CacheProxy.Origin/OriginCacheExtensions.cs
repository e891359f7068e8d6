using CacheProxy.Coherence;
using CacheProxy.Origin.Groups;
using CacheProxy.Origin.Workers;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace CacheProxy.Origin;

/// <summary>What an API says to have its data cached.</summary>
public static class OriginCacheExtensions
{
    /// <summary>
    /// The cache as <see cref="OriginCache"/> and as <see cref="HybridCache"/>. The order is kept in this process, unless coherence over Redis has been added.
    /// </summary>
    public static IServiceCollection AddOriginCache(this IServiceCollection services, Action<OriginCacheOptions>? configure = null)
    {
        services.AddMetrics().AddLogging().AddOptions<OriginCacheOptions>().ValidateOnStart();
        if (configure is not null)
            services.Configure(configure);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<OriginCacheOptions>, OriginCacheOptionsValidator>());
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<CoherenceNode>();
        services.TryAddSingleton<OriginMetrics>();
        services.TryAddSingleton<TopKeys>();
        services.TryAddSingleton<Publisher>();
        services.TryAddSingleton<OriginCache>();
        services.TryAddSingleton<HybridCache>(provider => provider.GetRequiredService<OriginCache>());
        return services;
    }

    /// <summary>A kind of entries that the cache can make by itself. <see cref="EntryPolicy.RefreshAt"/>, the hot keys and warming need it.</summary>
    public static IServiceCollection AddEntryKind<T>(this IServiceCollection services, EntryKind<T> kind) =>
        services.AddSingleton(kind).AddSingleton<EntryKind>(kind);
}
