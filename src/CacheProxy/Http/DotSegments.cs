using System.Text;

namespace CacheProxy.Http;

/// <summary>remove_dot_segments of RFC 3986 section 5.2.4: nothing else of a path is changed, no escape is decoded.</summary>
internal static class DotSegments
{
    /// <param name="path">A path that begins with a slash.</param>
    public static string Remove(string path)
    {
        if (!path.Contains("/.", StringComparison.Ordinal))
            return path;

        var result = new StringBuilder(path.Length);
        var rest = path.AsSpan();
        while (!rest.IsEmpty)
        {
            // A segment with the slash before it.
            var next = rest[1..].IndexOf('/');
            var segment = next < 0 ? rest : rest[..(next + 1)];
            rest = rest[segment.Length..];
            if (segment is "/..")
                result.Length = Math.Max(LastSlash(result), 0);
            else if (segment is not "/.")
                result.Append(segment);
            // A dot segment at the end leaves its slash.
            if (rest.IsEmpty && segment is "/.." or "/.")
                result.Append('/');
        }
        return result.ToString();
    }

    private static int LastSlash(StringBuilder text)
    {
        for (var at = text.Length - 1; at >= 0; at--)
            if (text[at] == '/')
                return at;
        return -1;
    }
}
