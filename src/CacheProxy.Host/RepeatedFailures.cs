using System.Diagnostics;
using Serilog.Events;

namespace CacheProxy.Host;

/// <summary>
/// YARP writes a line, with a stack trace, for each request that an origin fails. One a second tells as much; the metrics count them all.
/// </summary>
internal sealed class RepeatedFailures
{
    private const string Forwarder = "Yarp.ReverseProxy.Forwarder.HttpForwarder";
    private long _next = long.MinValue;

    public bool IsRepeated(LogEvent logEvent)
    {
        if (!logEvent.Properties.TryGetValue("SourceContext", out var source) || source is not ScalarValue { Value: Forwarder })
            return false;
        var (now, next) = (Stopwatch.GetTimestamp(), Volatile.Read(ref _next));
        return now < next || Interlocked.CompareExchange(ref _next, now + Stopwatch.Frequency, next) != next;
    }
}
