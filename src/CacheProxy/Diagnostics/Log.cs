using Microsoft.Extensions.Logging;

namespace CacheProxy.Diagnostics;

/// <summary>
/// Every message the proxy logs. Debug: at most one line a request. Information: an operator's act. Warning: needs an operator. Values are
/// escaped where the line is written, not here.
/// </summary>
internal static partial class Log
{
    // 1-19: start, stop, configuration

    [LoggerMessage(1, LogLevel.Information, "The admin server listens on {Address}.", EventName = "AdminListening")]
    public static partial void AdminListening(ILogger log, string address);

    [LoggerMessage(2, LogLevel.Information, "The proxy listens on {Addresses}.", EventName = "ProxyListening")]
    public static partial void ProxyListening(ILogger log, string addresses);

    [LoggerMessage(3, LogLevel.Warning,
        "This runtime is {Version}; versions before {Minimum} have known security flaws in the HTTP server. Update the .NET runtime.",
        EventName = "OldRuntime")]
    public static partial void OldRuntime(ILogger log, Version version, Version minimum);

    [LoggerMessage(4, LogLevel.Information, "The changed configuration is in use.", EventName = "ConfigurationAccepted")]
    public static partial void ConfigurationAccepted(ILogger log);

    [LoggerMessage(5, LogLevel.Warning, "The changed configuration is refused and the one before it stays: {Complaints}", EventName = "ConfigurationRefused")]
    public static partial void ConfigurationRefused(ILogger log, string complaints);

    [LoggerMessage(6, LogLevel.Warning, "A change of {Keys} takes effect at the next start only.", EventName = "RestartNeeded")]
    public static partial void RestartNeeded(ILogger log, string keys);

    [LoggerMessage(7, LogLevel.Information,
        "Draining: not ready, closing connections after their next response, for up to {DrainTime} or until none of {Connections} is left.",
        EventName = "Draining")]
    public static partial void Draining(ILogger log, TimeSpan drainTime, int connections);

    [LoggerMessage(8, LogLevel.Information, "Stopping: no new connections; requests in flight have up to {ShutdownTimeout}.", EventName = "Stopping")]
    public static partial void Stopping(ILogger log, TimeSpan shutdownTimeout);

    [LoggerMessage(9, LogLevel.Warning, "Requests still in flight after {ShutdownTimeout} were cut off.", EventName = "ShutdownCutOff")]
    public static partial void ShutdownCutOff(ILogger log, TimeSpan shutdownTimeout);

    [LoggerMessage(10, LogLevel.Information, "Stopped.", EventName = "Stopped")]
    public static partial void Stopped(ILogger log);

    // 12-19: requests

    [LoggerMessage(12, LogLevel.Warning, "A fetch from the origin broke off.", EventName = "FetchBroken")]
    public static partial void FetchBroken(ILogger log, Exception exception);

    [LoggerMessage(13, LogLevel.Warning,
        "Slow clients held more than {BudgetBytes} bytes of bodies that are no longer stored, and the slowest were cut off. Said once; cacheproxy.deliveries.cut counts them.",
        EventName = "SlowClientsCut")]
    public static partial void SlowClientsCut(ILogger log, long budgetBytes);

    // 14-17: warming

    [LoggerMessage(14, LogLevel.Information, "Warming is done: {Stored} responses stored, {Skipped} there already or not for a cache, {Failed} failed, in {Elapsed}.", EventName = "WarmingDone")]
    public static partial void WarmingDone(ILogger log, long stored, long skipped, long failed, TimeSpan elapsed);

    [LoggerMessage(15, LogLevel.Warning, "Warming waits: the origin fails. It is asked again after a second, then less and less often.", EventName = "WarmingPaused")]
    public static partial void WarmingPaused(ILogger log);

    [LoggerMessage(16, LogLevel.Warning, "Warming leaves out what it cannot use of {Source}: {Reason}.", EventName = "WarmingSourceRefused")]
    public static partial void WarmingSourceRefused(ILogger log, string source, string reason);

    [LoggerMessage(17, LogLevel.Warning, "The URLs that are hit most cannot be written to {Path}: {Reason}", EventName = "TopKeysNotWritten")]
    public static partial void TopKeysNotWritten(ILogger log, string path, string reason);

    [LoggerMessage(18, LogLevel.Warning, "The system has no descriptor or memory left for another connection: clients wait. Raise the limit of open files (ulimit -n), or take connections off.", EventName = "NoRoomForConnections")]
    public static partial void NoRoomForConnections(ILogger log);

    // 20: the access log, only when asked for

    [LoggerMessage(20, LogLevel.Information, "{Method} {Target} {StatusCode} {Elapsed:0.0} ms {CacheStatus}", EventName = "Access")]
    public static partial void Access(ILogger log, string method, string target, int statusCode, double elapsed, string cacheStatus);
}
