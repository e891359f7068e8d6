using System.Globalization;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace CacheProxy;

/// <summary>
/// Gives every cluster what it does not set itself, and refuses routes and clusters that could not work. YARP calls it whenever it loads
/// configuration: at start a complaint stops the start, later YARP keeps what it had.
/// </summary>
internal sealed class ClusterDefaults(IOptionsFactory<CacheProxyOptions> options, IEnumerable<IProxyConfigProvider> routes) : IProxyConfigFilter
{
    /// <summary>
    /// Tells <see cref="OriginClientFactory"/> the connect time-out. It travels in the cluster's metadata because YARP makes a new client
    /// only when the cluster's configuration has changed.
    /// </summary>
    public const string ConnectTimeoutKey = "CacheProxy.ConnectTimeout";

    /// <summary>Tells it that a route of the cluster passes interim responses on, by being there.</summary>
    public const string InterimResponsesKey = "CacheProxy.InterimResponses";

    /// <summary>Enough for any origin that answers; a bound for one that does not. Those beyond it wait, within the activity time-out.</summary>
    private const int MaxConnectionsPerServer = 1024;

    /// <summary>Field values are bytes; Latin-1 carries each of them through (RFC 9110 section 5.5, obs-text).</summary>
    private const string HeaderEncoding = "Latin1";

    public ValueTask<ClusterConfig> ConfigureClusterAsync(ClusterConfig cluster, CancellationToken cancel)
    {
        var complaints = new List<string>();
        Check(cluster, complaints);
        ThrowOn(complaints);

        // A fresh copy, not the monitor's: YARP may hear of a change before the monitor does.
        var current = options.Create(Options.DefaultName);
        var request = cluster.HttpRequest ?? new ForwarderRequestConfig();
        var client = cluster.HttpClient ?? new HttpClientConfig();
        var metadata = new Dictionary<string, string>(cluster.Metadata ?? new Dictionary<string, string>(), StringComparer.OrdinalIgnoreCase)
        {
            [ConnectTimeoutKey] = current.ConnectTimeout.ToString("c", CultureInfo.InvariantCulture),
        };
        if (routes.SelectMany(provider => provider.GetConfig().Routes).Any(route => route.ClusterId == cluster.ClusterId && PassesInterimResponses(route, current)))
            metadata[InterimResponsesKey] = "true";
        return ValueTask.FromResult(cluster with
        {
            HttpRequest = request with { ActivityTimeout = request.ActivityTimeout ?? current.ActivityTimeout },
            HttpClient = client with
            {
                MaxConnectionsPerServer = client.MaxConnectionsPerServer ?? MaxConnectionsPerServer,
                RequestHeaderEncoding = client.RequestHeaderEncoding ?? HeaderEncoding,
                ResponseHeaderEncoding = client.ResponseHeaderEncoding ?? HeaderEncoding,
            },
            Metadata = metadata,
        });
    }

    public ValueTask<RouteConfig> ConfigureRouteAsync(RouteConfig route, ClusterConfig? cluster, CancellationToken cancel)
    {
        var complaints = new List<string>();
        Check(route, options.Create(Options.DefaultName), complaints);
        ThrowOn(complaints);
        return ValueTask.FromResult(route);
    }

    /// <summary>Adds a complaint for everything about a cluster that YARP would only find out with the first request.</summary>
    public static void Check(ClusterConfig cluster, ICollection<string> complaints)
    {
        var at = $"ReverseProxy:Clusters:{cluster.ClusterId}";
        if (cluster.SessionAffinity is { Enabled: true, Policy: null or "HashCookie" })
            complaints.Add($"{at}:SessionAffinity:Policy is HashCookie (YARP's default); it does not work in this build: set Cookie, ArrCookie or CustomHeader.");
        if (cluster.Destinations is null or { Count: 0 })
            complaints.Add($"{at}:Destinations is empty; a cluster needs a destination with an Address.");
        foreach (var (id, destination) in cluster.Destinations ?? new Dictionary<string, DestinationConfig>())
        {
            if (!CacheProxyOptionsValidator.IsOrigin(destination.Address ?? ""))
                complaints.Add($"{at}:Destinations:{id}:Address is '{destination.Address}'; it takes an absolute http or https URL such as http://api:8080.");
        }
    }

    /// <summary>Adds a complaint for every cache option in the route's metadata that cannot be read or is out of range.</summary>
    public static void Check(RouteConfig route, CacheProxyOptions options, ICollection<string> complaints)
    {
        var at = $"ReverseProxy:Routes:{route.RouteId}:Metadata";
        var overrides = OptionsReader.ReadMetadata(at, route.Metadata, complaints);
        CacheProxyOptionsValidator.CheckRoute($"{at}:{RouteCacheOptions.MetadataPrefix}", overrides, options, complaints);
    }

    private static bool PassesInterimResponses(RouteConfig route, CacheProxyOptions options)
    {
        options.Routes.TryGetValue(route.RouteId, out var overrides);
        return RouteSettings.From(options, overrides, OptionsReader.ReadMetadata("", route.Metadata, complaints: null)).PassInterimResponses;
    }

    private static void ThrowOn(List<string> complaints)
    {
        if (complaints.Count > 0)
            throw new OptionsValidationException(Options.DefaultName, typeof(CacheProxyOptions), complaints);
    }
}
