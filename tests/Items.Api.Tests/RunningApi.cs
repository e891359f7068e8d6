using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;

namespace Items.Api.Tests;

/// <summary>The API as it is, on a free loopback port, with a clock that moves by hand.</summary>
internal sealed class RunningApi : IAsyncDisposable
{
    private readonly WebApplicationFactory<Program> _factory;

    private RunningApi(WebApplicationFactory<Program> factory)
    {
        _factory = factory;
        Client = factory.CreateClient();
    }

    public HttpClient Client { get; }

    public ManualTime Time => (ManualTime)_factory.Services.GetRequiredService<TimeProvider>();

    public IServiceProvider Services => _factory.Services;

    public static RunningApi Start(string provider, string connection, params (string Key, string Value)[] settings)
    {
        var factory = new Factory([("Items:Provider", provider), ("ConnectionStrings:Items", connection), .. settings]);
        factory.UseKestrel(0);
        factory.StartServer();
        return new RunningApi(factory);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _factory.DisposeAsync();
    }

    /// <summary>A class of its own, because what WithWebHostBuilder returns forgets the port.</summary>
    private sealed class Factory((string Key, string Value)[] settings) : WebApplicationFactory<Program>
    {
        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            foreach (var (key, value) in settings)
                builder.UseSetting(key, value);
            builder.ConfigureTestServices(services => services.AddSingleton<TimeProvider>(new ManualTime()));
        }
    }
}
