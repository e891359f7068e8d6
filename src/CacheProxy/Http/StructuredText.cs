using System.Text;

namespace CacheProxy.Http;

/// <summary>Text as an item of a structured field (RFC 9651 sections 3.3.3, 3.3.4).</summary>
internal static class StructuredText
{
    /// <summary>A token where the text is one, else a string; what a string cannot hold becomes <c>?</c>.</summary>
    public static string Item(string text) => IsToken(text) ? text : String(text);

    /// <summary>A string; what it cannot hold becomes <c>?</c>.</summary>
    public static string String(string text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('"');
        foreach (var character in text)
        {
            if (character is '"' or '\\')
                quoted.Append('\\');
            quoted.Append(character is >= ' ' and <= '~' ? character : '?');
        }
        return quoted.Append('"').ToString();
    }

    /// <summary>sf-token: begins with a letter or <c>*</c>, and may hold colons and slashes.</summary>
    private static bool IsToken(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty || !(char.IsAsciiLetter(text[0]) || text[0] == '*'))
            return false;
        foreach (var character in text)
            if (character is not (':' or '/') && !Token.IsValid([character]))
                return false;
        return true;
    }
}
