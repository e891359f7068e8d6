using System.Reflection;
using Yarp.ReverseProxy.Configuration;

namespace CacheProxy.Host;

/// <summary>A configuration as read, and everything that is wrong with it. Immutable.</summary>
internal sealed record ConfigurationCandidate(
    Dictionary<string, string?> Data, CacheProxyOptions Cache, ServiceOptions Service, IReadOnlyList<string> Complaints)
{
    private const string ReverseProxy = "ReverseProxy";

    /// <summary>The route and the cluster that <see cref="CacheProxyOptions.Origin"/> makes.</summary>
    private const string OriginId = "origin";

    /// <summary>Options of the cache that size what is built once.</summary>
    private static readonly PropertyInfo[] AtStartOnly =
    [
        .. new[]
        {
            nameof(CacheProxyOptions.MemoryBudgetBytes), nameof(CacheProxyOptions.MaxVariants), nameof(CacheProxyOptions.RecordingBudgetBytes),
            nameof(CacheProxyOptions.LaggardGrace), nameof(CacheProxyOptions.FinishBytes), nameof(CacheProxyOptions.FinishTime),
            nameof(CacheProxyOptions.UncacheableMemory), nameof(CacheProxyOptions.CredentialFields), nameof(CacheProxyOptions.TrustedProxies),
        }.Select(name => typeof(CacheProxyOptions).GetProperty(name)!),
    ];

    /// <summary>Sections of which the same is true.</summary>
    private static readonly string[] SectionsAtStartOnly = [nameof(CacheProxyOptions.Coherence), nameof(CacheProxyOptions.Warming)];

    /// <param name="raw">What files, environment and command line say.</param>
    /// <param name="unreadableFile">A complaint about a file that could not be read at all; its keys are missing from <paramref name="raw"/>.</param>
    public static ConfigurationCandidate Read(IConfiguration raw, string? unreadableFile)
    {
        var complaints = new List<string>();
        var (cache, service) = (new CacheProxyOptions(), new ServiceOptions());
        var section = raw.GetSection(CacheProxyOptions.SectionName);
        var data = Leaves(section);
        if (unreadableFile is not null)
            return new(data, cache, service, [unreadableFile]);

        OptionsReader.Read(section, complaints, cache, service);
        CacheProxyOptionsValidator.Check(cache, complaints);
        service.Check(complaints);
        if (raw["ForwardedHeaders_Enabled"] is "true" or "True")
            complaints.Add($"ASPNETCORE_FORWARDEDHEADERS_ENABLED would believe every client; name the proxies in front in {CacheProxyOptions.SectionName}:{nameof(cache.TrustedProxies)} instead.");

        var routes = raw.GetSection(ReverseProxy);
        var hasRoutes = routes.GetSection("Routes").GetChildren().Any();
        if (cache.Origin is null && !hasRoutes)
            complaints.Add($"{CacheProxyOptions.SectionName}:{nameof(cache.Origin)} is not set, and there is no {ReverseProxy}:Routes: name the origin with --origin http://api:8080.");
        if (cache.Origin is not null && hasRoutes)
            complaints.Add($"{CacheProxyOptions.SectionName}:{nameof(cache.Origin)} and {ReverseProxy}:Routes are both set; use one of them.");

        foreach (var (key, value) in cache.Origin is null ? Leaves(routes) : OriginRoute(cache.Origin))
            data[key] = value;
        CheckRouteIds(cache, hasRoutes ? routes.GetSection("Routes").GetChildren().Select(r => r.Key) : [OriginId], complaints);
        if (hasRoutes)
            CheckRoutes(data, cache, complaints);
        return new(data, cache, service, complaints);
    }

    /// <summary>Whether the two would make the same proxy, or be refused for the same reasons.</summary>
    public bool Says(ConfigurationCandidate other) =>
        Complaints.SequenceEqual(other.Complaints)
        && Data.Count == other.Data.Count && Data.All(d => other.Data.TryGetValue(d.Key, out var value) && value == d.Value);

    /// <summary>Keys whose change in <paramref name="changed"/> counts at the next start only.</summary>
    public IEnumerable<string> RestartFor(ConfigurationCandidate changed)
    {
        var names = Service.RestartFor(changed.Service).ToList();
        names.AddRange(AtStartOnly.Where(p => !Equals(p.GetValue(Cache), p.GetValue(changed.Cache))).Select(p => p.Name));
        names.AddRange(SectionsAtStartOnly.Where(s => !SectionOf(Data, s).SetEquals(SectionOf(changed.Data, s))));
        return names.Select(n => $"{CacheProxyOptions.SectionName}:{n}");
    }

    private static HashSet<(string, string?)> SectionOf(Dictionary<string, string?> data, string name) =>
        [.. data.Where(d => d.Key.StartsWith($"{CacheProxyOptions.SectionName}:{name}:", StringComparison.OrdinalIgnoreCase)).Select(d => (d.Key.ToUpperInvariant(), d.Value))];

    private static Dictionary<string, string?> Leaves(IConfigurationSection section) =>
        section.AsEnumerable().Where(p => p.Value is not null).ToDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>The short form, said in YARP's words: everything goes to one cluster of all origins.</summary>
    private static Dictionary<string, string?> OriginRoute(string origins)
    {
        var route = new Dictionary<string, string?>
        {
            [$"{ReverseProxy}:Routes:{OriginId}:ClusterId"] = OriginId,
            [$"{ReverseProxy}:Routes:{OriginId}:Match:Path"] = "{**path}",
        };
        foreach (var (index, origin) in OptionLists.Split(origins).Index())
            route[$"{ReverseProxy}:Clusters:{OriginId}:Destinations:{index + 1}:Address"] = origin;
        return route;
    }

    private static void CheckRouteIds(CacheProxyOptions cache, IEnumerable<string> routeIds, List<string> complaints)
    {
        var ids = routeIds.ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var id in cache.Routes.Keys.Where(id => !ids.Contains(id)))
        {
            var known = OptionsReader.Nearest(id, ids) is { } nearest ? $"Did you mean {nearest}?" : $"Routes are: {string.Join(", ", ids)}.";
            complaints.Add($"{CacheProxyOptions.SectionName}:{nameof(cache.Routes)}:{id} is not a route. {known}");
        }
    }

    /// <summary>Has YARP itself read and check the routes, in a container of its own, and adds what only the first request would show.</summary>
    private static void CheckRoutes(Dictionary<string, string?> data, CacheProxyOptions cache, List<string> complaints)
    {
        var section = new ConfigurationBuilder().AddInMemoryCollection(data).Build().GetSection(ReverseProxy);
        var services = new ServiceCollection().AddLogging();
        services.AddReverseProxy().LoadFromConfig(section);
        using var provider = services.BuildServiceProvider();
        IProxyConfig config;
        try
        {
            config = provider.GetRequiredService<IProxyConfigProvider>().GetConfig();
        }
        catch (Exception unreadable) // YARP's reader stops at the first value that it cannot read, without naming its key
        {
            var message = (unreadable.InnerException ?? unreadable).Message;
            var key = data.FirstOrDefault(d => d.Value is { Length: > 0 } value && d.Key.StartsWith(ReverseProxy, StringComparison.OrdinalIgnoreCase)
                && message.Contains($"'{value}'", StringComparison.Ordinal)).Key;
            complaints.Add($"{key ?? ReverseProxy}: {message}");
            return;
        }

        var validator = provider.GetRequiredService<IConfigValidator>();
        var clusters = config.Clusters.Select(c => c.ClusterId).ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var route in config.Routes)
        {
            Add(complaints, $"{ReverseProxy}:Routes:{route.RouteId}", validator.ValidateRouteAsync(route));
            ClusterDefaults.Check(route, cache, complaints);
            if (route.ClusterId is { } cluster && !clusters.Contains(cluster))
                complaints.Add($"{ReverseProxy}:Routes:{route.RouteId}:ClusterId is '{cluster}'; there is no such cluster.");
            if (route.ClusterId is null)
                complaints.Add($"{ReverseProxy}:Routes:{route.RouteId}:ClusterId is not set.");
        }

        foreach (var cluster in config.Clusters)
        {
            Add(complaints, $"{ReverseProxy}:Clusters:{cluster.ClusterId}", validator.ValidateClusterAsync(cluster));
            ClusterDefaults.Check(cluster, complaints);
        }
    }

    /// <summary>YARP's checks complete at once: nothing in them waits.</summary>
    private static void Add(List<string> complaints, string at, ValueTask<IList<Exception>> errors) =>
        complaints.AddRange(errors.AsTask().GetAwaiter().GetResult().Select(e => $"{at}: {e.Message}"));
}
