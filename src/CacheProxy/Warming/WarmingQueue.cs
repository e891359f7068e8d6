using CacheProxy.Keys;

namespace CacheProxy.Warming;

/// <summary>What is to be got: each URL once, and not more than so many. Used by one at a time.</summary>
/// <param name="capacity">How many URLs are taken at all.</param>
internal sealed class WarmingQueue(int capacity)
{
    private const int MaxLines = 1_000_000, LongestLine = 8192;

    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly Queue<WarmingItem> _items = new();

    /// <summary>How many are left of what may be taken.</summary>
    public int Room => capacity - _known.Count;

    /// <summary>Takes a URL, unless it is known already.</summary>
    /// <returns>Whether it is a URL.</returns>
    public bool Add(string url, WarmingKind kind = WarmingKind.Page)
    {
        // The second reading refuses ports and addresses that are none.
        if (!TargetUri.TryReadUrl(url, out var uri) || !Uri.TryCreate(url, UriKind.Absolute, out _))
            return false;
        if (Room > 0 && _known.Add(CacheKey.Text(uri)))
            _items.Enqueue(new WarmingItem(uri, kind));
        return true;
    }

    /// <summary>Takes the URLs of a text file, one a line.</summary>
    /// <returns>The lines that are none.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public int AddFile(string path)
    {
        var refused = 0;
        using var file = new StreamReader(path, System.Text.Encoding.Latin1);
        for (var lines = 0; lines < MaxLines && Room > 0 && ReadLine(file) is { } line; lines++)
        {
            var url = line.Trim();
            if (url.Length > 0 && url[0] != '#' && (url.Length > LongestLine || !Add(url)))
                refused++;
        }
        return refused;
    }

    public int Count => _items.Count;

    public WarmingItem Take() => _items.Dequeue();

    /// <summary>Once more, after all the others.</summary>
    public void PutBack(WarmingItem item) => _items.Enqueue(item with { Attempts = item.Attempts + 1 });

    /// <summary>A line, or the beginning of one that is too long: a file without line ends is not read into memory.</summary>
    private static string? ReadLine(StreamReader file)
    {
        var line = new System.Text.StringBuilder();
        int next;
        while ((next = file.Read()) >= 0 && next != '\n')
            if (line.Length <= LongestLine)
                line.Append((char)next);
        return next < 0 && line.Length == 0 ? null : line.ToString();
    }
}

/// <param name="Uri">What to get.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Attempts">How often it has been tried in vain.</param>
internal sealed record WarmingItem(TargetUri Uri, WarmingKind Kind, int Attempts = 0)
{
    public string Key => CacheKey.Text(Uri);
}

internal enum WarmingKind
{
    Page,

    /// <summary>A sitemap, or an index of sitemaps.</summary>
    Sitemap,

    /// <summary>A sitemap that an index has named: an index here is not followed.</summary>
    SitemapOfIndex,
}
