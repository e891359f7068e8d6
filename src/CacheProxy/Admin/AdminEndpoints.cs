using CacheProxy.Diagnostics;
using CacheProxy.Pipeline;
using CacheProxy.Warming;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Admin;

/// <summary>What operators and their machines ask the proxy. To be mapped on a listener that <see cref="AdminGuard"/> watches.</summary>
internal static class AdminEndpoints
{
    /// <summary>Answered without a key: orchestrators ask it.</summary>
    public const string HealthPath = "/healthz";

    public static void MapCacheProxyAdmin(this IEndpointRouteBuilder admin)
    {
        var readiness = admin.ServiceProvider.GetRequiredService<Readiness>();
        var exporter = admin.ServiceProvider.GetRequiredService<PrometheusExporter>();
        admin.MapGet(HealthPath + "/live", context => WriteAsync(context, "text/plain", "live\n"));
        admin.MapGet(HealthPath + "/ready", context =>
        {
            if (readiness.State != ReadinessState.Ready)
                return ProblemResponse.WriteAsync(context.Response, StatusCodes.Status503ServiceUnavailable);
            return WriteAsync(context, "text/plain", "ready\n");
        });
        admin.MapPost("/purge", admin.ServiceProvider.GetRequiredService<PurgeEndpoint>().InvokeAsync);
        var explain = new ExplainEndpoint(admin.ServiceProvider.GetRequiredService<Explainer>());
        admin.MapGet("/explain", explain.GetAsync);
        admin.MapPost("/explain", explain.PostAsync);
        var warmer = admin.ServiceProvider.GetRequiredService<Warmer>();
        admin.MapGet("/warming", context => context.Response.WriteAsJsonAsync(Report(warmer.Progress), context.RequestAborted));
        admin.MapGet("/metrics", context => WriteAsync(context, PrometheusExporter.ContentType, exporter.Scrape()));
    }

    private static Task WriteAsync(HttpContext context, string contentType, string text)
    {
        context.Response.ContentType = contentType;
        return context.Response.WriteAsync(text, context.RequestAborted);
    }

    private static object Report(WarmingProgress progress) => new
    {
        state = progress.State.ToString().ToLowerInvariant(),
        progress.Total,
        progress.Done,
        progress.Stored,
        progress.Skipped,
        progress.Failed,
        progress.Retried,
    };
}
