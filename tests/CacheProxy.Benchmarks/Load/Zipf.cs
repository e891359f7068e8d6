namespace CacheProxy.Benchmarks.Load;

/// <summary>Keys as a public takes them: the n-th most popular is asked for in proportion to 1 / n^skew.</summary>
internal static class Zipf
{
    /// <param name="keys">How many keys there are; they are numbered from 0, in no order of popularity.</param>
    /// <param name="skew">0: all alike; around 1: most go to few.</param>
    /// <param name="length">How many requests.</param>
    /// <param name="random">The same seed gives the same sequence.</param>
    public static int[] Sequence(int keys, double skew, int length, Random random)
    {
        var names = Enumerable.Range(0, keys).ToArray();
        random.Shuffle(names);
        var sequence = Ranks(keys, skew, length, random);
        for (var i = 0; i < length; i++)
            sequence[i] = names[sequence[i]];
        return sequence;
    }

    /// <summary>The same with 0 as the most popular, and so on.</summary>
    public static int[] Ranks(int keys, double skew, int length, Random random)
    {
        var sums = new double[keys];
        var sum = 0.0;
        for (var i = 0; i < keys; i++)
            sums[i] = sum += Math.Pow(i + 1, -skew);
        var ranks = new int[length];
        for (var i = 0; i < length; i++)
        {
            var rank = Array.BinarySearch(sums, random.NextDouble() * sum);
            ranks[i] = Math.Min(rank < 0 ? ~rank : rank, keys - 1);
        }
        return ranks;
    }
}
