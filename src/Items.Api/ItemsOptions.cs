using Items.Api.Caching;
using Items.Api.Database;
using Items.Api.Http;

namespace Items.Api;

/// <summary>
/// What an operator may set: section <c>Items</c> and <c>ConnectionStrings:Items</c>, from appsettings, the environment
/// (<c>Items__Seed=100</c>) or the command line (<c>--Items:Seed 100</c>). Read once, when the service starts.
/// </summary>
internal sealed record ItemsOptions
{
    /// <summary>
    /// <c>Items:Provider</c>: the database behind the API, <c>Sqlite</c> or <c>PostgreSql</c> in any letter case.
    /// Default, also when empty: <c>Sqlite</c>.
    /// </summary>
    public DatabaseProvider Provider { get; init; } = DatabaseProvider.Sqlite;

    /// <summary>
    /// <c>ConnectionStrings:Items</c>: where the database is. Default for SQLite: <c>Data Source=items.db</c>; the file, which is
    /// created with its folder, is relative to the content root, and its folder is the only place the service writes to. SQLite
    /// in memory is refused, for it would end with each connection. PostgreSQL has no default and needs at least <c>Host</c>.
    /// </summary>
    public required string ConnectionString { get; init; }

    /// <summary>
    /// <c>Items:Seed</c>: how many items to insert when the table is empty at start; the same ones each time.
    /// Default 0 (none), range 0 to 100000.
    /// </summary>
    public int Seed { get; init; }

    /// <summary>
    /// <c>Items:StartTimeout</c>: how long the start may take to reach and migrate the database before the service gives up, as
    /// <c>hh:mm:ss</c>. Default 00:00:30, range 00:00:01 to 01:00:00. A migration that is cut off is rolled back.
    /// </summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// <c>Items:Redis</c>, or <c>ConnectionStrings:Redis</c>: the Redis that is shared with the proxy and other instances, as <c>host:port,password=...</c>.
    /// <c>null</c> (default): each process caches by itself, and knows of no writes but its own.
    /// </summary>
    public string? Redis { get; init; }

    /// <summary><c>Items:Cache</c>: how data is cached before the database.</summary>
    public CacheOptions Cache { get; init; } = new();

    /// <summary><c>Items:CacheControl</c>: what each kind of answer says to caches.</summary>
    public CacheControlOptions CacheControl { get; init; } = new();
}
