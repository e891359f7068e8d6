using CacheProxy.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Keys;

/// <summary>
/// Which stored language a request would be given, by its own words: the one that it likes best of all, alone (RFC 9110 section 12.5.4), or what
/// is left of that when subtags are taken off its end, which is how servers look up (RFC 4647 section 3.4).
/// </summary>
/// <remarks>What the origin has besides, and what it looks at besides, is not known here: a route must allow it.</remarks>
internal static class LanguageChoice
{
    /// <summary>More ranges than anybody speaks.</summary>
    private const int MaxRanges = 16;

    /// <summary>The range with the highest weight; empty when two share it, when it is <c>*</c>, or when the field is absent or unreadable.</summary>
    public static ReadOnlySpan<char> Preferred(StringValues acceptLanguage)
    {
        ReadOnlySpan<char> preferred = default;
        var (highest, count) = (0, 0);
        foreach (var member in new FieldList(acceptLanguage))
        {
            var semicolon = member.IndexOf(';');
            var range = semicolon < 0 ? member : member[..semicolon].TrimEnd(FieldList.Whitespace);
            var weight = semicolon < 0 ? Weight.Highest : Weight.Parse(member[(semicolon + 1)..]);
            if (weight < 0 || !IsLanguage(range) || ++count > MaxRanges)
                return default;
            if (weight < highest || weight == 0)
                continue;
            preferred = weight > highest ? range : default;
            highest = weight;
        }
        return preferred is "*" ? default : preferred;
    }

    /// <summary>How well a stored response's language meets the range: the length of the tag, or 0 when it does not.</summary>
    /// <param name="range">The preferred range.</param>
    /// <param name="contentLanguage">The response's Content-Language; one tag, or nothing is known.</param>
    public static int Match(ReadOnlySpan<char> range, StringValues contentLanguage)
    {
        if (contentLanguage.Count != 1)
            return 0;
        var tag = contentLanguage[0].AsSpan().Trim(FieldList.Whitespace);
        return tag.Length > 0 && range.StartsWith(tag, StringComparison.OrdinalIgnoreCase) && (range.Length == tag.Length || range[tag.Length] == '-')
            ? tag.Length
            : 0;
    }

    private static bool IsLanguage(ReadOnlySpan<char> range)
    {
        foreach (var character in range)
            if (!char.IsAsciiLetterOrDigit(character) && character is not ('-' or '*'))
                return false;
        return range.Length > 0;
    }
}
