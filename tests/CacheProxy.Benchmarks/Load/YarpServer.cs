using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Configuration;

namespace CacheProxy.Benchmarks.Load;

/// <summary>YARP as it comes: without a cache (what forwarding costs by itself), or behind ASP.NET Core's output cache.</summary>
internal static class YarpServer
{
    public static async Task RunAsync(string address, string origin, bool inlineSockets, long? outputCacheBytes)
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
        if (outputCacheBytes is { } budget)
            builder.Services.AddOutputCache(cache =>
            {
                cache.SizeLimit = budget;
                cache.AddBasePolicy(new AsTheOriginSays());
            });
        await using var app = builder.Build();
        if (outputCacheBytes is not null)
            app.UseOutputCache();
        app.MapReverseProxy();
        await app.RunAsync();
    }

    /// <summary>
    /// What one would write to have OutputCache follow the origin: GETs alone, kept as long as max-age says, varied by Accept-Encoding.
    /// Its lock per key is on only where the load needs one: else it would queue what cannot be shared.
    /// </summary>
    private sealed class AsTheOriginSays : IOutputCachePolicy
    {
        public ValueTask CacheRequestAsync(OutputCacheContext context, CancellationToken cancellation)
        {
            var request = context.HttpContext.Request;
            context.EnableOutputCaching = context.AllowCacheLookup = context.AllowCacheStorage = HttpMethods.IsGet(request.Method);
            context.AllowLocking = request.Path.StartsWithSegments("/slow");
            context.CacheVaryByRules.QueryKeys = "*";
            context.CacheVaryByRules.HeaderNames = "Accept-Encoding";
            return ValueTask.CompletedTask;
        }

        public ValueTask ServeFromCacheAsync(OutputCacheContext context, CancellationToken cancellation) => ValueTask.CompletedTask;

        public ValueTask ServeResponseAsync(OutputCacheContext context, CancellationToken cancellation)
        {
            var response = context.HttpContext.Response;
            var maxAge = response.GetTypedHeaders().CacheControl is { NoStore: false, MaxAge: { } age } ? age : TimeSpan.Zero;
            context.AllowCacheStorage = response.StatusCode == StatusCodes.Status200OK && maxAge > TimeSpan.Zero;
            context.ResponseExpirationTimeSpan = maxAge;
            return ValueTask.CompletedTask;
        }
    }
}
