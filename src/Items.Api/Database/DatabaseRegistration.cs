using Microsoft.EntityFrameworkCore;

namespace Items.Api.Database;

internal static class DatabaseRegistration
{
    /// <summary>Both contexts are known, which <c>dotnet ef</c> needs; the options say which is the <see cref="ItemsContext"/>.</summary>
    public static IServiceCollection AddItemsDatabase(this IServiceCollection services, ItemsOptions options)
    {
        services.AddDbContextPool<SqliteItemsContext>(builder => builder.UseSqlite(options.ConnectionString));
        services.AddDbContextPool<PostgreSqlItemsContext>(builder => builder.UseNpgsql(options.ConnectionString));
        services.AddScoped<ItemsContext>(provider => options.Provider switch
        {
            DatabaseProvider.PostgreSql => provider.GetRequiredService<PostgreSqlItemsContext>(),
            _ => provider.GetRequiredService<SqliteItemsContext>(),
        });
        return services.AddHostedService<DatabaseStart>();
    }
}
