using System.ComponentModel;
using Items.Api.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Items.Api.Health;

/// <summary>The state of one thing the API stands on, or of all of them.</summary>
[Description("How the API and what it stands on are.")]
internal sealed record HealthReply(
    [property: Description("healthy; degraded: it works, but something it can do without is missing; unhealthy.")]
    string Status,
    [property: Description("The same word for each thing the API stands on.")]
    IReadOnlyDictionary<string, string> Checks);

/// <summary>
/// <c>GET /health/</c>, with or without the last slash: 200 while the API can do its work (healthy or degraded), else 503.
/// Another dependency is one more <c>AddCheck</c>; one that the API can do without has <c>failureStatus: Degraded</c>.
/// </summary>
internal static class HealthEndpoint
{
    /// <summary>Below the time-outs usual for probes, so that they get the reason and not a hung request.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public static IServiceCollection AddHealth(this IServiceCollection services, ItemsOptions options)
    {
        var checks = services.AddHealthChecks().AddCheck<DatabaseCheck>("database", timeout: Patience).AddCheck<OutboxCheck>("outbox");
        if (options.Redis is not null)
            checks.AddCheck<RedisCheck>("redis");
        return services;
    }

    public static void MapHealth(this IEndpointRouteBuilder app) =>
        app.MapMethods("/health", Methods.Read, CheckAsync).WithName("health").WithTags("Health")
            .WithSummary("Says whether the API can do its work.")
            .Produces<HealthReply>().Produces<HealthReply>(StatusCodes.Status503ServiceUnavailable)
            .CacheAs(table => table.Health, alsoErrors: true);

    private static async Task<JsonHttpResult<HealthReply>> CheckAsync(HealthCheckService health, CancellationToken cancellation)
    {
        var report = await health.CheckHealthAsync(cancellation);
        var checks = report.Entries.ToDictionary(entry => entry.Key, entry => Word(entry.Value.Status));
        var reply = new HealthReply(Word(report.Status), checks);
        return TypedResults.Json(reply, statusCode: report.Status == HealthStatus.Unhealthy
            ? StatusCodes.Status503ServiceUnavailable
            : StatusCodes.Status200OK);
    }

    private static string Word(HealthStatus status) => status switch
    {
        HealthStatus.Healthy => "healthy",
        HealthStatus.Degraded => "degraded",
        _ => "unhealthy",
    };
}
