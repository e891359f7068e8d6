using System.Net;
using System.Text;
using CacheProxy.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace CacheProxy.Host;

/// <summary>
/// The public listener: Kestrel, with limits that are safe without a proxy in front. Section <c>Kestrel</c> (<c>Kestrel:Limits:...</c>,
/// <c>Kestrel:Endpoints:...</c>) goes before all of them.
/// </summary>
internal static class ProxyServer
{
    private const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    public static void AddProxyServer(this WebApplicationBuilder builder, bool inlineSockets, bool fastHits, Func<IPAddress, bool> isTrustedProxy)
    {
        if (inlineSockets)
        {
            EventTransport.AddTo(builder.Services);
            // Where there is no event loop (not Linux, a Unix socket), the runtime's own sockets. A pair: either alone is a loss. The runtime reads the variable
            // when the process opens its first socket.
            Environment.SetEnvironmentVariable(InlineCompletions, "1");
            builder.Services.Configure<SocketTransportOptions>(o => o.UnsafePreferInlineScheduling = true);
        }

        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = Timeout.InfiniteTimeSpan); // Shutdown has limits of its own
        builder.Services.AddSingleton<Draining>();
        builder.Services.AddOptions<KestrelServerOptions>()
            .Configure<Draining>((kestrel, draining) => Configure(kestrel, draining, fastHits ? isTrustedProxy : null))
            .Bind(builder.Configuration.GetSection("Kestrel"));
    }

    private static void Configure(KestrelServerOptions kestrel, Draining draining, Func<IPAddress, bool>? fastHitsTrust)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowSynchronousIO = false;
        kestrel.RequestHeaderEncodingSelector = _ => Encoding.Latin1;
        kestrel.ResponseHeaderEncodingSelector = _ => Encoding.Latin1;
        kestrel.Limits.MaxRequestBodySize = null; // bodies stream through; how large they may be is the origin's affair
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        kestrel.Limits.MaxRequestLineSize = 8 * 1024;
        kestrel.Limits.MaxRequestHeadersTotalSize = 14 * 1024; // below the 16 KiB of Node and others, so that an origin never refuses for size
        kestrel.Limits.MaxRequestHeaderCount = 100;
        kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));
        kestrel.Limits.MinResponseDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));
        kestrel.ConfigureEndpointDefaults(listen =>
        {
            listen.Use(next => connection => draining.TrackAsync(connection, next));
            if (fastHitsTrust is not null)
                listen.UseFastHits(fastHitsTrust);
        });
    }
}
