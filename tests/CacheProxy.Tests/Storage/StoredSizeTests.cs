using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Storage;
using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Tests.Storage;

/// <summary>What the budget counts is what the process pays. Apart from other tests, because memory is measured.</summary>
[Collection("memory")]
public sealed class StoredSizeTests
{
    private const int Count = 50_000;

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1024, 0)]
    [InlineData(1024, 1)]
    [InlineData(0, 50)]
    [InlineData(20_000, 0)]
    [InlineData(100_000, 0)]
    public void Counted_size_is_within_a_tenth_of_the_memory_taken(int bodyLength, int variants)
    {
        // What other tests have left is collected now and then, and would be taken for this one's.
        var ratio = 0.0;
        for (var attempt = 0; attempt < 3 && ratio is (< 0.9 or > 1.1); attempt++)
            ratio = CountedToTaken(bodyLength, variants);
        ratio.ShouldBeInRange(0.9, 1.1);
    }

    private static double CountedToTaken(int bodyLength, int variants)
    {
        var count = bodyLength > 10_000 ? Count / 10 : Count;
        var clock = new CacheClock(new ManualTime());
        using var store = new ResponseStore(1L << 30, 64, new CoherenceNode(), clock);
        store.Store("first", Response(-1, bodyLength, variants > 0, clock.Now), TimeSpan.FromHours(1));
        var counted = store.SizeBytes;
        var before = Taken();
        for (var i = 0; i < count; i++)
        {
            var response = Response(i, bodyLength, variants > 0, clock.Now);
            store.Store($"http://api.example/items/{i / Math.Max(1, variants):D6}?fields=name,price", response, TimeSpan.FromHours(1));
            response.Release();
        }
        var taken = (double)(Taken() - before) / count;
        counted = (store.SizeBytes - counted) / count;
        store.Count.ShouldBe((count / Math.Max(1, variants)) + 1);
        TestContext.Current.SendDiagnosticMessage($"{bodyLength}, {variants}: {counted} bytes are counted, {taken:F0} taken");
        return counted / taken;
    }

    /// <summary>In the collector's heap, and outside of it.</summary>
    private static long Taken() => GC.GetTotalMemory(forceFullCollection: true) + Block.Taken;

    /// <summary>As it comes from an origin: names are the same strings each time, values are not.</summary>
    private static StoredResponse Response(int number, int bodyLength, bool varies, DateTimeOffset now) => new(
        new ResponseHead(200, null,
        [
            new("Content-Type", New("application/json; charset=utf-8")),
            new("Content-Length", $"{bodyLength}"),
            new("Cache-Control", New("public, max-age=3600")),
            new("Date", New("Mon, 05 Jan 2026 12:00:00 GMT")),
            new("ETag", $"\"{number:x8}\""),
        ], now),
        new Body([new byte[bodyLength]], bodyLength))
    {
        ResponseTime = now,
        InitialAge = TimeSpan.Zero,
        FreshnessLifetime = TimeSpan.FromHours(1),
        VaryFields = varies ? [New("Accept-Encoding")] : [],
        VaryValues = varies ? [$"{number % 100:D4}"] : [],
        Fence = new Fence("a", Array.Empty<string>(), 1),
    };

    private static string New(string text) => new(text.AsSpan());
}
