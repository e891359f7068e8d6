using CacheProxy.Pipeline;
using CacheProxy.Tests.Scenarios;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Tests.Pipeline;

public class FastRoutesTests
{
    [Fact]
    public void Change_that_comes_while_the_routes_are_looked_at_closes_them()
    {
        using var services = new ServiceCollection().AddOptions().BuildServiceProvider();
        var (time, endpoints) = (new ManualTime(), new ChangingEndpoints());
        using var routes = new FastRoutes(endpoints, services.GetRequiredService<IOptionsMonitor<CacheProxyOptions>>(), time, services);
        routes.Now.IsOpen.ShouldBeTrue();
        endpoints.Change();
        routes.Now.IsOpen.ShouldBeFalse();
        endpoints.OnRead = endpoints.Change;
        time.Advance(TimeSpan.FromSeconds(1));
        routes.Now.IsOpen.ShouldBeFalse(); // the second change has to settle as well
        time.Advance(TimeSpan.FromSeconds(1));
        routes.Now.IsOpen.ShouldBeTrue();
    }

    private sealed class ChangingEndpoints : EndpointDataSource
    {
        private ConfigurationReloadToken _changed = new();

        public Action? OnRead { get; set; }

        public override IReadOnlyList<Endpoint> Endpoints
        {
            get
            {
                var onRead = OnRead;
                OnRead = null;
                onRead?.Invoke();
                return [];
            }
        }

        public void Change() => Interlocked.Exchange(ref _changed, new ConfigurationReloadToken()).OnReload();

        public override IChangeToken GetChangeToken() => _changed;
    }
}
