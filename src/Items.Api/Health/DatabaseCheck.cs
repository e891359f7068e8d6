using Items.Api.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Items.Api.Health;

/// <summary>Asks the table for a row, which also finds a database that is there but not migrated.</summary>
internal sealed class DatabaseCheck(ItemsContext database) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await database.Items.AnyAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            // The reason alone: a probe asks every few seconds, and a stack each time would bury the log.
            return HealthCheckResult.Unhealthy(failure.GetBaseException().Message);
        }
    }
}
