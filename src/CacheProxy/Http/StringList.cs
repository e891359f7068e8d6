using System.Text;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Http;

/// <summary>A List of Strings in the grammar of structured fields (RFC 9651 sections 3.1, 3.3.3), such as Cache-Groups.</summary>
internal static class StringList
{
    /// <summary>
    /// Reads all lines of the field as one list. Parameters are passed over. <c>null</c> when the field is broken, or has a member that is not
    /// a string: then all of it counts for nothing (section 4.2).
    /// </summary>
    public static string[]? Parse(StringValues lines)
    {
        if (lines.Count == 0)
            return [];
        var text = lines.ToString().AsSpan().Trim(' '); // lines are joined by a comma
        var members = new List<string>();
        while (!text.IsEmpty)
        {
            if (ReadString(ref text) is not { } member || !SkipParameters(ref text))
                return null;
            members.Add(member);
            text = text.TrimStart(FieldList.Whitespace);
            if (text.IsEmpty)
                break;
            if (text[0] != ',')
                return null;
            text = text[1..].TrimStart(FieldList.Whitespace);
            if (text.IsEmpty)
                return null; // a comma at the end
        }
        return [.. members];
    }

    /// <summary>A list of the texts. What a string cannot hold becomes <c>?</c>.</summary>
    public static string Write(IEnumerable<string> members) => string.Join(", ", members.Select(StructuredText.String));

    private static string? ReadString(ref ReadOnlySpan<char> text)
    {
        if (text.IsEmpty || text[0] != '"')
            return null;
        StringBuilder? unescaped = null;
        for (var at = 1; at < text.Length; at++)
        {
            switch (text[at])
            {
                case '"':
                    var value = unescaped?.ToString() ?? text[1..at].ToString();
                    text = text[(at + 1)..];
                    return value;
                case '\\':
                    if (++at >= text.Length || text[at] is not ('"' or '\\'))
                        return null;
                    unescaped ??= new StringBuilder().Append(text[1..(at - 1)]);
                    break;
                case < ' ' or > '~':
                    return null;
            }
            unescaped?.Append(text[at]);
        }
        return null;
    }

    /// <summary>Over <c>;key=value</c>, whose values may be strings with any mark inside.</summary>
    private static bool SkipParameters(ref ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty && text[0] == ';')
        {
            text = text[1..].TrimStart(' ');
            var key = 0;
            while (key < text.Length && (char.IsAsciiLetterLower(text[key]) || char.IsAsciiDigit(text[key]) || text[key] is '_' or '-' or '.' or '*'))
                key++;
            if (key == 0 || !(char.IsAsciiLetterLower(text[0]) || text[0] == '*'))
                return false;
            text = text[key..];
            if (text.IsEmpty || text[0] != '=')
                continue; // a parameter that is true
            text = text[1..];
            if (!text.IsEmpty && text[0] == '"')
            {
                if (ReadString(ref text) is null)
                    return false;
                continue;
            }
            var end = text.IndexOfAny(" \t,;");
            var value = end < 0 ? text : text[..end];
            if (value.IsEmpty || value.ContainsAnyExceptInRange('!', '~') || value.Contains('"'))
                return false;
            text = text[value.Length..];
        }
        return true;
    }
}
