using System.Collections.Frozen;
using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace CacheProxy.Host;

/// <summary>
/// Decides whose word counts on where a request came from. A trusted proxy's X-Forwarded-For, -Proto and -Host become the request's own
/// address, scheme and host. From anyone else these fields, and all others known to change what origins answer, are removed: a stranger
/// must not choose what is stored for others (security.md 3).
/// </summary>
internal sealed class ForwardedFields
{
    private static readonly FrozenSet<string> Removed = new[]
    {
        "Forwarded", "X-Forwarded", "X-Forwarded-By", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Path", "X-Forwarded-Port",
        "X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-Ssl",
        "X-Forwarded-Uri", "X-Host", "X-HTTP-Host-Override", "X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override",
        "X-Rewrite-Url", "X-Url-Scheme",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private readonly IPNetwork[] _trusted;

    public ForwardedFields(string? trustedProxies) =>
        _trusted = [.. OptionLists.Split(trustedProxies).Select(p => OptionLists.Network(p)!.Value)];

    /// <summary>Puts this step, and the framework's for those who are trusted, into the pipeline.</summary>
    public static void Use(WebApplication app, string? trustedProxies)
    {
        var fields = new ForwardedFields(trustedProxies);
        app.Use(fields.RemoveAsync);
        if (fields._trusted.Length == 0)
            return;
        var options = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.All & ~ForwardedHeaders.XForwardedPrefix, ForwardLimit = null };
        options.KnownProxies.Clear(); // the framework trusts loopback by itself
        options.KnownIPNetworks.Clear();
        foreach (var network in fields._trusted)
            options.KnownIPNetworks.Add(network);
        app.UseForwardedHeaders(options);
    }

    private Task RemoveAsync(HttpContext context, RequestDelegate next)
    {
        if (!IsTrusted(context.Connection.RemoteIpAddress))
            Remove(context.Request.Headers);
        return next(context);
    }

    private bool IsTrusted(IPAddress? peer)
    {
        if (peer is null)
            return false;
        if (peer.IsIPv4MappedToIPv6)
            peer = peer.MapToIPv4();
        foreach (var network in _trusted)
        {
            if (network.Contains(peer))
                return true;
        }

        return false;
    }

    private static void Remove(IHeaderDictionary fields)
    {
        List<string>? found = null;
        foreach (var (name, _) in fields)
        {
            if ((name[0] | 0x20) is 'x' or 'f' && (Removed.Contains(name) || name.StartsWith("X-Original-", StringComparison.OrdinalIgnoreCase)))
                (found ??= []).Add(name);
        }

        foreach (var name in found ?? [])
            fields.Remove(name);
    }
}
