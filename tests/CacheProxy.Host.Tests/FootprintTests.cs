namespace CacheProxy.Host.Tests;

/// <summary>What a process loads: each library costs a part of the start and of the memory, in every process.</summary>
public class FootprintTests
{
    [Fact]
    public async Task What_nothing_needs_is_not_loaded()
    {
        await using var origin = RawOrigin.Hello();
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address]);
        using var proxy = new HttpClient { BaseAddress = host.Proxy };
        await proxy.GetStringAsync("/", TestContext.Current.CancellationToken);

        var mapped = await File.ReadAllTextAsync($"/proc/{host.Id}/maps", TestContext.Current.CancellationToken);
        mapped.ShouldContain("Yarp.ReverseProxy.dll"); // so it would be seen
        mapped.ShouldNotContain("libcrypto");
        mapped.ShouldNotContain("StackExchange.Redis.dll");
    }
}
