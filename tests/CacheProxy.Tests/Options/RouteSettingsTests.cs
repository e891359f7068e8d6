using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace CacheProxy.Tests.Options;

public class RouteSettingsTests
{
    [Fact]
    public void OneMinute_lives_a_minute()
    {
        var settings = RouteSettings.From(new CacheProxyOptions());
        settings.Enabled.ShouldBeTrue();
        settings.MaxBodyBytes.ShouldBe(8 << 20);
        settings.Policy.DefaultLifetime.ShouldBe(TimeSpan.FromSeconds(60));
        settings.Policy.MaxAge.ShouldBe(TimeSpan.FromSeconds(60));
        settings.Policy.HeuristicFreshness.ShouldBeFalse();
        settings.Policy.Keep.ShouldBe(TimeSpan.FromMinutes(1));
        settings.Policy.DefaultStaleIfError.ShouldBe(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void Rfc9111_goes_by_the_origins_words()
    {
        var settings = RouteSettings.From(new CacheProxyOptions { Profile = CacheProfile.Rfc9111 });
        settings.Policy.DefaultLifetime.ShouldBe(TimeSpan.Zero);
        settings.Policy.MaxAge.ShouldBeNull();
        settings.Policy.HeuristicFreshness.ShouldBeTrue();
        settings.Policy.Keep.ShouldBe(TimeSpan.FromHours(1));
    }

    [Fact]
    public void A_body_is_never_more_than_a_quarter_of_the_budget() =>
        RouteSettings.From(new CacheProxyOptions { MemoryBudgetBytes = 1 << 20 }).MaxBodyBytes.ShouldBe(1 << 18);

    [Fact]
    public void The_caches_own_section_goes_before_metadata_and_metadata_before_the_cache()
    {
        var monitor = new Monitor(new CacheProxyOptions { Routes = { ["R"] = new() { MaxAge = TimeSpan.FromSeconds(7) } } });
        using var resolver = new RouteSettingsResolver(monitor);
        var settings = resolver.For(Route(new() { ["Cache.MaxAge"] = "9s", ["Cache.Profile"] = "Rfc9111", ["Cache.Enabled"] = "false" }));
        settings.Policy.MaxAge.ShouldBe(TimeSpan.FromSeconds(7));
        settings.Policy.HeuristicFreshness.ShouldBeTrue();
        settings.Enabled.ShouldBeFalse();
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData("true", true)]
    public void Route_that_is_selected_by_fields_is_cached_only_when_it_says_so(string? enabled, bool cached)
    {
        using var resolver = new RouteSettingsResolver(new Monitor(new CacheProxyOptions()));
        var config = new RouteConfig
        {
            RouteId = "r",
            ClusterId = "c",
            Match = new RouteMatch { Path = "{**rest}", Headers = [new RouteHeader { Name = "X-Tenant", Values = ["a"] }] },
            Metadata = enabled is null ? null : new Dictionary<string, string> { ["Cache.Enabled"] = enabled },
        };
        resolver.For(new RouteModel(config, null, HttpTransformer.Default)).Enabled.ShouldBe(cached);
    }

    [Fact]
    public void Changed_options_count_for_routes_that_stay()
    {
        var monitor = new Monitor(new CacheProxyOptions());
        using var resolver = new RouteSettingsResolver(monitor);
        var route = Route([]);
        resolver.For(route).ShouldBeSameAs(resolver.For(route));
        monitor.Change(new CacheProxyOptions { Profile = CacheProfile.Rfc9111 });
        resolver.For(route).Policy.MaxAge.ShouldBeNull();
    }

    [Fact]
    public void Finding_allocates_nothing()
    {
        using var resolver = new RouteSettingsResolver(new Monitor(new CacheProxyOptions()));
        var route = Route([]);
        resolver.For(route);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            resolver.For(route);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("HashCookie", true)]
    [InlineData("Cookie", false)]
    [InlineData("ArrCookie", false)]
    public void HashCookie_affinity_is_refused(string? policy, bool refused)
    {
        var complaints = new List<string>();
        ClusterDefaults.Check(new ClusterConfig
        {
            ClusterId = "c",
            SessionAffinity = new SessionAffinityConfig { Enabled = true, Policy = policy, AffinityKeyName = "k" },
            Destinations = new Dictionary<string, DestinationConfig> { ["d"] = new() { Address = "http://a" } },
        }, complaints);
        complaints.Count.ShouldBe(refused ? 1 : 0);
    }

    [Fact]
    public async Task Clusters_get_what_they_do_not_set_themselves()
    {
        var options = new CacheProxyOptions { ActivityTimeout = TimeSpan.FromSeconds(7), ConnectTimeout = TimeSpan.FromSeconds(1) };
        var defaults = new ClusterDefaults(new Factory(options), []);
        var destinations = new Dictionary<string, DestinationConfig> { ["d"] = new() { Address = "http://a" } };
        var bare = await defaults.ConfigureClusterAsync(new() { ClusterId = "c", Destinations = destinations }, TestContext.Current.CancellationToken);
        bare.HttpRequest!.ActivityTimeout.ShouldBe(TimeSpan.FromSeconds(7));
        bare.HttpClient!.RequestHeaderEncoding.ShouldBe("Latin1");
        bare.HttpClient.ResponseHeaderEncoding.ShouldBe("Latin1");
        bare.HttpClient.MaxConnectionsPerServer.ShouldBe(1024);
        bare.Metadata![ClusterDefaults.ConnectTimeoutKey].ShouldBe("00:00:01");

        var own = await defaults.ConfigureClusterAsync(new()
        {
            ClusterId = "c",
            Destinations = destinations,
            HttpRequest = new ForwarderRequestConfig { ActivityTimeout = TimeSpan.FromSeconds(99) },
            HttpClient = new HttpClientConfig { RequestHeaderEncoding = "utf-8", MaxConnectionsPerServer = 3 },
        }, TestContext.Current.CancellationToken);
        own.HttpRequest!.ActivityTimeout.ShouldBe(TimeSpan.FromSeconds(99));
        own.HttpClient!.RequestHeaderEncoding.ShouldBe("utf-8");
        own.HttpClient.MaxConnectionsPerServer.ShouldBe(3);
    }

    private static RouteModel Route(Dictionary<string, string> metadata) =>
        new(new RouteConfig { RouteId = "r", ClusterId = "c", Metadata = metadata }, null, HttpTransformer.Default);

    private sealed class Factory(CacheProxyOptions options) : IOptionsFactory<CacheProxyOptions>
    {
        public CacheProxyOptions Create(string name) => options;
    }

    private sealed class Monitor(CacheProxyOptions first) : IOptionsMonitor<CacheProxyOptions>
    {
        private Action<CacheProxyOptions, string?>? _listener;

        public CacheProxyOptions CurrentValue { get; } = first;

        public void Change(CacheProxyOptions options) => _listener?.Invoke(options, "");

        public CacheProxyOptions Get(string? name) => CurrentValue;

        public IDisposable? OnChange(Action<CacheProxyOptions, string?> listener)
        {
            _listener = listener;
            return null;
        }
    }
}
