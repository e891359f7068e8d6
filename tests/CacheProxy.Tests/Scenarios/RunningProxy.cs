using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace CacheProxy.Tests.Scenarios;

/// <summary>The cache in front of an origin, on a real loopback port, as an application of YARP that embeds the library.</summary>
internal sealed class RunningProxy : IAsyncDisposable
{
    private readonly WebApplication _app;

    private RunningProxy(WebApplication app, ManualTime time)
    {
        _app = app;
        Time = time;
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        Client = NewClient();
    }

    public ManualTime Time { get; }

    public Uri Address { get; }

    /// <summary>A client that adds nothing of its own.</summary>
    public HttpClient Client { get; }

    public IServiceProvider Services => _app.Services;

    public static async Task<RunningProxy> StartAsync(
        string origin,
        Action<CacheProxyOptions>? configure = null,
        Func<RouteConfig, RouteConfig>? route = null,
        Func<ClusterConfig, ClusterConfig>? cluster = null,
        Action<WebApplicationBuilder>? build = null,
        HttpProtocols protocols = HttpProtocols.Http1)
    {
        var time = new ManualTime();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.RequestHeaderEncodingSelector = _ => System.Text.Encoding.Latin1;
            kestrel.ResponseHeaderEncodingSelector = _ => System.Text.Encoding.Latin1;
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = protocols);
        });
        builder.Services.AddSingleton<TimeProvider>(time);
        builder.Services.Configure<CacheProxyOptions>(options =>
        {
            options.Origin = origin;
            configure?.Invoke(options);
        });
        builder.Services.AddHttpCache();
        RouteConfig routeConfig = new() { RouteId = "origin", ClusterId = "origin", Match = new RouteMatch { Path = "{**rest}" } };
        ClusterConfig clusterConfig = new()
        {
            ClusterId = "origin",
            Destinations = new Dictionary<string, DestinationConfig> { ["one"] = new() { Address = origin } },
            HttpRequest = new ForwarderRequestConfig { ActivityTimeout = TimeSpan.FromSeconds(5) },
            HttpClient = new HttpClientConfig { RequestHeaderEncoding = "latin1", ResponseHeaderEncoding = "latin1" },
        };
        builder.Services.AddReverseProxy().LoadFromMemory([route?.Invoke(routeConfig) ?? routeConfig], [cluster?.Invoke(clusterConfig) ?? clusterConfig]);
        build?.Invoke(builder);
        var app = builder.Build();
        app.MapReverseProxy(proxy =>
        {
            proxy.UseHttpCache();
            proxy.UseSessionAffinity();
            proxy.UseLoadBalancing();
            proxy.UsePassiveHealthChecks();
        });
        await app.StartAsync();
        return new RunningProxy(app, time);
    }

    public HttpClient NewClient() => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.None,
        MaxConnectionsPerServer = 1000,
        ActivityHeadersPropagator = null,
    })
    { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(30) };

    /// <summary>A GET with fields given as <c>Name: value</c> lines.</summary>
    public Task<HttpResponseMessage> GetAsync(string target, params string[] fields) => SendAsync(HttpMethod.Get, target, fields);

    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string target, params string[] fields)
    {
        var request = new HttpRequestMessage(method, target);
        foreach (var field in fields)
        {
            var parts = field.Split(": ", 2);
            request.Headers.TryAddWithoutValidation(parts[0], parts[1]);
        }
        return Client.SendAsync(request);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }
}
