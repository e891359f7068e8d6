using Items.Api.Database;

namespace Items.Api;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "The {Provider} database is ready", EventName = "DatabaseReady")]
    public static partial void DatabaseReady(ILogger logger, DatabaseProvider provider);

    [LoggerMessage(2, LogLevel.Warning,
        "The {Provider} database is not ready (attempt {Attempt}, giving up {StartTimeout} after the start): {Reason}",
        EventName = "WaitingForDatabase")]
    public static partial void WaitingForDatabase(
        ILogger logger, DatabaseProvider provider, int attempt, TimeSpan startTimeout, string reason);

    [LoggerMessage(3, LogLevel.Information, "Seeded {Count} items into the empty table", EventName = "Seeded")]
    public static partial void Seeded(ILogger logger, int count);

    [LoggerMessage(4, LogLevel.Warning, "{Method} answered 503, the database cannot be reached: {Reason}", EventName = "DatabaseAway")]
    public static partial void DatabaseAway(ILogger logger, string method, string reason);
}
