using CacheProxy.Origin;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Items.Api.Health;

/// <summary>Whether committed writes wait for long to be published.</summary>
internal sealed class OutboxCheck(OutboxBacklog backlog) : IHealthCheck
{
    private static readonly TimeSpan Old = TimeSpan.FromSeconds(30);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(backlog.Age <= Old ? HealthCheckResult.Healthy() : HealthCheckResult.Degraded($"{backlog.Count} writes wait, the oldest for {backlog.Age}."));
}
