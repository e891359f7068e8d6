using System.Numerics;

namespace CacheProxy.Benchmarks.Load;

/// <summary>Latencies in buckets whose width is at most 1/32 of their value, so that a percentile is right to 3 %.</summary>
internal sealed class Histogram
{
    private const int Bits = 5;
    private readonly long[] _buckets = new long[64 << Bits];

    public long Count { get; private set; }

    public TimeSpan Max { get; private set; }

    public void Record(TimeSpan latency)
    {
        _buckets[Index(Math.Max(latency.Ticks, 0))]++;
        Count++;
        if (latency > Max)
            Max = latency;
    }

    /// <summary>The latency that <paramref name="share"/> (0 to 1) of all do not exceed; zero when there are none.</summary>
    public TimeSpan Percentile(double share)
    {
        var wanted = (long)Math.Ceiling(share * Count);
        for (int i = 0; i < _buckets.Length && wanted > 0; i++)
            if ((wanted -= _buckets[i]) <= 0)
                return TimeSpan.FromTicks(Math.Min(Upper(i), Max.Ticks));
        return TimeSpan.Zero;
    }

    private static int Index(long value)
    {
        var shift = Math.Max(BitOperations.Log2((ulong)value | 1) - Bits, 0);
        return (shift << Bits) + (int)(value >> shift);
    }

    private static long Upper(int index)
    {
        var shift = Math.Max((index >> Bits) - 1, 0);
        return ((index - ((long)shift << Bits) + 1) << shift) - 1;
    }
}
