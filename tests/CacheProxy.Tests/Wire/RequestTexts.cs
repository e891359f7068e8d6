using System.Text;

namespace CacheProxy.Tests.Wire;

/// <summary>Generated requests near the border of what is answered on the connection: most are well formed, and about half of those have something odd done to them.</summary>
internal static class RequestTexts
{
    private static readonly string[] Targets = ["/a", "/a", "/a", "/b", "/b?q=1", "/varies", "/varies", "/varies", "/short", "/none", "/a/../b", "/a#x", "http://site.example/a", "/%61", "//a", "/a/", "/a?", "/a;x"];

    private static readonly string[] Neutral =
        ["User-Agent: x", "Accept: */*", "accept-encoding: gzip", "Accept-Encoding: br, X-GZIP", "Accept-Encoding: gzip;q=0, identity", "Accept-Encoding: gzip;q=0.5", "Accept-Encoding: *", "Accept-Encoding:", "Accept-Language: de", "Connection: keep-alive", "Cookie: a=b", "Cache-Control: no-cache", "Pragma: no-cache",
         "X-Forwarded-For: 10.1.2.3", "X-Forwarded-Proto: https", "Referer: http://site.example/", "Via: 1.1 x", "Sec-Fetch-Mode: cors", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"];

    private static readonly string[] Telling =
        ["If-None-Match: \"1\"", "If-None-Match: \"4\"", "If-None-Match: *", "If-None-Match: W/\"1\"", "If-None-Match: \"2\", \"1\"", "If-None-Match: \"2\"", "If-None-Match: 1", "If-None-Match:", "If-None-Match: \"2\"\r\nIf-None-Match: \"1\"",
         "If-None-Match: \"1\"\r\nIf-Modified-Since: Mon, 05 Jan 2026 10:00:00 GMT", "If-None-Match: \"2\"\r\nIf-Modified-Since: Mon, 05 Jan 2026 13:00:00 GMT", "If-Modified-Since: Mon, 05 Jan 2026 13:00:00 GMT", "Range: bytes=0-1", "Range: bytes=1-", "Authorization: Basic eDp5", "X-Api-Key: k",
         "Cache-Control: only-if-cached", "X-Forwarded-Host: other.example", "X-Forwarded-For: a, b", "Content-Length: 0", "Host: site.example", "X-Other: 1", "TE: trailers", "Expect: 100-continue", "Upgrade: h2c",
         "Connection: upgrade", "Connection: upgrade\r\nUpgrade: websocket", "Connection: content-length\r\nContent-Length: 0", "Connection: cookie", "Connection: host", "Keep-Alive: timeout=5", "X_Forwarded_Proto: https"];

    private static readonly string[] Scraps = ["\r\n", "\n", "\r", "\0", ":", " ", "\t", "Host: a\r\n", " folded: x\r\n", "Host : x\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "\u00ff", "GET ", "HTTP/1.0", ",", "%00"];

    /// <summary>One request, perhaps broken.</summary>
    public static byte[] Next(Random random) => Encoding.Latin1.GetBytes(random.Next(2) == 0 ? Whole(random) : Broken(random));

    /// <summary>One that is well formed.</summary>
    public static string Whole(Random random)
    {
        var text = new StringBuilder(random.Next(12) == 0 ? "HEAD " : "GET ").Append(Of(Targets, random)).Append(random.Next(30) == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
        List<string> lines = [random.Next(20) == 0 ? "Host: SITE.example" : "Host: site.example"];
        for (var more = random.Next(4); more > 0; more--)
            lines.Add(Of(Neutral, random));
        if (random.Next(4) == 0)
            lines.Add(Of(Telling, random));
        foreach (var line in lines.OrderBy(_ => random.Next()))
            text.Append(line).Append("\r\n");
        return text.Append("\r\n").ToString();
    }

    /// <summary>A well formed one with something put in, taken out or changed in one or two places.</summary>
    public static string Broken(Random random)
    {
        var text = new StringBuilder(Whole(random));
        for (var times = random.Next(1, 3); times > 0; times--)
        {
            var at = random.Next(text.Length);
            if (random.Next(3) == 0)
                text.Insert(at, Of(Scraps, random));
            else if (random.Next(2) == 0)
                text.Remove(at, 1);
            else
                text[at] = (char)random.Next(256);
        }
        return text.ToString();
    }

    private static string Of(string[] texts, Random random) => texts[random.Next(texts.Length)];
}
