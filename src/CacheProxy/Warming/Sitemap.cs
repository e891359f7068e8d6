using System.Xml;

namespace CacheProxy.Warming;

/// <summary>Reads a sitemap or a sitemap index (sitemaps.org, protocol 0.9). The text is a stranger's: no DTD, no entities but XML's own, nothing else is opened.</summary>
/// <param name="IsIndex">It names sitemaps, not pages.</param>
/// <param name="Locations">What it names, as written.</param>
internal sealed record Sitemap(bool IsIndex, IReadOnlyList<string> Locations)
{
    /// <summary>A longer one is not read.</summary>
    public const int MaxBytes = 10 << 20;

    private const int LongestUrl = 2048;

    private static readonly XmlReaderSettings Settings = new()
    {
        DtdProcessing = DtdProcessing.Prohibit,
        XmlResolver = null,
        MaxCharactersInDocument = MaxBytes,
        IgnoreComments = true,
        IgnoreProcessingInstructions = true,
    };

    /// <param name="text">The document.</param>
    /// <param name="maxLocations">So many are read at most.</param>
    /// <returns><c>null</c> when it is no sitemap.</returns>
    public static Sitemap? Read(ReadOnlyMemory<byte> text, int maxLocations)
    {
        try
        {
            using var xml = XmlReader.Create(new MemoryStream(text.ToArray(), writable: false), Settings);
            if (xml.MoveToContent() != XmlNodeType.Element || xml.LocalName is not (("urlset" or "sitemapindex") and var root))
                return null;
            var locations = new List<string>();
            while (locations.Count < maxLocations && xml.Read())
            {
                if (xml is not { NodeType: XmlNodeType.Element, Depth: 2, LocalName: "loc", IsEmptyElement: false })
                    continue;
                // Only the text within: an element in it is not looked into.
                xml.Read();
                if (xml.NodeType is XmlNodeType.Text or XmlNodeType.CDATA && xml.Value.Trim() is { Length: > 0 and <= LongestUrl } location)
                    locations.Add(location);
            }
            return new Sitemap(root == "sitemapindex", locations);
        }
        catch (XmlException)
        {
            return null;
        }
    }
}
