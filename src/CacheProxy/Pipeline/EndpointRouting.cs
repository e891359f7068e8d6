using CacheProxy.Keys;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Pipeline;

/// <summary>Finds the endpoint of a request that no server received: the framework's own routing over the application's endpoints, and nothing behind it.</summary>
internal sealed class EndpointRouting(IServiceProvider services)
{
    private readonly Lazy<RequestDelegate> _routing = new(() => RoutingOf(services)); // when first asked, all routes are there

    /// <summary>A request without a body, for a context of one's own.</summary>
    public static HttpRequestFeature RequestOf(string method, in TargetUri uri, IHeaderDictionary fields)
    {
        var mark = uri.Target.IndexOf('?');
        fields.Host = uri.Host;
        return new HttpRequestFeature
        {
            Protocol = "HTTP/1.1",
            Method = method,
            Scheme = uri.Scheme,
            Path = PathString.FromUriComponent(mark < 0 ? uri.Target : uri.Target[..mark]).Value ?? "",
            QueryString = mark < 0 ? "" : uri.Target[mark..],
            RawTarget = uri.Target,
            Headers = fields,
        };
    }

    /// <summary>The endpoint, set on the context with its route values; <c>null</c> when no route leads anywhere.</summary>
    public async Task<Endpoint?> FindAsync(HttpContext context)
    {
        await _routing.Value(context);
        return context.GetEndpoint();
    }

    private static RequestDelegate RoutingOf(IServiceProvider services)
    {
        var routing = new ApplicationBuilder(services);
        routing.UseRouting();
        routing.Run(static _ => Task.CompletedTask);
        routing.UseEndpoints(endpoints =>
        {
            foreach (var source in ((CompositeEndpointDataSource)services.GetRequiredService<EndpointDataSource>()).DataSources.ToArray())
                endpoints.DataSources.Add(source);
        });
        return routing.Build();
    }
}
