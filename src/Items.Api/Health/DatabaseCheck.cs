using Items.Api.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Items.Api.Health;

/// <summary>Asks the table for a row, which also finds a database that is there but not migrated.</summary>
internal sealed class DatabaseCheck(ItemsContext database) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        await database.Items.AnyAsync(cancellationToken);
        return HealthCheckResult.Healthy();
    }
}
