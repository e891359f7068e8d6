using CacheProxy.Admin;
using CacheProxy.Diagnostics;
using CacheProxy.Pipeline;
using CacheProxy.Warming;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace CacheProxy.Host;

/// <summary>
/// Health, metrics and commands on a listener of their own: a second, small web application, so that nothing on the public port can reach
/// them. It listens before the proxy does, and until after the proxy has stopped. Its sockets are scheduled the usual way: a slow scrape
/// holds up no request.
/// </summary>
internal sealed class AdminServer : IHostedLifecycleService, IAsyncDisposable
{
    private readonly AdminOptions _options;
    private readonly ILogger<AdminServer> _log;
    private readonly WebApplication _app;

    public AdminServer(AdminOptions options, IServiceProvider proxy, ILogger<AdminServer> log)
    {
        (_options, _log) = (options, log);
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 1 << 20;
            kestrel.Listen(options.Listen, options.Port);
        });
        builder.Services.AddSingleton(proxy.GetRequiredService<ILoggerFactory>());
        builder.Services.AddSingleton<IHostLifetime, OwnedLifetime>();
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(proxy.GetRequiredService<Readiness>());
        builder.Services.AddSingleton(proxy.GetRequiredService<PrometheusExporter>());
        builder.Services.AddSingleton(proxy.GetRequiredService<PurgeEndpoint>());
        builder.Services.AddSingleton(proxy.GetRequiredService<Explainer>());
        builder.Services.AddSingleton(proxy.GetRequiredService<Warmer>());
        _app = builder.Build();
        _app.Use(new AdminGuard(options.Key).InvokeAsync);
        _app.UseRouting();
        _app.MapCacheProxyAdmin();
        _app.UseEndpoints(_ => { });
    }

    /// <summary>Before the proxy listens.</summary>
    public async Task StartingAsync(CancellationToken cancel)
    {
        try
        {
            await _app.StartAsync(cancel);
        }
        catch (IOException taken)
        {
            throw new InvalidConfigurationException(
                [$"CacheProxy:Admin:Port is {_options.Port}; the admin server cannot listen there: {taken.Message}"]);
        }

        var addresses = _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        Log.AdminListening(_log, string.Join(", ", addresses));
    }

    /// <summary>After the proxy has stopped, whether in time or not.</summary>
    public async Task StoppedAsync(CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(limit.Token);
    }

    public Task StartAsync(CancellationToken cancel) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancel) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancel) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancel) => Task.CompletedTask;

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>The default would listen for signals a second time.</summary>
    private sealed class OwnedLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
