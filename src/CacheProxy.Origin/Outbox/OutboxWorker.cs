using System.Text.Json;
using CacheProxy.Origin.Groups;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CacheProxy.Origin.Outbox;

/// <summary>
/// Finishes writes that were committed but not published, because the process died between, or the order was away. At least once: an
/// invalidation may be repeated, which costs a few misses and nothing else.
/// </summary>
/// <remarks>
/// A row that is there at two looks in a row is taken for left over: its writer publishes within milliseconds. So no clocks are compared. Several
/// instances may look at once: on PostgreSQL each claims other rows (SKIP LOCKED), elsewhere two may publish the same.
/// </remarks>
internal abstract class OutboxWorker(
    OutboxQueue queue, Publisher publisher, OriginMetrics metrics, IOptions<OriginCacheOptions> options, TimeProvider time, ILogger<OutboxWorker> log)
    : BackgroundService
{
    /// <summary>At one look.</summary>
    public const int MostRows = 200;

    private readonly Dictionary<Guid, long> _seen = [];
    private string? _trouble;

    protected abstract DbContext Context(IServiceProvider services);

    protected abstract AsyncServiceScope NewScope();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        metrics.Meter.CreateObservableGauge("cacheproxy.origin.outbox.backlog", () => queue.Backlog, "{write}", "Writes that were left over, at the last look.");
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await queue.WaitAsync(options.Value.OutboxInterval, time, stoppingToken);
                await LookAsync(queue.TakePressing(), stoppingToken);
                _trouble = null;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception trouble) // whatever it is, the host goes on, and the next look may succeed
            {
                if (_trouble != trouble.Message) // once, not each second
                    Log.OutboxAway(log, _trouble = trouble.Message);
            }
        }
    }

    /// <summary>Deletes what is done, publishes what is left over.</summary>
    internal async Task LookAsync(bool isPressing, CancellationToken cancellation)
    {
        await using var scope = NewScope();
        var context = Context(scope.ServiceProvider);
        var rows = context.Set<OutboxRow>();
        while (queue.TakeDone() is { Count: > 0 } done)
            await rows.Where(row => done.Contains(row.Id)).ExecuteDeleteAsync(cancellation);

        while (true)
        {
            var there = await rows.AsNoTracking().OrderBy(row => row.Id).Take(MostRows).ToListAsync(cancellation);
            var left = Remember(there, isPressing);
            if (left.Count == 0 || !await FinishAsync(context, left, cancellation) || there.Count < MostRows)
                return;
        }
    }

    private List<OutboxRow> Remember(List<OutboxRow> there, bool isPressing)
    {
        var now = time.GetTimestamp();
        var left = there.Where(row => isPressing || _seen.ContainsKey(row.Id)).ToList();
        var since = there.ToDictionary(row => row.Id, row => _seen.GetValueOrDefault(row.Id, now));
        _seen.Clear();
        foreach (var (id, first) in since)
            _seen.Add(id, first);
        queue.Backlog = left.Count;
        queue.BacklogAge = left.Count == 0 ? TimeSpan.Zero : left.Max(row => time.GetElapsedTime(since[row.Id], now));
        return left;
    }

    private async Task<bool> FinishAsync(DbContext context, List<OutboxRow> left, CancellationToken cancellation)
    {
        await using var transaction = await context.Database.BeginTransactionAsync(cancellation);
        if (context.Database.ProviderName?.Contains("PostgreSQL", StringComparison.Ordinal) == true)
        {
            var wanted = left.Select(row => row.Id).ToHashSet();
            var claimed = await context.Set<OutboxRow>()
                .FromSql($"SELECT * FROM cache_outbox ORDER BY id LIMIT {MostRows} FOR UPDATE SKIP LOCKED").AsNoTracking().ToListAsync(cancellation);
            left = [.. claimed.Where(row => wanted.Contains(row.Id))];
            if (left.Count == 0)
                return false;
        }
        var groups = left.SelectMany(row => JsonSerializer.Deserialize<string[]>(row.Tags) ?? []).Distinct().ToList();
        var receipt = await publisher.InvalidateAsync(groups);
        if (receipt.Position is null)
            return false;
        var ids = left.Select(row => row.Id).ToList();
        await context.Set<OutboxRow>().Where(row => ids.Contains(row.Id)).ExecuteDeleteAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        foreach (var id in ids)
            _seen.Remove(id);
        queue.Backlog -= ids.Count;
        if (queue.Backlog <= 0)
            (queue.Backlog, queue.BacklogAge) = (0, TimeSpan.Zero);
        foreach (var _ in ids)
            metrics.Published("outbox");
        Log.OutboxFinished(log, ids.Count, string.Join(' ', left.Take(10).Select(row => row.Versions)));
        return true;
    }
}

/// <typeparam name="TContext">The context whose model has the outbox, as it is registered.</typeparam>
internal sealed class OutboxWorker<TContext>(
    IServiceScopeFactory scopes, OutboxQueue queue, Publisher publisher, OriginMetrics metrics, IOptions<OriginCacheOptions> options, TimeProvider time,
    ILogger<OutboxWorker> log)
    : OutboxWorker(queue, publisher, metrics, options, time, log)
    where TContext : DbContext
{
    protected override AsyncServiceScope NewScope() => scopes.CreateAsyncScope();

    protected override DbContext Context(IServiceProvider services) => services.GetRequiredService<TContext>();
}
