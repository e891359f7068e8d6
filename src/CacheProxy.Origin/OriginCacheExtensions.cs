using CacheProxy.Coherence;
using CacheProxy.Origin.Groups;
using CacheProxy.Origin.Http;
using CacheProxy.Origin.Outbox;
using CacheProxy.Origin.Workers;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
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
        services.TryAddSingleton<OutboxQueue>();
        services.TryAddSingleton(provider => new OutboxBacklog(provider.GetRequiredService<OutboxQueue>()));
        services.TryAddSingleton<WriteGroups>();
        services.TryAddSingleton<OriginCache>();
        services.TryAddSingleton<HybridCache>(provider => provider.GetRequiredService<OriginCache>());
        return services;
    }

    /// <summary>A kind of entries that the cache can make by itself. <see cref="EntryPolicy.RefreshAt"/>, the hot keys and warming need it.</summary>
    public static IServiceCollection AddEntryKind<T>(this IServiceCollection services, EntryKind<T> kind) =>
        services.AddSingleton(kind).AddSingleton<EntryKind>(kind);

    /// <summary>
    /// Finishes what the outbox of a context holds (<see cref="OutboxModel.HasCacheOutbox"/>). <typeparamref name="TContext"/> is resolved from a scope.
    /// </summary>
    public static IServiceCollection AddCacheOutbox<TContext>(this IServiceCollection services)
        where TContext : DbContext => services.AddHostedService<OutboxWorker<TContext>>();

    /// <summary>Reads in the background what will be asked for: at the start, and before hot entries end. For kinds (<see cref="AddEntryKind{T}"/>).</summary>
    public static IServiceCollection AddBackgroundReads(this IServiceCollection services) => services.AddHostedService<BackgroundReads>();

    /// <summary>Has a context tell what it reads and writes. For entities with <see cref="EntityGroupsExtensions.HasCacheGroups"/>.</summary>
    public static DbContextOptionsBuilder UseCacheGroups(this DbContextOptionsBuilder context, IServiceProvider services) =>
        context.AddInterceptors(QueryGroups.Instance, ReadGroups.Instance, services.GetRequiredService<WriteGroups>());

    /// <summary>
    /// Names groups on answers and honours what requests must not be behind of (<see cref="CacheGroupsMiddleware"/>). Before whatever reads or writes data.
    /// </summary>
    public static IApplicationBuilder UseCacheGroups(this IApplicationBuilder app) => app.UseMiddleware<CacheGroupsMiddleware>();
}
