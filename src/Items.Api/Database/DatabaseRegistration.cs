using Microsoft.EntityFrameworkCore;

namespace Items.Api.Database;

internal static class DatabaseRegistration
{
    /// <summary>Both contexts are known, which <c>dotnet ef</c> needs; the options say which of them is the <see cref="ItemsContext"/>.</summary>
    public static IServiceCollection AddItemsDatabase(this IServiceCollection services, ItemsOptions options)
    {
        services.AddDbContextPool<SqliteItemsContext>((provider, builder) =>
            builder.UseSqlite(options.ConnectionString).SeedWith(options, provider));
        services.AddDbContextPool<PostgreSqlItemsContext>((provider, builder) =>
            builder.UseNpgsql(options.ConnectionString).SeedWith(options, provider));
        services.AddScoped<ItemsContext>(provider => options.Provider switch
        {
            DatabaseProvider.PostgreSql => provider.GetRequiredService<PostgreSqlItemsContext>(),
            _ => provider.GetRequiredService<SqliteItemsContext>(),
        });
        return services.AddHostedService<DatabaseStart>();
    }

    private static void SeedWith(this DbContextOptionsBuilder builder, ItemsOptions options, IServiceProvider provider)
    {
        var log = provider.GetRequiredService<ILogger<DatabaseStart>>();
        builder.UseAsyncSeeding((context, _, cancellation) => Seed.InsertAsync((ItemsContext)context, options.Seed, log, cancellation));
    }
}
