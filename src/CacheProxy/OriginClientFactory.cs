using System.Globalization;
using CacheProxy.Fetching;
using CacheProxy.Sockets;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;

namespace CacheProxy;

/// <summary>
/// YARP's client with the time-outs of a cache in front of a near origin. YARP itself sees to it that it follows no redirect, keeps no
/// cookies, decompresses nothing and takes no proxy from the environment.
/// </summary>
/// <param name="logger">YARP's.</param>
/// <param name="loops">Where the sockets of clients are on event loops, so are those of origins; <c>null</c>: nowhere.</param>
internal sealed class OriginClientFactory(ILogger<ForwarderHttpClientFactory> logger, EventTransport? loops = null) : ForwarderHttpClientFactory(logger)
{
    /// <summary>Many servers (Node) close an idle connection after 5 s; a request sent at that moment would fail, so we close first.</summary>
    private static readonly TimeSpan IdleTimeout = TimeSpan.FromSeconds(4);

    protected override bool CanReuseOldClient(ForwarderHttpClientContext context) =>
        base.CanReuseOldClient(context) && ConnectTimeout(context.OldMetadata) == ConnectTimeout(context.NewMetadata)
        && PassesInterimResponses(context.OldMetadata) == PassesInterimResponses(context.NewMetadata);

    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        handler.PooledConnectionIdleTimeout = IdleTimeout;
        if (ConnectTimeout(context.NewMetadata) is { } timeout)
            handler.ConnectTimeout = timeout;
        if (PassesInterimResponses(context.NewMetadata))
            handler.PlaintextStreamFilter = InterimObserver.Filter;
        if (loops is not null && OperatingSystem.IsLinux())
            handler.ConnectCallback = static async (context, cancellation) => await EventStream.ConnectAsync(context.DnsEndPoint, cancellation);
        base.ConfigureHandler(context, handler);
    }

    private static bool PassesInterimResponses(IReadOnlyDictionary<string, string>? metadata) =>
        metadata is not null && metadata.ContainsKey(ClusterDefaults.InterimResponsesKey);

    private static TimeSpan? ConnectTimeout(IReadOnlyDictionary<string, string>? metadata) =>
        metadata is not null && metadata.TryGetValue(ClusterDefaults.ConnectTimeoutKey, out var text)
            ? TimeSpan.ParseExact(text, "c", CultureInfo.InvariantCulture)
            : null;
}
