namespace CacheProxy.Benchmarks.Load;

/// <summary>A kind of work that all systems do in turns, as fast as they go.</summary>
/// <param name="Name">Its name on the command line and in the tables.</param>
/// <param name="About">What it is, in a few words.</param>
/// <param name="Requests">The requests of the run of that number.</param>
/// <param name="IsHit">
/// Whether the cache is to answer all: a system that asks the origin for more than 1 in 100 has answered wrongly. Of the others each
/// request must reach the origin.
/// </param>
/// <param name="Fill">What to ask for beforehand, so that it is stored; how many.</param>
/// <param name="IsComparedWithHot">Whether each system is also compared with itself: it does the hot URL beside it.</param>
internal sealed record Scenario(string Name, string About, Func<int, Requests> Requests, bool IsHit, (Requests Requests, int Count)? Fill = null, bool IsComparedWithHot = false)
{
    private const int Keys = 10_000;
    private const int SequenceLength = 1 << 20;
    private static readonly Answer Small = new(200, 1024);
    private static readonly RequestTemplate Hot = RequestTemplate.Of("GET", "/cacheable/hot", Small);
    private static readonly Lazy<int[]> TenThousand = new(() => Zipf.Sequence(Keys, 0.9, SequenceLength, new Random(1)));

    /// <summary>What others are compared with.</summary>
    public static Scenario OneHot { get; } = Hits("hit", "one hot URL of 1 KB", Hot);

    /// <summary>All of them, in the order of the tables.</summary>
    public static Scenario[] All { get; } =
    [
        OneHot,
        new("zipf", "10,000 URLs of 1 KB, zipf 0.9", _ => new([Keyed("z")], TenThousand.Value), IsHit: true, (new([Keyed("z")], [.. Enumerable.Range(0, Keys)]), Keys), IsComparedWithHot: true),
        Hits("64k", "one hot URL of 64 KB", RequestTemplate.Of("GET", "/cacheable/64k", new(200, 64 * 1024))),
        Hits("1m", "one hot URL of 1 MB", RequestTemplate.Of("GET", "/cacheable/1m", new(200, 1024 * 1024))),
        Hits("304", "If-None-Match of one hot URL", RequestTemplate.Of("GET", "/cacheable/hot", new(304, 0), "If-None-Match: \"v1\"\r\n")),
        Hits("gzip", "8 KB of text: gzip, br or gzip, and plain, in turns",
            RequestTemplate.Of("GET", "/cacheable/gzip", new(200, LoadOrigin.Compressed.Length), "Accept-Encoding: gzip\r\n"),
            RequestTemplate.Of("GET", "/cacheable/gzip", new(200, LoadOrigin.Compressed.Length), "Accept-Encoding: br, gzip\r\n"),
            RequestTemplate.Of("GET", "/cacheable/gzip", new(200, LoadOrigin.TextLength), "Accept-Encoding: identity\r\n")),
        new("miss", "a new URL of 1 KB each time, stored", run => new([Keyed($"m{run}-")]), IsHit: false),
        new("get", "1,000 URLs of 1 KB, no-store, passed through", _ => new([Keyed("p", "/passed/")], [.. Enumerable.Range(0, 1000)]), IsHit: false),
        new("post", "1 KB up, 1 KB down, passed through", _ => new([RequestTemplate.Of("POST", "/passed", Small, body: new string('y', 1024))]), IsHit: false),
    ];

    /// <summary>A URL of 1 KB for each key.</summary>
    public static RequestTemplate Keyed(string name, string folder = "/cacheable/") =>
        RequestTemplate.Of("GET", $"{folder}{name}{RequestTemplate.Key}", Small);

    private static Scenario Hits(string name, string about, params RequestTemplate[] templates) =>
        new(name, about, _ => new(templates), IsHit: true, (new(templates), templates.Length));
}
