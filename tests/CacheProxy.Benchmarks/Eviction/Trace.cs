using CacheProxy.Benchmarks.Load;

namespace CacheProxy.Benchmarks.Eviction;

/// <summary>Requests as a public makes them, generated: keys, each below <see cref="Keys"/>. The same each time.</summary>
/// <param name="Name">Its name in the table.</param>
/// <param name="Requests">The keys asked for.</param>
internal sealed record Trace(string Name, int[] Requests)
{
    private const int Length = 1_000_000;

    /// <summary>How many keys are asked for more than once by design.</summary>
    public const int Keys = 100_000;

    /// <summary>Those above are one-hit wonders.</summary>
    public const int AllKeys = Keys + Length;

    public static IEnumerable<Trace> All()
    {
        yield return new("zipf 0.7", Popular(0.7));
        yield return new("zipf 0.9", Popular(0.9));
        yield return new("zipf 1.1", Popular(1.1));
        yield return new("scan", Scanned(Popular(0.9), share: 5));
        yield return new("shifting", Shifting(Popular(0.9), every: 50_000, by: 5_000));
        yield return new("new ones first", Aging());
        yield return new("one-hit 25 %", WithWonders(Popular(0.9), share: 4));
        yield return new("one-hit 50 %", WithWonders(Popular(0.9), share: 2));
        yield return new("mixed", WithWonders(Scanned(Shifting(Popular(0.9), every: 100_000, by: 5_000), share: 10), share: 4));
    }

    private static int[] Popular(double skew) => Zipf.Sequence(Keys, skew, Length, new Random(7));

    /// <summary>A crawler asks for all in turn: each n-th request.</summary>
    private static int[] Scanned(int[] requests, int share)
    {
        for (var i = 0; i < requests.Length; i += share)
            requests[i] = i / share % Keys;
        return requests;
    }

    /// <summary>From time to time what is popular changes places with what is not; as much of it as <paramref name="by"/> of all keys.</summary>
    private static int[] Shifting(int[] requests, int every, int by)
    {
        var names = Enumerable.Range(0, Keys).ToArray();
        var random = new Random(8);
        for (var i = 0; i < requests.Length; i++)
        {
            for (var swap = 0; i % every == 0 && swap < by; swap++)
            {
                var (one, other) = (random.Next(Keys), random.Next(Keys));
                (names[one], names[other]) = (names[other], names[one]);
            }
            requests[i] = names[requests[i]];
        }
        return requests;
    }

    /// <summary>As news are read: each key comes up once, and is asked for less and less.</summary>
    private static int[] Aging()
    {
        const int requestsPerKey = 20;
        var requests = Zipf.Ranks(Keys / 2, 0.9, Length, new Random(9));
        for (var i = 0; i < requests.Length; i++)
            requests[i] = (i / requestsPerKey) + (Keys / 2) - 1 - requests[i]; // the newest is the most popular
        return requests;
    }

    /// <summary>Each n-th request is for something that nobody has asked for before, nor will again.</summary>
    private static int[] WithWonders(int[] requests, int share)
    {
        for (var i = 0; i < requests.Length; i += share)
            requests[i] = Keys + i;
        return requests;
    }
}
