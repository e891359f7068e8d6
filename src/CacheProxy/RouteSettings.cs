using System.Runtime.CompilerServices;
using CacheProxy.Keys;
using CacheProxy.Policy;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Model;

namespace CacheProxy;

/// <summary>What the options come down to for one route. Immutable.</summary>
/// <param name="Enabled"><c>false</c>: the route's requests all pass.</param>
/// <param name="Policy">For the decisions.</param>
/// <param name="MaxBodyBytes">The largest body that is stored.</param>
internal sealed record RouteSettings(bool Enabled, CachePolicy Policy, long MaxBodyBytes)
{
    /// <summary>See <see cref="RouteCacheOptions.StoreCloseDelimited"/>.</summary>
    public bool StoreCloseDelimited { get; init; }

    /// <summary>See <see cref="RouteCacheOptions.PassInterimResponses"/>.</summary>
    public bool PassInterimResponses { get; init; }

    /// <summary>See <see cref="RouteCacheOptions.SelectByLanguage"/>.</summary>
    public bool SelectByLanguage { get; init; }

    /// <summary>See <see cref="RouteCacheOptions.NoVarySearch"/>.</summary>
    public bool NoVarySearch { get; init; }

    /// <summary>What becomes of the query; <c>null</c>: it stays as it is.</summary>
    public QueryRules? QueryRules { get; init; }

    /// <summary>How long a node that is out of touch still serves unasked, beyond the bound for all.</summary>
    public TimeSpan OutOfTouchGrace { get; init; }

    /// <summary>How a client that has written is recognised when it reads.</summary>
    public ReadYourWrites ReadYourWrites { get; init; }

    /// <summary>The most content of a QUERY request that is answered from the store; 0: they pass.</summary>
    public int QueryMethodBytes { get; init; }

    /// <summary>The first of <paramref name="overrides"/> that says something about a property decides it; otherwise the cache's options do.</summary>
    public static RouteSettings From(CacheProxyOptions options, params ReadOnlySpan<RouteCacheOptions?> overrides)
    {
        var said = new RouteCacheOptions();
        foreach (var next in overrides)
        {
            said.Enabled ??= next?.Enabled;
            said.Profile ??= next?.Profile;
            said.DefaultLifetime ??= next?.DefaultLifetime;
            said.MaxAge ??= next?.MaxAge;
            said.NegativeLifetime ??= next?.NegativeLifetime;
            said.Keep ??= next?.Keep;
            said.StaleIfError ??= next?.StaleIfError;
            said.DefaultLifetimeWithCookie ??= next?.DefaultLifetimeWithCookie;
            said.StoreSetCookie ??= next?.StoreSetCookie;
            said.StoreCloseDelimited ??= next?.StoreCloseDelimited;
            said.PassInterimResponses ??= next?.PassInterimResponses;
            said.SelectByLanguage ??= next?.SelectByLanguage;
            said.QueryAllow ??= next?.QueryAllow;
            said.QueryDeny ??= next?.QueryDeny;
            said.QuerySort ??= next?.QuerySort;
            said.NoVarySearch ??= next?.NoVarySearch;
            said.QueryMethodBytes ??= next?.QueryMethodBytes;
            said.HonorRequestDirectives ??= next?.HonorRequestDirectives;
            said.OutOfTouchGrace ??= next?.OutOfTouchGrace;
            said.ReadYourWrites ??= next?.ReadYourWrites;
            said.MaxBodyBytes ??= next?.MaxBodyBytes;
        }

        var oneMinute = (said.Profile ?? options.Profile) == CacheProfile.OneMinute;
        var minute = TimeSpan.FromMinutes(1);
        var policy = new CachePolicy
        {
            DefaultLifetime = said.DefaultLifetime ?? (oneMinute ? minute : TimeSpan.Zero),
            MaxAge = said.MaxAge ?? (oneMinute ? minute : null),
            NegativeLifetime = said.NegativeLifetime ?? TimeSpan.Zero,
            HeuristicFreshness = !oneMinute,
            DefaultStaleIfError = said.StaleIfError ?? minute,
            Keep = said.Keep ?? (oneMinute ? minute : TimeSpan.FromHours(1)),
            DefaultLifetimeWithCookie = said.DefaultLifetimeWithCookie ?? false,
            StoreSetCookie = said.StoreSetCookie ?? false,
            HonorRequestDirectives = said.HonorRequestDirectives ?? false,
        };
        return new RouteSettings(said.Enabled ?? true, policy,
            Math.Min(said.MaxBodyBytes ?? options.MaxBodyBytes, CacheProxyOptionsValidator.LargestBody(options)))
        {
            StoreCloseDelimited = said.StoreCloseDelimited ?? !oneMinute,
            PassInterimResponses = said.PassInterimResponses ?? !oneMinute,
            SelectByLanguage = said.SelectByLanguage ?? false,
            QueryRules = QueryRules.From(
                said.QueryAllow is null ? null : OptionLists.Split(said.QueryAllow), OptionLists.Split(said.QueryDeny), said.QuerySort ?? false),
            NoVarySearch = said.NoVarySearch ?? false,
            QueryMethodBytes = (int)(said.QueryMethodBytes ?? 0),
            OutOfTouchGrace = said.OutOfTouchGrace ?? TimeSpan.Zero,
            ReadYourWrites = said.ReadYourWrites ?? ReadYourWrites.None,
        };
    }
}

/// <summary>
/// Finds a route's settings by its model. YARP makes a new model when a route changes, and a change of our options begins a new table, so
/// what is found is never out of date. Finding takes no lock and allocates nothing; safe for use by many threads.
/// </summary>
internal sealed class RouteSettingsResolver : IDisposable
{
    private readonly IDisposable? _subscription;
    private volatile Table _table;

    public RouteSettingsResolver(IOptionsMonitor<CacheProxyOptions> options)
    {
        _table = new Table(options.CurrentValue);
        _subscription = options.OnChange(changed => _table = new Table(changed));
    }

    public RouteSettings For(RouteModel route) => _table.For(route);

    public void Dispose() => _subscription?.Dispose();

    private sealed class Table(CacheProxyOptions options)
    {
        private readonly ConditionalWeakTable<RouteModel, RouteSettings> _settings = [];

        public RouteSettings For(RouteModel route) => _settings.TryGetValue(route, out var found) ? found : Add(route);

        /// <summary>The cache's own section goes before metadata: it is where an operator looks first. Complaints came when the route was loaded.</summary>
        private RouteSettings Add(RouteModel route)
        {
            options.Routes.TryGetValue(route.Config.RouteId, out var overrides);
            var metadata = OptionsReader.ReadMetadata("", route.Config.Metadata, []);
            // The key has the target URI alone. Two routes for one URI that fields tell apart would answer for each other.
            var byFields = route.Config.Match?.Headers is { Count: > 0 } ? new RouteCacheOptions { Enabled = false } : null;
            return _settings.GetValue(route, _ => RouteSettings.From(options, overrides, metadata, byFields));
        }
    }
}
