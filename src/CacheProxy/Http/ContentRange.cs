using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Http;

/// <summary>Which bytes of a body of known length a part is (Content-Range, RFC 9110 section 14.4).</summary>
/// <param name="First">The place of its first byte.</param>
/// <param name="Last">The place of its last byte; not below <paramref name="First"/>.</param>
/// <param name="CompleteLength">The length of the whole; above <paramref name="Last"/>.</param>
internal readonly record struct ContentRange(long First, long Last, long CompleteLength)
{
    public long Length => Last - First + 1;

    /// <summary><c>null</c> for all that is not one part of a body of known length: another unit, <c>*</c>, several lines, numbers that contradict each other.</summary>
    public static ContentRange? Parse(StringValues lines)
    {
        const string unit = "bytes ";
        var text = lines.Count == 1 ? lines[0].AsSpan().Trim(FieldList.Whitespace) : default;
        if (!text.StartsWith(unit, StringComparison.OrdinalIgnoreCase))
            return null;
        text = text[unit.Length..];
        var (dash, slash) = (text.IndexOf('-'), text.IndexOf('/'));
        if (dash < 0 || slash < dash || Number(text[..dash]) is not { } first || Number(text[(dash + 1)..slash]) is not { } last
            || Number(text[(slash + 1)..]) is not { } completeLength)
            return null;
        return first <= last && last < completeLength ? new ContentRange(first, last, completeLength) : null;
    }

    /// <summary>As the field's value.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"bytes {First}-{Last}/{CompleteLength}");

    private static long? Number(ReadOnlySpan<char> digits)
    {
        foreach (var digit in digits)
            if (!char.IsAsciiDigit(digit))
                return null;
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
    }
}
