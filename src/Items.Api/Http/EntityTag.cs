namespace Items.Api.Http;

/// <summary>An entity tag (RFC 9110 section 8.8.3).</summary>
/// <param name="Opaque">The text between the quotes.</param>
/// <param name="IsWeak">Whether it began with <c>W/</c>.</param>
internal readonly record struct EntityTag(string Opaque, bool IsWeak = false)
{
    /// <summary>The tag as it stands in a field.</summary>
    public override string ToString() => IsWeak ? $"W/\"{Opaque}\"" : $"\"{Opaque}\"";

    /// <summary>Reads one tag from the front of <paramref name="text"/> and moves behind it; false leaves the text as it was.</summary>
    public static bool TryRead(ref ReadOnlySpan<char> text, out EntityTag tag)
    {
        tag = default;
        var isWeak = text.StartsWith("W/");
        var quoted = isWeak ? text[2..] : text;
        if (quoted is not ['"', .. var rest])
            return false;
        var length = rest.IndexOf('"');
        if (length < 0 || !rest[..length].ContainsOnlyTagCharacters())
            return false;
        tag = new EntityTag(rest[..length].ToString(), isWeak);
        text = rest[(length + 1)..];
        return true;
    }
}

file static class EntityTagCharacters
{
    /// <summary>etagc: %x21 / %x23-7E / obs-text. A space is none of them.</summary>
    public static bool ContainsOnlyTagCharacters(this ReadOnlySpan<char> text)
    {
        foreach (var character in text)
        {
            if (character is <= ' ' or '"' or '\x7f')
                return false;
        }
        return true;
    }
}
