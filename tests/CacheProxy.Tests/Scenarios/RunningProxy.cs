using System.Net;
using System.Runtime.CompilerServices;
using CacheProxy.Pipeline;
using CacheProxy.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Transforms.Builder;

namespace CacheProxy.Tests.Scenarios;

/// <summary>The cache in front of an origin, on a real loopback port, as an application of YARP that embeds the library.</summary>
internal sealed class RunningProxy : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly StrongBox<int> _waiting;
    private readonly StrongBox<int> _asked;

    private RunningProxy(WebApplication app, ManualTime time, StrongBox<int> waiting, StrongBox<int> asked)
    {
        _app = app;
        _asked = asked;
        _waiting = waiting;
        Time = time;
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ToArray();
        Address = new Uri(addresses[0]);
        Http2Address = new Uri(addresses[1]);
        Client = NewClient();
    }

    public ManualTime Time { get; }

    public Uri Address { get; }

    /// <summary>For HTTP/2 without TLS, by prior knowledge.</summary>
    public Uri Http2Address { get; }

    /// <summary>Requests that the cache could not answer at once: they are aboard a flight, or passing.</summary>
    public int Waiting => Volatile.Read(ref _waiting.Value);

    /// <summary>Requests that have come to YARP's pipeline: all but those that were answered on their connection.</summary>
    public int Asked => Volatile.Read(ref _asked.Value);

    internal CacheCore Core => Services.GetRequiredService<CacheCore>();

    /// <summary>A client that adds nothing of its own.</summary>
    public HttpClient Client { get; }

    public IServiceProvider Services => _app.Services;

    /// <summary>For tests in which only the proxy's own decision may end a fetch: the origin may be silent for longer than any test waits.</summary>
    public static ClusterConfig Patient(ClusterConfig cluster) =>
        cluster with { HttpRequest = cluster.HttpRequest! with { ActivityTimeout = TimeSpan.FromMinutes(10) } };

    public static async Task<RunningProxy> StartAsync(
        string origin,
        Action<CacheProxyOptions>? configure = null,
        Func<RouteConfig, RouteConfig>? route = null,
        Func<ClusterConfig, ClusterConfig>? cluster = null,
        Action<WebApplicationBuilder>? build = null,
        HttpProtocols protocols = HttpProtocols.Http1,
        Action<IReverseProxyApplicationBuilder>? afterCache = null,
        Action<TransformBuilderContext>? transforms = null,
        bool fastHits = false,
        Action<WebApplication>? before = null)
    {
        var (waiting, asked) = (new StrongBox<int>(), new StrongBox<int>());
        var time = new ManualTime();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.RequestHeaderEncodingSelector = _ => System.Text.Encoding.Latin1;
            kestrel.ResponseHeaderEncodingSelector = _ => System.Text.Encoding.Latin1;
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = protocols;
                if (fastHits)
                    listen.UseFastHits(_ => false);
            });
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        EventTransport.AddTo(builder.Services); // as the service has it
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
        var reverseProxy = builder.Services.AddReverseProxy();
        if (transforms is not null)
            reverseProxy.AddTransforms(transforms);
        reverseProxy.LoadFromMemory([route?.Invoke(routeConfig) ?? routeConfig], [cluster?.Invoke(clusterConfig) ?? clusterConfig]);
        build?.Invoke(builder);
        var app = builder.Build();
        before?.Invoke(app);
        app.MapReverseProxy(proxy =>
        {
            proxy.Use((_, next) =>
            {
                Interlocked.Increment(ref asked.Value);
                return next();
            });
            proxy.Use((_, next) => Count(next(), waiting));
            proxy.UseHttpCache();
            afterCache?.Invoke(proxy);
            proxy.UseSessionAffinity();
            proxy.UseLoadBalancing();
            proxy.UsePassiveHealthChecks();
        });
        await app.StartAsync();
        if (fastHits)
            time.Advance(TimeSpan.FromSeconds(1)); // routing has settled
        return new RunningProxy(app, time, waiting, asked);
    }

    /// <summary>Until that many requests wait for the origin: whoever should come aboard is aboard.</summary>
    public Task WaitForWaitingAsync(int count) => Eventually.TrueAsync(() => Waiting == count, $"{count} requests wait");

    /// <summary>Until every fetch is over, and what it stored is stored.</summary>
    public Task WaitForFetchesAsync() => Eventually.TrueAsync(() => Core.Coalescer.Count == 0, "no fetch is under way");

    public HttpClient NewHttp2Client() => new(new SocketsHttpHandler { UseCookies = false, ActivityHeadersPropagator = null })
    {
        BaseAddress = Http2Address,
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        Timeout = TimeSpan.FromSeconds(30),
    };

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

    /// <summary>What the cache does synchronously, boarding a flight included, is done when the task is there.</summary>
    private static async Task Count(Task answering, StrongBox<int> waiting)
    {
        if (answering.IsCompleted)
        {
            await answering;
            return;
        }
        Interlocked.Increment(ref waiting.Value);
        try
        {
            await answering;
        }
        finally
        {
            Interlocked.Decrement(ref waiting.Value);
        }
    }

    /// <summary>As on SIGTERM.</summary>
    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }
}
