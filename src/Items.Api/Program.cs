using System.Text.Json.Serialization;
using CacheProxy.Origin;
using Items.Api;
using Items.Api.Catalog;
using Items.Api.Database;
using Items.Api.Documentation;
using Items.Api.Health;
using Items.Api.Http;
using Items.Api.Metrics;
using Microsoft.Extensions.DependencyInjection.Extensions;

try
{
    var builder = WebApplication.CreateBuilder(args);
    builder.Configuration.AddLogLevels();
    var options = ItemsConfiguration.Read(builder.Configuration, builder.Environment.ContentRootPath);

    builder.WebHost.ConfigureKestrel(kestrel =>
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = ItemInput.MaxBodyBytes;
    });
    builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict);
    builder.Services.TryAddSingleton(TimeProvider.System);
    builder.Services.AddSingleton(options)
        .AddItemsDatabase(options)
        .AddCacheOutbox<ItemsContext>()
        .AddBackgroundReads()
        .AddScoped<ItemStore>()
        .AddSingleton<ItemReads>()
        .AddSingleton<MetricsText>()
        .AddProblems()
        .AddHealth(options)
        .AddApiDocument();

    var app = builder.Build();
    app.Services.GetRequiredService<MetricsText>(); // counts from the start on
    app.UseCacheControlTable(options.CacheControl);
    app.UseProblems();
    app.UseCacheGroups();
    app.MapItems();
    app.MapHealth();
    app.MapMetrics();
    app.MapApiDocument();
    await app.RunAsync();
    return 0;
}
catch (OperationCanceledException)
{
    // Told to stop while it was still starting.
    return 0;
}
catch (StartupException refused)
{
    await Console.Error.WriteLineAsync(refused.Message);
    return 1;
}
