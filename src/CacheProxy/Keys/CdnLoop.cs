using CacheProxy.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Keys;

/// <summary>
/// CDN-Loop (RFC 8586): each cache on the way adds its name, so that one that finds its own knows that the request has been here before.
/// Without it such a request would wait for its own answer.
/// </summary>
internal static class CdnLoop
{
    public const string FieldName = "CDN-Loop";

    /// <summary>Whether a cdn-info of that name is among the members, whatever its parameters.</summary>
    public static bool Names(StringValues lines, string name)
    {
        foreach (var member in new FieldList(lines))
        {
            var end = member.IndexOf(';');
            if ((end < 0 ? member : member[..end].TrimEnd(FieldList.Whitespace)).Equals(name, StringComparison.OrdinalIgnoreCase))
                return true;
        }
        return false;
    }

    /// <summary>Adds the name behind all others, which stay (section 2).</summary>
    public static void Add(IDictionary<string, StringValues> fields, string name) =>
        fields[FieldName] = fields.TryGetValue(FieldName, out var earlier) && earlier.Count > 0 ? $"{string.Join(", ", earlier.ToArray())}, {name}" : name;
}
