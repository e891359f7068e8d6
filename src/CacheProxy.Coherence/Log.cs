using Microsoft.Extensions.Logging;

namespace CacheProxy.Coherence;

/// <summary>Every message of the library: one for each change of state, none for a call.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Node {Node} is in touch with the order of invalidations.", EventName = "InTouch")]
    public static partial void InTouch(ILogger log, string node);

    [LoggerMessage(2, LogLevel.Warning,
        "Node {Node} has not heard from the order of invalidations for {Staleness} and does not trust what it holds until it does.", EventName = "OutOfTouch")]
    public static partial void OutOfTouch(ILogger log, string node, TimeSpan staleness);

    [LoggerMessage(3, LogLevel.Warning, "The order of invalidations could not be followed: {Reason}.", EventName = "Resynced")]
    public static partial void Resynced(ILogger log, string reason);

    [LoggerMessage(4, LogLevel.Error, "A round with the order of invalidations failed.", EventName = "RoundFailed")]
    public static partial void RoundFailed(ILogger log, Exception exception);

    [LoggerMessage(5, LogLevel.Warning, "Redis does not answer ({Reason}); it is asked again with the next heartbeat.", EventName = "RedisAway")]
    public static partial void RedisAway(ILogger log, string reason);

    [LoggerMessage(6, LogLevel.Information, "Redis answers again.", EventName = "RedisBack")]
    public static partial void RedisBack(ILogger log);
}
