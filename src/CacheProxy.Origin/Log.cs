using Microsoft.Extensions.Logging;

namespace CacheProxy.Origin;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "A value of kind {Kind} could not be made; an older one stands in for it", EventName = "ServedStale")]
    public static partial void ServedStale(ILogger logger, string kind, Exception reason);

    [LoggerMessage(2, LogLevel.Warning, "A value of kind {Kind} could not be refreshed in the background", EventName = "RefreshFailed")]
    public static partial void RefreshFailed(ILogger logger, string kind, Exception reason);

    [LoggerMessage(3, LogLevel.Warning, "Values of type {Type} cannot be serialized and are not kept", EventName = "Unserializable")]
    public static partial void Unserializable(ILogger logger, Type type, Exception reason);

    [LoggerMessage(4, LogLevel.Warning, "A write was committed but could not be published at once; the outbox finishes it: {Versions}", EventName = "PublishPending")]
    public static partial void PublishPending(ILogger logger, string versions);

    [LoggerMessage(5, LogLevel.Information, "The outbox finished {Count} writes that had been left over: {Versions}", EventName = "OutboxFinished")]
    public static partial void OutboxFinished(ILogger logger, int count, string versions);

    [LoggerMessage(6, LogLevel.Warning, "The outbox cannot be read: {Reason}", EventName = "OutboxAway")]
    public static partial void OutboxAway(ILogger logger, string reason);

    [LoggerMessage(7, LogLevel.Information, "Warmed {Count} entries; {Failed} could not be read, {Unknown} are of no known kind", EventName = "Warmed")]
    public static partial void Warmed(ILogger logger, int count, int failed, int unknown);

    [LoggerMessage(8, LogLevel.Warning, "The file of the most read keys cannot be used: {Reason}", EventName = "WarmFileAway")]
    public static partial void WarmFileAway(ILogger logger, string reason);
}
