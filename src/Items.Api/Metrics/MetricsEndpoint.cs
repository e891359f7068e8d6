using Items.Api.Http;
using Microsoft.Net.Http.Headers;

namespace Items.Api.Metrics;

/// <summary>
/// <c>GET /metrics</c> in Prometheus' text format, for who asks the API itself. What comes through a proxy, which says so in <c>Via</c>, <c>Forwarded</c>
/// or <c>X-Forwarded-For</c>, is answered 404: the port is the one that the public reaches through them.
/// </summary>
internal static class MetricsEndpoint
{
    public static void MapMetrics(this IEndpointRouteBuilder app) =>
        app.MapMethods("/metrics", Methods.Read, Answer).ExcludeFromDescription().CacheAs(table => table.Health, alsoErrors: true);

    private static IResult Answer(HttpRequest request, MetricsText metrics) =>
        request.Headers.ContainsKey(HeaderNames.Via) || request.Headers.ContainsKey("Forwarded") || request.Headers.ContainsKey("X-Forwarded-For")
            ? TypedResults.NotFound()
            : TypedResults.Text(metrics.Collect(), "text/plain; version=0.0.4; charset=utf-8");
}
