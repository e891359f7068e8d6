using CacheProxy.Origin;
using Items.Api.Caching;
using Microsoft.EntityFrameworkCore;

namespace Items.Api.Database;

internal static class DatabaseRegistration
{
    /// <summary>Both contexts are known, which <c>dotnet ef</c> needs; the options say which is the <see cref="ItemsContext"/>.</summary>
    public static IServiceCollection AddItemsDatabase(this IServiceCollection services, ItemsOptions options)
    {
        services.AddDbContextPool<SqliteItemsContext>((provider, builder) => builder.UseSqlite(options.ConnectionString).UseCacheGroups(provider));
        services.AddDbContextPool<PostgreSqlItemsContext>((provider, builder) => builder.UseNpgsql(options.ConnectionString).UseCacheGroups(provider));
        services.AddScoped<ItemsContext>(provider => options.Provider switch
        {
            DatabaseProvider.PostgreSql => provider.GetRequiredService<PostgreSqlItemsContext>(),
            _ => provider.GetRequiredService<SqliteItemsContext>(),
        });
        return services.AddItemsCache(options).AddHostedService<DatabaseStart>();
    }
}
