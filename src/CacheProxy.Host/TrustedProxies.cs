using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace CacheProxy.Host;

/// <summary>
/// Whose word counts on where a request came from: the X-Forwarded-For, -Proto and -Host of the proxies named become the request's own
/// address, scheme and host. From anyone else these fields say nothing, and the cache forwards none of them.
/// </summary>
internal static class TrustedProxies
{
    public static void Use(WebApplication app, string? proxies)
    {
        var networks = Networks(proxies);
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

    /// <summary>Whether an address is one of them.</summary>
    public static Func<IPAddress, bool> Of(string? proxies)
    {
        var networks = Networks(proxies);
        if (networks.Length == 0)
            return static _ => false;
        return address => networks.Any(network => network.Contains(address) || (address.IsIPv4MappedToIPv6 && network.Contains(address.MapToIPv4())));
    }

    private static IPNetwork[] Networks(string? proxies) => Array.ConvertAll(OptionLists.Split(proxies), p => OptionLists.Network(p)!.Value);
}
