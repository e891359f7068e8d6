using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace CacheProxy.Origin.Groups;

/// <summary>Tells the <see cref="CacheScope"/> what a running query reads, from the notes that <see cref="QueryGroups"/> left in it; and the rows it gives.</summary>
internal sealed class ReadGroups : DbCommandInterceptor, IMaterializationInterceptor
{
    /// <summary>The one: EF keeps what it builds for each set of singleton interceptors.</summary>
    public static readonly ReadGroups Instance = new();

    public override InterceptionResult<DbDataReader> ReaderExecuting(
        DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result)
    {
        Collect(command, eventData);
        return result;
    }

    public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
    {
        Collect(command, eventData);
        return new(result);
    }

    public override DbDataReader ReaderExecuted(DbCommand command, CommandExecutedEventData eventData, DbDataReader result)
    {
        CollectMissing(command, result);
        return result;
    }

    public override ValueTask<DbDataReader> ReaderExecutedAsync(
        DbCommand command, CommandExecutedEventData eventData, DbDataReader result, CancellationToken cancellationToken = default)
    {
        CollectMissing(command, result);
        return new(result);
    }

    public object InitializedInstance(MaterializationInterceptionData materializationData, object entity)
    {
        if (CacheScope.Current is { } scope && EntityGroups.Find(materializationData.EntityType) is { } groups && !scope.Read.Contains(groups.All))
            scope.Read.Add(groups.OfRow(entity));
        return entity;
    }

    /// <summary>A row that was looked for and is not there: it is new rows of the set that change that.</summary>
    private static void CollectMissing(DbCommand command, DbDataReader rows)
    {
        if (CacheScope.Current is { } scope && !rows.HasRows)
            foreach (var set in Notes.In(command.CommandText, QueryGroups.Finds))
                scope.Read.Add(new Group(set));
    }

    private static void Collect(DbCommand command, CommandEventData eventData)
    {
        if (eventData.CommandSource is CommandSource.LinqQuery or CommandSource.FromSqlQuery && CacheScope.Current is { } scope)
            foreach (var set in Notes.In(command.CommandText, QueryGroups.Reads))
                scope.Read.Add(new Group(set));
    }
}

/// <summary>Reads the comments at the head of a statement.</summary>
internal static class Notes
{
    public static List<string> In(string sql, string kind)
    {
        var found = new List<string>();
        foreach (var line in sql.AsSpan().EnumerateLines())
        {
            if (!line.StartsWith("--", StringComparison.Ordinal))
            {
                if (line.IsWhiteSpace())
                    continue;
                break;
            }
            var note = line[2..].Trim();
            if (note.StartsWith(kind, StringComparison.Ordinal))
                found.Add(note[kind.Length..].ToString());
        }
        return found;
    }
}
