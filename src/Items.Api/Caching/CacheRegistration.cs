using CacheProxy.Coherence;
using CacheProxy.Origin;

namespace Items.Api.Caching;

internal static class CacheRegistration
{
    /// <summary>How nodes keep in step is in section <c>Items:Coherence</c>; the key prefix there is to be the proxy's.</summary>
    public static IServiceCollection AddItemsCache(this IServiceCollection services, ItemsOptions options)
    {
        var kinds = new ItemKinds(options.Cache);
        services.AddCoherence("Items:Coherence").PostConfigure<CoherenceOptions>(coherence => coherence.Redis = options.Redis);
        return services.AddSingleton(kinds).AddEntryKind(kinds.Item).AddEntryKind(kinds.List)
            .AddOriginCache(cache =>
            {
                foreach (var origin in options.Cache.PublicOrigins)
                    cache.PublicOrigins.Add(origin);
                foreach (var key in options.Cache.WarmKeys)
                    cache.WarmKeys.Add(key);
                cache.WarmFile = options.Cache.WarmFile;
            });
    }
}
