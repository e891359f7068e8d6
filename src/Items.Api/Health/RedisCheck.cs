using CacheProxy.Coherence;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Items.Api.Health;

/// <summary>Whether the order of invalidations is heard from. Without it every read asks the database, and no other harm is done.</summary>
internal sealed class RedisCheck(CoherenceNode node) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(node.IsInTouch ? HealthCheckResult.Healthy() : HealthCheckResult.Degraded("Redis does not answer."));
}
