using Microsoft.Data.Sqlite;

namespace Items.Api.Tests.Database;

/// <summary>Where a class of tests keeps its items: a new database each time one is asked for.</summary>
public abstract class TestDatabase
{
    public abstract string Provider { get; }

    public abstract string NewConnection();

    internal RunningApi Start(params (string Key, string Value)[] settings) => RunningApi.Start(Provider, NewConnection(), settings);
}

public sealed class SqliteDatabase : TestDatabase, IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("items-tests-");

    public override string Provider => "Sqlite";

    public override string NewConnection() => $"Data Source={Path.Combine(_folder.FullName, $"{Guid.NewGuid():n}.db")}";

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        _folder.Delete(recursive: true);
    }
}

public sealed class PostgreSqlDatabase(PostgreSqlServer server) : TestDatabase
{
    public override string Provider => "PostgreSql";

    public override string NewConnection() => server.NewConnection();
}
