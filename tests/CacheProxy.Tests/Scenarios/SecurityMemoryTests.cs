using static CacheProxy.Tests.Scenarios.RawClient;

namespace CacheProxy.Tests.Scenarios;

/// <summary>Measured: it runs alone, because the process has one heap.</summary>
[Collection(nameof(SecurityMemoryTests))]
[CollectionDefinition(nameof(SecurityMemoryTests), DisableParallelization = true)]
public sealed class SecurityMemoryTests
{
    [Fact]
    public async Task Flood_of_long_urls_that_are_not_stored_leaves_nothing_that_grows()
    {
        await using var origin = ScriptedOrigin.Answering(_ => StoryTests.Respond("no", "200 OK", "Cache-Control: private\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await using var client = await ConnectAsync(proxy);
        var padding = new string('p', 7000);
        async Task FloodAsync(int from, int count)
        {
            for (var i = from; i < from + count; i++)
            {
                await client.SendAsync(Get($"/{padding}{i}"));
                await client.ReadAsync();
            }
        }
        await FloodAsync(0, 100);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await FloodAsync(100, 700);
        // 700 keys of 14 kB are 10 MB.
        (GC.GetTotalMemory(forceFullCollection: true) - before - ToldOfOrigin(origin, 700)).ShouldBeLessThan(5 << 20);
    }

    /// <summary>What the test's own origin keeps of the last requests.</summary>
    private static long ToldOfOrigin(ScriptedOrigin origin, int last) => origin.Requests.TakeLast(last).Sum(r => 2L * r.Head.Length);
}
