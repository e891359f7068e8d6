using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Benchmarks.Load;

/// <summary>Kestrel with nothing around it: no configuration, no log.</summary>
internal static class LoadServer
{
    /// <param name="address">Where to listen, as <c>http://127.0.0.1:5000</c>.</param>
    /// <param name="inlineSockets">Whether requests are worked on by the thread that reads the socket, as CacheProxy does by default.</param>
    public static WebApplicationBuilder Builder(string address, bool inlineSockets)
    {
        if (inlineSockets)
            Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls(address).ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        builder.Services.Configure<SocketTransportOptions>(sockets => sockets.UnsafePreferInlineScheduling = inlineSockets);
        return builder;
    }
}
