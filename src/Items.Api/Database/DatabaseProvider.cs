namespace Items.Api.Database;

internal enum DatabaseProvider
{
    /// <summary>A file; the default, for one instance on one computer.</summary>
    Sqlite,

    /// <summary>A server, for any number of instances.</summary>
    PostgreSql,
}
