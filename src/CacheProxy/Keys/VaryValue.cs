using CacheProxy.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Keys;

/// <summary>
/// A varied request field in the form in which values are compared (RFC 9111 section 4.1: lines combined, blanks that mean nothing
/// gone).
/// </summary>
internal static class VaryValue
{
    private const int StackLength = 512;

    /// <returns><c>null</c> for a field that is absent, and for an Accept-Encoding of which nothing is forwarded.</returns>
    public static string? Normalise(string field, StringValues lines)
    {
        if (AcceptEncoding.IsNameOf(field))
            lines = AcceptEncoding.Normalise(lines);
        if (lines.Count == 0)
            return null;
        if (AcceptEncoding.IsNameOf(field))
            return lines.ToString();

        var length = MaxLength(lines);
        var buffer = length <= StackLength ? stackalloc char[StackLength] : new char[length];
        return buffer[..Write(field, lines, buffer)].ToString();
    }

    /// <summary>Whether the lines, normalised, are the value. No allocation unless the text is long.</summary>
    public static bool Equals(string field, string? value, StringValues lines)
    {
        if (AcceptEncoding.IsNameOf(field))
            return Normalise(field, lines) == value;
        if (lines.Count == 0 || value is null)
            return lines.Count == 0 && value is null;

        var length = MaxLength(lines);
        // Writing takes characters out and adds none.
        if (value.Length > length)
            return false;
        var buffer = length <= StackLength ? stackalloc char[StackLength] : new char[length];
        return buffer[..Write(field, lines, buffer)].SequenceEqual(value);
    }

    public static bool IsAcceptLanguage(string field) => field.Equals("Accept-Language", StringComparison.OrdinalIgnoreCase);

    /// <summary>The lines with a comma between each two.</summary>
    private static int MaxLength(StringValues lines)
    {
        var length = 0;
        foreach (var line in lines)
            length += (line?.Length ?? 0) + 1;
        return length;
    }

    private static int Write(string field, StringValues lines, Span<char> buffer)
    {
        if (IsAcceptLanguage(field))
            return AcceptLanguage.Write(lines, buffer);
        var written = 0;
        for (var i = 0; i < lines.Count; i++)
        {
            if (i > 0)
                buffer[written++] = ',';
            written += WriteLine(lines[i], buffer[written..]);
        }
        return written;
    }

    /// <summary>Takes out the white space at the ends and around commas outside quoted strings; all else stays, its case too.</summary>
    private static int WriteLine(ReadOnlySpan<char> line, Span<char> buffer)
    {
        line = line.Trim(FieldList.Whitespace);
        var (written, isQuoted) = (0, false);
        for (var at = 0; at < line.Length; at++)
        {
            var blanks = isQuoted ? 0 : BlanksAt(line[at..]);
            if (blanks > 0)
            {
                // The line is trimmed, so something stands behind the blanks.
                if (line[at + blanks] != ',' && buffer[written - 1] != ',')
                {
                    line.Slice(at, blanks).CopyTo(buffer[written..]);
                    written += blanks;
                }
                at += blanks;
            }

            var character = line[at];
            buffer[written++] = character;
            if (character == '"')
                isQuoted = !isQuoted;
            else if (isQuoted && character == '\\' && at + 1 < line.Length)
                buffer[written++] = line[++at];
        }
        return written;
    }

    private static int BlanksAt(ReadOnlySpan<char> text) => text.Length - text.TrimStart(FieldList.Whitespace).Length;
}
