using System.Text;
using CacheProxy.Keys;

namespace CacheProxy;

/// <summary>What the cache is filled with before clients ask, and how gently. Read at the start only. Default: nothing.</summary>
public sealed class WarmingOptions
{
    /// <summary>URLs as clients use them, absolute, separated by commas (a comma within one is written <c>%2C</c>). <c>null</c> (default): none.</summary>
    public string? Urls { get; set; }

    /// <summary>A text file of such URLs, one a line; blank lines and lines that begin with <c>#</c> do not count. <c>null</c> (default): none.</summary>
    public string? UrlsFile { get; set; }

    /// <summary>URLs of sitemaps or sitemap indexes, separated by commas; got through the cache as any other. <c>null</c> (default): none.</summary>
    public string? Sitemaps { get; set; }

    /// <summary>
    /// The file where the URLs that are hit most are written, each minute and at the stop, and read at the next start. It holds URLs, query included, of
    /// responses that requests without credentials were given; no bodies. <c>null</c> (default): none.
    /// </summary>
    public string? TopKeysFile { get; set; }

    /// <summary>How many URLs that file holds. Default 1000; 1 to 100000.</summary>
    public int TopKeys { get; set; } = 1000;

    /// <summary>How many URLs are warmed at all. Default 10000; 1 to 1000000.</summary>
    public int MaxUrls { get; set; } = 10_000;

    /// <summary>How many requests a second are made for it. Default 20; 1 to 10000.</summary>
    public int RequestsPerSecond { get; set; } = 20;

    /// <summary>How many of them are under way at one time. Default 2; 1 to 64.</summary>
    public int Concurrency { get; set; } = 2;

    /// <summary>
    /// Accept-Encoding of these requests: where responses vary with it, the variant that is warmed. Default <c>gzip, deflate, br, zstd</c>, as
    /// browsers say over TLS; empty: none.
    /// </summary>
    public string AcceptEncoding { get; set; } = "gzip, deflate, br, zstd";

    /// <summary>How long readiness waits for warming to be done. Default 0: it does not; to 10 min.</summary>
    public TimeSpan ReadyWait { get; set; }

    /// <summary>Whether there is anything to warm.</summary>
    internal bool IsWanted => Sources.Any(source => !string.IsNullOrWhiteSpace(source));

    private string?[] Sources => [Urls, UrlsFile, Sitemaps, TopKeysFile];

    /// <summary>Adds a complaint for everything that is out of range.</summary>
    internal void Check(string at, ICollection<string> complaints)
    {
        var range = new RangeCheck(complaints);
        range.Number(at + nameof(TopKeys), TopKeys, 1, 100_000);
        range.Number(at + nameof(MaxUrls), MaxUrls, 1, 1_000_000);
        range.Number(at + nameof(RequestsPerSecond), RequestsPerSecond, 1, 10_000);
        range.Number(at + nameof(Concurrency), Concurrency, 1, 64);
        range.Duration(at + nameof(ReadyWait), ReadyWait, TimeSpan.Zero, TimeSpan.FromMinutes(10));
        CheckUrls(at + nameof(Urls), Urls, complaints);
        CheckUrls(at + nameof(Sitemaps), Sitemaps, complaints);
        if (!string.IsNullOrWhiteSpace(UrlsFile) && !File.Exists(UrlsFile))
            complaints.Add($"{at}{nameof(UrlsFile)} is '{UrlsFile}'; there is no such file.");
        if (!string.IsNullOrWhiteSpace(TopKeysFile) && !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(TopKeysFile))))
            complaints.Add($"{at}{nameof(TopKeysFile)} is '{TopKeysFile}'; there is no such folder.");
        if (!Ascii.IsValid(AcceptEncoding) || AcceptEncoding.Any(char.IsControl))
            complaints.Add($"{at}{nameof(AcceptEncoding)} has a control character or one outside ASCII; it goes into a header field.");
    }

    private static void CheckUrls(string key, string? value, ICollection<string> complaints)
    {
        foreach (var url in OptionLists.Split(value).Where(u => !TargetUri.TryReadUrl(u, out _)))
            complaints.Add($"{key} names '{url}'; it takes absolute URLs as clients use them, such as https://shop.example/items/1, separated by commas.");
    }
}
