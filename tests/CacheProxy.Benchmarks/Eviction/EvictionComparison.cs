using System.Globalization;

namespace CacheProxy.Benchmarks.Eviction;

/// <summary>Which share of requests finds its object, by what is evicted. Command <c>eviction</c>; takes a minute; prints Markdown.</summary>
internal static class EvictionComparison
{
    private static readonly double[] Sizes = [0.001, 0.01, 0.1, 0.3];

    private static readonly (string Name, Func<int, Cache> Make)[] Rivals =
    [
        ("LRU", capacity => new Lru(capacity, Trace.AllKeys)),
        ("SIEVE", capacity => new Sieve(capacity, Trace.AllKeys)),
        ("S3-FIFO", capacity => new S3Fifo(capacity, Trace.AllKeys)),
        ("SIEVE, admission on second use", capacity => new SecondUse(new Sieve(capacity, Trace.AllKeys), capacity, Trace.AllKeys)),
    ];

    public static void Run()
    {
        Console.WriteLine($"| trace | room | {string.Join(" | ", Rivals.Select(r => r.Name))} |");
        Console.WriteLine($"|---|---|{string.Concat(Rivals.Select(_ => "---|"))}");
        var sums = new double[Rivals.Length];
        var rows = 0;
        foreach (var trace in Trace.All())
            foreach (var size in Sizes)
            {
                double[] ratios = [.. Rivals.Select(r => HitRatio(r.Make((int)(size * Trace.Keys)), trace))];
                Write(trace.Name, size.ToString("0.0 %", CultureInfo.InvariantCulture), ratios);
                sums = [.. sums.Zip(ratios, (sum, ratio) => sum + ratio)];
                rows++;
            }
        Write("mean", "", [.. sums.Select(sum => sum / rows)]);
    }

    private static double HitRatio(Cache cache, Trace trace)
    {
        var hits = 0;
        foreach (var key in trace.Requests)
            hits += cache.Ask(key) ? 1 : 0;
        return (double)hits / trace.Requests.Length;
    }

    private static void Write(string trace, string size, double[] ratios) =>
        Console.WriteLine($"| {trace} | {size} | {string.Join(" | ", ratios.Select(r => r.ToString("0.0 %", CultureInfo.InvariantCulture)))} |");
}
