using System.Buffers;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Http;

/// <summary>What may stand in a field value (RFC 9110 section 5.5).</summary>
internal static class FieldValue
{
    private static readonly SearchValues<char> Controls = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Where(c => c != '\t').Select(c => (char)c), '\u007f']);

    /// <summary>Whether the text has a control character other than the tab. Obs-text is allowed.</summary>
    public static bool HasControls(ReadOnlySpan<char> text) => text.ContainsAny(Controls);

    /// <summary>Whether any line of a field has one.</summary>
    public static bool HasControls(StringValues lines)
    {
        foreach (var line in lines)
            if (HasControls(line.AsSpan()))
                return true;
        return false;
    }
}
