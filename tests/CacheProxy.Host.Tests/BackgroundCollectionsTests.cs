using System.Globalization;
using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Host.Tests;

/// <summary>What keeps the collector's background thread at work.</summary>
public class BackgroundCollectionsTests
{
    /// <summary>Of a stat file, after the name in parentheses (proc_pid_stat(5)).</summary>
    private const int NicenessAt = 16, PolicyAt = 38;

    [Fact]
    public async Task Large_heap_is_collected_in_the_background_each_interval_by_a_thread_that_stands_back()
    {
        var time = new ManualTime();
        using var collections = new BackgroundCollections(time);
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
            var (own, collector) = (Stat("/proc/self/stat"), Stat($"/proc/self/task/{CollectorThread.Find().ShouldHaveSingleItem()}/stat"));
            collector[PolicyAt].ShouldBe($"{CollectorThread.Batch}");
            int.Parse(collector[NicenessAt], CultureInfo.InvariantCulture).ShouldBe(Math.Min(int.Parse(own[NicenessAt], CultureInfo.InvariantCulture) + CollectorThread.Niceness, 19));
        }
        await collections.StopAsync(TestContext.Current.CancellationToken);
        GC.KeepAlive(heap);
    }

    private static string[] Stat(string file) => File.ReadAllText(file).Split(") ")[^1].Split(' ');
}
