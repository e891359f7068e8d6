using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Host.Tests;

/// <summary>What keeps the collector's background thread at work.</summary>
[Collection("threads")]
public class BackgroundCollectionsTests
{
    [Fact]
    public async Task Large_heap_is_collected_in_the_background_each_interval_by_a_thread_that_stands_back()
    {
        var time = new ManualTime();
        using var precedence = new Precedence(time);
        using var collections = new BackgroundCollections(time, precedence);
        await collections.StartAsync(TestContext.Current.CancellationToken);
        var heap = new byte[64][];
        for (var i = 0; i < heap.Length; i++)
            heap[i] = new byte[BackgroundCollections.Large / heap.Length];
        for (var round = 0; round < 3; round++)
        {
            GC.Collect(); // one that is under way comes to its end
            var before = GC.CollectionCount(GC.MaxGeneration);
            time.Advance(BackgroundCollections.Interval);
            GC.CollectionCount(GC.MaxGeneration).ShouldBeGreaterThan(before);
        }
        if (OperatingSystem.IsLinux())
        {
            var collector = Precedence.Threads().Where(thread => thread.Name == Precedence.Collector).ShouldHaveSingleItem().Thread;
            PrecedenceTests.PolicyOf(collector).ShouldBe(Precedence.Batch);
            PrecedenceTests.NicenessOf(collector).ShouldBe(Math.Min(PrecedenceTests.NicenessOf(Environment.ProcessId) + Precedence.CollectorNiceness, 19));
        }
        await collections.StopAsync(TestContext.Current.CancellationToken);
        GC.KeepAlive(heap);
    }
}
