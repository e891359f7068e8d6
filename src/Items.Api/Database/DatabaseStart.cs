using System.Data.Common;
using System.Net.Sockets;
using Microsoft.EntityFrameworkCore;

namespace Items.Api.Database;

/// <summary>
/// Before the first request: waits until the database can be reached, migrates it and seeds it, all within
/// <see cref="ItemsOptions.StartTimeout"/>. Migrating and seeding lock the database, so any number of instances may start at once.
/// </summary>
internal sealed class DatabaseStart(
    IServiceScopeFactory scopes, ItemsOptions options, TimeProvider time, ILogger<DatabaseStart> log) : IHostedService
{
    private const string DatabaseExists = "42P04";
    private const string TableExists = "42P07"; // EF's lock on PostgreSQL ends with the first of several migrations
    private const string UniqueViolation = "23505";
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(options.StartTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        Exception? last = null;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await PrepareAsync(either.Token);
                return;
            }
            catch (Exception failure) when (patience.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new StartupException(OutOfPatience((last ?? failure).GetBaseException().Message), last ?? failure);
            }
            catch (Exception failure) when (MayPass(failure))
            {
                last = failure;
                Log.WaitingForDatabase(log, options.Provider, attempt, options.StartTimeout, failure.GetBaseException().Message);
            }
            catch (Exception failure) when (failure is DbException or IOException or UnauthorizedAccessException)
            {
                throw new StartupException($"The {options.Provider} database cannot be used: {failure.Message}", failure);
            }
            await Task.Delay(Pause, time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task PrepareAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ItemsContext>();
        if (options.Provider == DatabaseProvider.Sqlite)
            Directory.CreateDirectory(Path.GetDirectoryName(database.Database.GetDbConnection().DataSource)!);
        await database.Database.MigrateAsync(cancellation);
        await Seed.InsertAsync(database, options.Seed, log, cancellation);
        Log.DatabaseReady(log, options.Provider);
    }

    /// <summary>A server that is not up yet, has no name yet, or has just been created by another instance.</summary>
    private static bool MayPass(Exception? failure) => failure switch
    {
        null => false,
        DbException { IsTransient: true } or SocketException or TimeoutException => true,
        DbException { SqlState: DatabaseExists or TableExists or UniqueViolation } => true,
        _ => MayPass(failure.InnerException),
    };

    private string OutOfPatience(string reason) => options.Provider switch
    {
        DatabaseProvider.Sqlite =>
            $"The Sqlite database was not ready within Items:StartTimeout ({options.StartTimeout}): {reason} If an earlier start was " +
            "killed while it migrated, its lock remains: with no instance running, DROP TABLE \"__EFMigrationsLock\".",
        _ => $"The {options.Provider} database was not ready within Items:StartTimeout ({options.StartTimeout}): {reason}",
    };
}
