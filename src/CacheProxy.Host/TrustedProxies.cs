using Microsoft.AspNetCore.HttpOverrides;

namespace CacheProxy.Host;

/// <summary>
/// Whose word counts on where a request came from: the X-Forwarded-For, -Proto and -Host of the proxies named become the request's own
/// address, scheme and host. From anyone else these fields say nothing, and the cache forwards none of them.
/// </summary>
internal static class TrustedProxies
{
    public static void Use(WebApplication app, string? proxies)
    {
        var networks = OptionLists.Split(proxies).Select(p => OptionLists.Network(p)!.Value).ToArray();
        if (networks.Length == 0)
            return;
        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost,
            ForwardLimit = null, // as far back as the chain is trusted
        };
        options.KnownProxies.Clear(); // the framework trusts loopback by itself
        options.KnownIPNetworks.Clear();
        foreach (var network in networks)
            options.KnownIPNetworks.Add(network);
        app.UseForwardedHeaders(options);
    }
}
