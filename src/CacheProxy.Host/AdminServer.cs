using CacheProxy.Admin;
using CacheProxy.Diagnostics;
using CacheProxy.Pipeline;
using CacheProxy.Warming;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace CacheProxy.Host;

/// <summary>
/// Health, metrics and commands on a listener of their own: a second, small web application, so that nothing on the public port can reach
/// them. It starts beside the proxy, and listens until after the proxy has stopped. Its sockets are scheduled the usual way: a slow scrape
/// holds up no request.
/// </summary>
/// <param name="options">Where it listens, and with which key.</param>
/// <param name="exporter">Asked for here, so that it counts from before the proxy listens on.</param>
/// <param name="proxy">The proxy's services.</param>
/// <param name="log">Hears where it listens.</param>
internal sealed class AdminServer(AdminOptions options, PrometheusExporter exporter, IServiceProvider proxy, ILogger<AdminServer> log)
    : IHostedLifecycleService, IAsyncDisposable
{
    private Task<WebApplication>? _start;

    /// <summary>Takes a thread of its own: there is as much to do as for the proxy.</summary>
    public Task StartingAsync(CancellationToken cancel)
    {
        _start = Task.Run(() => StartAppAsync(cancel), CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <summary>The proxy listens by now; it is not ready before this one listens too.</summary>
    public async Task StartedAsync(CancellationToken cancel) => await _start!;

    /// <summary>After the proxy has stopped, whether in time or not.</summary>
    public async Task StoppedAsync(CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await (await _start!).StopAsync(limit.Token);
    }

    public Task StartAsync(CancellationToken cancel) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancel) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancel) => Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (_start is null)
            return;
        await ((Task)_start).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_start.IsCompletedSuccessfully)
            await (await _start).DisposeAsync();
    }

    private async Task<WebApplication> StartAppAsync(CancellationToken cancel)
    {
        var app = Build();
        try
        {
            await app.StartAsync(cancel);
        }
        catch (Exception failure)
        {
            await app.DisposeAsync();
            if (failure is not IOException taken)
                throw;
            throw new InvalidConfigurationException(
                [$"CacheProxy:Admin:Port is {options.Port}; the admin server cannot listen there: {taken.Message}"]);
        }

        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        Log.AdminListening(log, string.Join(", ", addresses));
        return app;
    }

    private WebApplication Build()
    {
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
        builder.Services.AddSingleton(exporter);
        builder.Services.AddSingleton(proxy.GetRequiredService<PurgeEndpoint>());
        builder.Services.AddSingleton(proxy.GetRequiredService<Explainer>());
        builder.Services.AddSingleton(proxy.GetRequiredService<Warmer>());
        var app = builder.Build();
        app.Use(new AdminGuard(options.Key).InvokeAsync);
        app.UseRouting();
        app.MapCacheProxyAdmin();
        app.UseEndpoints(_ => { });
        return app;
    }

    /// <summary>The default would listen for signals a second time.</summary>
    private sealed class OwnedLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
