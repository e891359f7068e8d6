using System.Data.Common;
using System.Runtime.CompilerServices;
using CacheProxy.Origin.Groups;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Logging;

namespace CacheProxy.Origin.Outbox;

/// <summary>
/// Sees what a context writes, puts it down in the outbox within the same transaction, and publishes it after the commit; never before, and never
/// what is rolled back. Where there is no transaction it begins one, for the rows and their record must stand or fall together.
/// </summary>
/// <remarks>
/// The synchronous twins wait for the asynchronous ones. The commit of a transaction that EF does not know of (a TransactionScope, or a
/// DbTransaction committed by itself) is not seen; what it wrote is found in the outbox by the worker.
/// </remarks>
internal sealed class WriteGroups(Publisher publisher, OutboxQueue outbox, OriginMetrics metrics, TimeProvider time, ILogger<WriteGroups> log)
    : ISaveChangesInterceptor, IDbTransactionInterceptor, IDbCommandInterceptor
{
    private readonly ConditionalWeakTable<DbContext, Writing> _writing = [];

    // --- SaveChanges ---

    public InterceptionResult<int> SavingChanges(DbContextEventData eventData, InterceptionResult<int> result) =>
        SavingChangesAsync(eventData, result).AsTask().GetAwaiter().GetResult();

    public async ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        if (eventData.Context is not { } context)
            return result;
        var changes = context.ChangeTracker.Entries().SelectMany(ChangesOf).ToList();
        if (changes.Count > 0)
            (await BeginAsync(context, cancellationToken)).Changes = changes;
        return result;
    }

    public int SavedChanges(SaveChangesCompletedEventData eventData, int result) =>
        SavedChangesAsync(eventData, result).AsTask().GetAwaiter().GetResult();

    public async ValueTask<int> SavedChangesAsync(SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default)
    {
        if (eventData.Context is not { } context || !_writing.TryGetValue(context, out var writing) || writing.Changes is not { } changes)
            return result;
        writing.Changes = null;
        var groups = new GroupSet();
        var versions = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var change in changes)
            change(groups, versions); // now, since the database has given new rows their ids
        await RecordAsync(context, writing, groups, versions, cancellationToken);
        return result;
    }

    public void SaveChangesFailed(DbContextErrorEventData eventData) => AbandonAsync(eventData.Context).GetAwaiter().GetResult();

    public Task SaveChangesFailedAsync(DbContextErrorEventData eventData, CancellationToken cancellationToken = default) => AbandonAsync(eventData.Context);

    public void SaveChangesCanceled(DbContextEventData eventData) => AbandonAsync(eventData.Context).GetAwaiter().GetResult();

    public Task SaveChangesCanceledAsync(DbContextEventData eventData, CancellationToken cancellationToken = default) => AbandonAsync(eventData.Context);

    public InterceptionResult ThrowingConcurrencyException(ConcurrencyExceptionEventData eventData, InterceptionResult result) =>
        ThrowingConcurrencyExceptionAsync(eventData, result).AsTask().GetAwaiter().GetResult();

    /// <summary>The failure that <see cref="SaveChangesFailedAsync"/> is not told of.</summary>
    public async ValueTask<InterceptionResult> ThrowingConcurrencyExceptionAsync(
        ConcurrencyExceptionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
    {
        if (!result.IsSuppressed)
            await AbandonAsync(eventData.Context);
        return result;
    }

    // --- ExecuteUpdate, ExecuteDelete ---

    public InterceptionResult<int> NonQueryExecuting(DbCommand command, CommandEventData eventData, InterceptionResult<int> result) =>
        NonQueryExecutingAsync(command, eventData, result).AsTask().GetAwaiter().GetResult();

    public async ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        if (BulkSets(command, eventData).Count > 0 && eventData.Context is { } context)
        {
            await BeginAsync(context, cancellationToken);
            command.Transaction ??= context.Database.CurrentTransaction?.GetDbTransaction();
        }
        return result;
    }

    public int NonQueryExecuted(DbCommand command, CommandExecutedEventData eventData, int result) =>
        NonQueryExecutedAsync(command, eventData, result).AsTask().GetAwaiter().GetResult();

    public async ValueTask<int> NonQueryExecutedAsync(
        DbCommand command, CommandExecutedEventData eventData, int result, CancellationToken cancellationToken = default)
    {
        var sets = BulkSets(command, eventData);
        if (sets.Count == 0 || eventData.Context is not { } context || !_writing.TryGetValue(context, out var writing))
            return result;
        var groups = new GroupSet();
        if (result != 0)
            foreach (var set in sets)
                groups.Add(new Group(Group.EveryRowOf(set), set)); // which rows is not known: all of them
        await RecordAsync(context, writing, groups, new Dictionary<string, long>(), cancellationToken);
        return result;
    }

    public void CommandFailed(DbCommand command, CommandErrorEventData eventData) => CommandFailedAsync(command, eventData).GetAwaiter().GetResult();

    public Task CommandFailedAsync(DbCommand command, CommandErrorEventData eventData, CancellationToken cancellationToken = default) =>
        IsBulk(eventData) ? AbandonAsync(eventData.Context) : Task.CompletedTask;

    public void CommandCanceled(DbCommand command, CommandEndEventData eventData) => CommandCanceledAsync(command, eventData).GetAwaiter().GetResult();

    public Task CommandCanceledAsync(DbCommand command, CommandEndEventData eventData, CancellationToken cancellationToken = default) =>
        IsBulk(eventData) ? AbandonAsync(eventData.Context) : Task.CompletedTask;

    // --- Transactions ---

    public void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData) =>
        TransactionCommittedAsync(transaction, eventData).GetAwaiter().GetResult();

    public async Task TransactionCommittedAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        if (Take(eventData.Context, eventData.TransactionId) is not { } pending)
            return;
        var published = await publisher.PublishAsync(pending.Groups, pending.Began);
        if (pending.IsUncertain)
            published = published with { RemoteFill = null, LocalFill = null };
        if (published.Position is null)
        {
            metrics.Published("pending");
            Log.PublishPending(log, pending.VersionsText);
            outbox.Wake();
        }
        else
        {
            metrics.Published("at_once");
            outbox.Done(pending.Rows);
        }
        if (CacheScope.Current is { } scope)
        {
            pending.Groups.CopyTo(scope.Written);
            scope.LastWrite = published;
        }
    }

    public void TransactionRolledBack(DbTransaction transaction, TransactionEndEventData eventData) => Take(eventData.Context, eventData.TransactionId);

    public Task TransactionRolledBackAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Take(eventData.Context, eventData.TransactionId);
        return Task.CompletedTask;
    }

    /// <summary>It may have been committed all the same: then the outbox knows.</summary>
    public void TransactionFailed(DbTransaction transaction, TransactionErrorEventData eventData)
    {
        if (Take(eventData.Context, eventData.TransactionId) is not null)
            outbox.Wake();
    }

    public Task TransactionFailedAsync(
        DbTransaction transaction, TransactionErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        TransactionFailed(transaction, eventData);
        return Task.CompletedTask;
    }

    public void RolledBackToSavepoint(DbTransaction transaction, TransactionEventData eventData)
    {
        if (eventData.Context is { } context && _writing.TryGetValue(context, out var writing) && writing.Pending is { } pending)
            pending.IsUncertain = true;
    }

    public Task RolledBackToSavepointAsync(DbTransaction transaction, TransactionEventData eventData, CancellationToken cancellationToken = default)
    {
        RolledBackToSavepoint(transaction, eventData);
        return Task.CompletedTask;
    }

    // --- What they share ---

    /// <summary>What one changed entity adds to the record, once it is saved.</summary>
    private static IEnumerable<Action<GroupSet, Dictionary<string, long>>> ChangesOf(EntityEntry entry)
    {
        if (entry.State is not (EntityState.Added or EntityState.Modified or EntityState.Deleted))
            yield break;
        for (var owner = entry.Metadata.FindOwnership(); owner is not null; owner = owner.PrincipalEntityType.FindOwnership())
            if (EntityGroups.Find(owner.PrincipalEntityType) is { } owners)
                yield return (groups, _) => groups.Add(new Group(Group.EveryRowOf(owners.All), owners.All));
        var before = entry.State == EntityState.Modified ? entry.OriginalValues.ToObject() : null;
        var isDeleted = entry.State == EntityState.Deleted;
        for (IReadOnlyEntityType? type = entry.Metadata; type is not null; type = type.BaseType)
        {
            if (type.FindAnnotation(EntityGroups.Annotation)?.Value is not EntityGroups declared)
                continue;
            yield return (groups, versions) =>
            {
                var row = declared.Row(entry.Entity);
                groups.Add(new Group(row, declared.All));
                if (before is not null)
                    groups.Add(new Group(declared.Row(before), declared.All));
                if (declared.Version is { } version)
                    versions[row] = version(entry.Entity) + (isDeleted ? 1 : 0);
            };
        }
    }

    private static bool IsBulk(CommandEventData eventData) => eventData.CommandSource is CommandSource.ExecuteUpdate or CommandSource.ExecuteDelete;

    /// <summary>
    /// The sets of a bulk statement: of every table that its SQL mentions, also those it only reads, which can only invalidate too much. (EF loses the
    /// comments of some UPDATE statements, so <see cref="QueryGroups"/> is no help here.)
    /// </summary>
    private static List<string> BulkSets(DbCommand command, CommandEventData eventData)
    {
        if (!IsBulk(eventData) || eventData.Context is not { } context)
            return [];
        var sql = context.GetService<ISqlGenerationHelper>();
        var mentioned = context.Model.GetEntityTypes().Where(type => type.GetTableName() is { } table
            && command.CommandText.Contains(sql.DelimitIdentifier(table, type.GetSchema()), StringComparison.Ordinal)).ToList();
        return mentioned.Count > 0
            ? [.. mentioned.Select(EntityGroups.Find).OfType<EntityGroups>().Select(groups => groups.All).Distinct()]
            : throw new InvalidOperationException(
                "Which entity this ExecuteUpdate or ExecuteDelete changes cannot be told from its SQL, so caches could not be told of it. It is refused; use SaveChanges.");
    }

    /// <summary>The transaction to write in, begun here if there is none, and what it has written.</summary>
    private async Task<Writing> BeginAsync(DbContext context, CancellationToken cancellation)
    {
        var writing = _writing.GetOrCreateValue(context);
        var began = publisher.Begin();
        if (context.Database.CurrentTransaction is null && System.Transactions.Transaction.Current is null)
            writing.Own = await context.Database.BeginTransactionAsync(cancellation);
        var id = context.Database.CurrentTransaction?.TransactionId ?? Guid.Empty;
        if (writing.Pending is null || writing.Pending.Transaction != id)
            writing.Pending = new PendingWrite(id, began);
        return writing;
    }

    /// <summary>Writes the outbox's row; and commits, if the transaction is ours.</summary>
    private async Task RecordAsync(
        DbContext context, Writing writing, GroupSet groups, Dictionary<string, long> versions, CancellationToken cancellation)
    {
        try
        {
            if (writing.Pending is { } pending && !groups.IsEmpty)
            {
                groups.CopyTo(pending.Groups);
                if (versions.Count > GroupSet.MostRows)
                    versions.Clear(); // the groups do not name the rows either
                foreach (var (row, version) in versions)
                    pending.Versions[row] = version;
                if (context.Model.FindEntityType(typeof(OutboxRow)) is not null)
                    await context.Database.ExecuteSqlAsync(pending.InsertRow(groups, versions, time.GetUtcNow()), cancellation);
            }
            if (groups.IsEmpty && writing.Own is not null)
                writing.Pending = null;
            if (writing.Own is { } own)
                await own.CommitAsync(cancellation);
        }
        finally
        {
            await EndOwnAsync(writing);
        }
    }

    private async Task AbandonAsync(DbContext? context)
    {
        if (context is null || !_writing.TryGetValue(context, out var writing))
            return;
        writing.Changes = null;
        if (writing.Own is not null)
            writing.Pending = null;
        await EndOwnAsync(writing);
    }

    private static async Task EndOwnAsync(Writing writing)
    {
        if (writing.Own is not { } own)
            return;
        writing.Own = null;
        await own.DisposeAsync(); // rolls back what was not committed
    }

    private PendingWrite? Take(DbContext? context, Guid transaction)
    {
        if (context is null || !_writing.TryGetValue(context, out var writing) || writing.Pending is not { } pending || pending.Transaction != transaction)
            return null;
        writing.Pending = null;
        return pending.Groups.IsEmpty ? null : pending;
    }

    /// <summary>What is going on in one context.</summary>
    private sealed class Writing
    {
        public PendingWrite? Pending { get; set; }

        public List<Action<GroupSet, Dictionary<string, long>>>? Changes { get; set; }

        /// <summary>The transaction, if it was begun here.</summary>
        public IDbContextTransaction? Own { get; set; }
    }
}
