using System.Text.Json.Serialization;
using Items.Api;
using Items.Api.Catalog;
using Items.Api.Database;
using Items.Api.Documentation;
using Items.Api.Health;
using Items.Api.Http;
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
        .AddScoped<ItemStore>()
        .AddProblems()
        .AddHealth()
        .AddApiDocument();

    var app = builder.Build();
    app.UseCacheControlTable(options.CacheControl);
    app.UseProblems();
    app.MapItems();
    app.MapHealth();
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
