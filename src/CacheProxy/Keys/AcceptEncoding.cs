using System.Text;
using CacheProxy.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace CacheProxy.Keys;

/// <summary>Reduces Accept-Encoding to the codings that origins know, for what is forwarded and for the key alike.</summary>
internal static class AcceptEncoding
{
    /// <summary>Of what is read here without an allocation, in characters.</summary>
    private const int LongestLine = 256;

    private static readonly string[] Known = ["br", "deflate", "gzip", "zstd"];

    /// <summary>The text of every set of known codings; the bits are the places in <see cref="Known"/>.</summary>
    private static readonly string[] Texts = [.. Enumerable.Range(0, 1 << Known.Length).Select(TextOf)];

    /// <summary>
    /// <c>br, gzip</c> and the like: the known codings (br, deflate, gzip, zstd) that are accepted, sorted; an empty value when none is.
    /// Weights other than 0 and 1, <c>*</c> and a refused identity say more than a set can: then the text comes back as it is, trimmed.
    /// </summary>
    /// <remarks>
    /// Unknown codings and unreadable members are dropped: what a stranger makes up must not make variants. A coding that is both
    /// accepted and refused is refused.
    /// </remarks>
    public static StringValues Normalise(StringValues lines)
    {
        var codings = default(Codings);
        foreach (var line in lines)
            codings.AddLine(line);
        if (codings.SayMoreThanASet)
            return AsItIs(lines);
        return codings.Known == 0 ? StringValues.Empty : Texts[codings.Known];
    }

    /// <summary>The same for one line as it came, without an allocation.</summary>
    /// <param name="line">In ASCII.</param>
    /// <param name="text">The text; <c>null</c> when no known coding is accepted.</param>
    /// <returns>Whether that is all: <c>false</c> for a line that says more than a set can, and for one that is longer than anybody's who means well.</returns>
    public static bool TryNormalise(ReadOnlySpan<byte> line, out string? text)
    {
        text = null;
        Span<char> buffer = stackalloc char[LongestLine];
        if (line.Length > LongestLine)
            return false;
        var codings = default(Codings);
        codings.AddLine(buffer[..Encoding.Latin1.GetChars(line, buffer)]);
        text = codings.Known == 0 ? null : Texts[codings.Known];
        return !codings.SayMoreThanASet;
    }

    /// <summary>Whether these field names are Accept-Encoding and nothing else.</summary>
    public static bool IsAllOf(string[] fields) => fields.Length == 1 && IsNameOf(fields[0]);

    public static bool IsNameOf(string field) => field.Equals(HeaderNames.AcceptEncoding, StringComparison.OrdinalIgnoreCase);

    /// <summary>What the members say together; the bits are the places in <see cref="AcceptEncoding.Known"/>.</summary>
    private struct Codings
    {
        private int _accepted, _refused;

        public bool SayMoreThanASet { get; private set; }

        public readonly int Known => _accepted & ~_refused;

        /// <summary>No quotes have a meaning here, so that lines can be joined without changing what they say.</summary>
        public void AddLine(ReadOnlySpan<char> line)
        {
            foreach (var member in line.Split(','))
                Add(line[member].Trim(FieldList.Whitespace));
        }

        private void Add(ReadOnlySpan<char> member)
        {
            var semicolon = member.IndexOf(';');
            var coding = semicolon < 0 ? member : member[..semicolon].TrimEnd(FieldList.Whitespace);
            var weight = semicolon < 0 ? Weight.Highest : Weight.Parse(member[(semicolon + 1)..]);
            var place = IndexOf(coding);

            if (place >= 0 && weight == Weight.Highest)
                _accepted |= 1 << place;
            else if (place >= 0 && weight == 0)
                _refused |= 1 << place;
            SayMoreThanASet |= coding is "*"
                || (place >= 0 && weight is > 0 and < Weight.Highest)
                || (IsIdentity(coding) && weight is >= 0 and < Weight.Highest);
        }
    }

    private static bool IsIdentity(ReadOnlySpan<char> coding) => coding.Equals("identity", StringComparison.OrdinalIgnoreCase);

    private static int IndexOf(ReadOnlySpan<char> coding)
    {
        for (var place = 0; place < Known.Length; place++)
            if (coding.Equals(Known[place], StringComparison.OrdinalIgnoreCase))
                return place;
        // RFC 9110 section 8.4.1.3: the same as gzip.
        return coding.Equals("x-gzip", StringComparison.OrdinalIgnoreCase) ? Array.IndexOf(Known, "gzip") : -1;
    }

    private static StringValues AsItIs(StringValues lines) =>
        string.Join(", ", lines.Select(line => line?.Trim(' ', '\t')).Where(line => !string.IsNullOrEmpty(line)));

    private static string TextOf(int codings) => string.Join(", ", Known.Where((_, place) => (codings & (1 << place)) != 0));
}
