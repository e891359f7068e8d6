using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Configuration;

namespace CacheProxy.Benchmarks.Load;

/// <summary>YARP as it comes, without a cache: what forwarding costs by itself.</summary>
internal static class PlainYarp
{
    public static async Task RunAsync(string address, string origin, bool inlineSockets)
    {
        var builder = LoadServer.Builder(address, inlineSockets);
        builder.Services.AddRouting();
        builder.Services.AddReverseProxy().LoadFromMemory(
            [new RouteConfig { RouteId = "all", ClusterId = "origin", Match = new RouteMatch { Path = "/{**path}" } }],
            [new ClusterConfig
            {
                ClusterId = "origin",
                Destinations = new Dictionary<string, DestinationConfig> { ["origin"] = new() { Address = origin } },
            }]);
        await using var app = builder.Build();
        app.MapReverseProxy();
        await app.RunAsync();
    }
}
