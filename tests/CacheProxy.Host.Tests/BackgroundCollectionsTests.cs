using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Host.Tests;

/// <summary>What keeps the collector's background thread at work.</summary>
public class BackgroundCollectionsTests
{
    [Fact]
    public async Task Heap_is_collected_in_each_interval()
    {
        var time = new ManualTime();
        using var collections = new BackgroundCollections(time);
        await collections.StartAsync(TestContext.Current.CancellationToken);
        for (var round = 0; round < 3; round++)
        {
            GC.Collect(); // one that is under way comes to its end
            var before = GC.CollectionCount(GC.MaxGeneration);
            time.Advance(BackgroundCollections.Interval);
            GC.CollectionCount(GC.MaxGeneration).ShouldBeGreaterThan(before);
        }
        await collections.StopAsync(TestContext.Current.CancellationToken);
    }
}
