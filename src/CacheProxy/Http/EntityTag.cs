using Microsoft.Extensions.Primitives;

namespace CacheProxy.Http;

/// <summary>entity-tag of RFC 9110 section 8.8.3, kept as its text: <c>"a"</c> or <c>W/"a"</c>.</summary>
internal static class EntityTag
{
    /// <summary>Whether the whole text is one entity tag. What stands without quotes is none.</summary>
    public static bool IsValid(ReadOnlySpan<char> text) => !text.IsEmpty && Length(text) == text.Length;

    public static bool IsWeak(ReadOnlySpan<char> tag) => tag.StartsWith("W/", StringComparison.Ordinal);

    /// <summary>Strong comparison (section 8.8.3.2): the same text, and neither is weak.</summary>
    public static bool StrongEquals(ReadOnlySpan<char> one, ReadOnlySpan<char> other) => !IsWeak(one) && one.SequenceEqual(other);

    /// <summary>Weak comparison (section 8.8.3.2): the same text between the quotes.</summary>
    public static bool WeakEquals(ReadOnlySpan<char> one, ReadOnlySpan<char> other) => Opaque(one).SequenceEqual(Opaque(other));

    /// <summary>
    /// Whether the lines of an If-None-Match name the tag by weak comparison, or are <c>*</c> alone (section 13.1.2). Members that are no
    /// tags are passed over.
    /// </summary>
    /// <param name="lines">All lines of the field.</param>
    /// <param name="tag">The stored response's tag; empty when it has none, which only <c>*</c> names.</param>
    public static bool ListNames(StringValues lines, ReadOnlySpan<char> tag)
    {
        if (lines.Count == 1)
            return ListNames(lines[0].AsSpan(), tag);
        if (tag.IsEmpty)
            return false;
        foreach (var line in lines)
            if (LineNames(line, tag))
                return true;
        return false;
    }

    /// <summary>The same where the field has one line.</summary>
    public static bool ListNames(ReadOnlySpan<char> line, ReadOnlySpan<char> tag) =>
        line.Trim(FieldList.Whitespace) is "*" || (!tag.IsEmpty && LineNames(line, tag));

    /// <summary>A comma, a quote and a backslash within a tag mean nothing but themselves, so this is no <see cref="FieldList"/>.</summary>
    private static bool LineNames(ReadOnlySpan<char> rest, ReadOnlySpan<char> tag)
    {
        while (true)
        {
            rest = rest.TrimStart(" \t,");
            if (rest.IsEmpty)
                return false;

            var length = Length(rest);
            var behind = rest[length..].TrimStart(FieldList.Whitespace);
            var isMember = length > 0 && (behind.IsEmpty || behind[0] == ',');
            if (isMember && WeakEquals(rest[..length], tag))
                return true;

            var comma = behind.IndexOf(',');
            if (comma < 0)
                return false;
            rest = behind[comma..];
        }
    }

    /// <summary>The length of the tag that the text begins with; zero when it begins with none.</summary>
    private static int Length(ReadOnlySpan<char> text)
    {
        var start = IsWeak(text) ? 2 : 0;
        if (start >= text.Length || text[start] != '"')
            return 0;
        for (var at = start + 1; at < text.Length; at++)
        {
            if (text[at] == '"')
                return at + 1;
            // etagc: visible characters and obs-text; no controls, no space.
            if (text[at] is <= ' ' or '\x7f')
                return 0;
        }
        return 0;
    }

    private static ReadOnlySpan<char> Opaque(ReadOnlySpan<char> tag) => IsWeak(tag) ? tag[2..] : tag;
}
