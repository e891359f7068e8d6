using Microsoft.Extensions.Primitives;

namespace CacheProxy.Http;

/// <summary>What a Range field asks of a body of known length (RFC 9110 section 14).</summary>
/// <param name="Kind">Whether there is a range to serve.</param>
/// <param name="Offset">The first byte.</param>
/// <param name="Length">How many bytes; never zero when satisfiable.</param>
internal readonly record struct ByteRange(ByteRangeKind Kind, long Offset, long Length)
{
    /// <summary>More ranges than this are answered by the whole.</summary>
    public const int MaxRanges = 5;

    /// <summary>A single range of bytes. Another unit, several ranges and anything unreadable are ignored, as section 14.2 allows.</summary>
    public static ByteRange Parse(StringValues lines, long bodyLength)
    {
        var ranges = Members(lines);
        if (!ranges.MoveNext())
            return default;
        var range = ranges.Current;
        return ranges.MoveNext() ? default : ParseOne(range, bodyLength);
    }

    /// <summary>
    /// Several ranges: the satisfiable ones; one that is unsatisfiable when none is; empty when the field is to be ignored. Ranges that are
    /// many, overlap or do not ascend are an attack more often than a wish (section 14.2 lets a server ignore them).
    /// </summary>
    public static ByteRange[] ParseSeveral(StringValues lines, long bodyLength)
    {
        var found = new List<ByteRange>();
        var (count, end) = (0, 0L);
        foreach (var member in Members(lines))
        {
            var range = ParseOne(member, bodyLength);
            if (range.Kind == ByteRangeKind.None || ++count > MaxRanges)
                return [];
            if (range.Kind == ByteRangeKind.Unsatisfiable)
                continue;
            if (range.Offset < end)
                return [];
            end = range.Offset + range.Length;
            found.Add(range);
        }
        return count > 0 && found.Count == 0 ? [Unsatisfiable] : [.. found];
    }

    /// <summary>What stands behind the unit; nothing when the unit is another or the field is not one line.</summary>
    private static FieldList Members(StringValues lines)
    {
        const string unit = "bytes=";
        var text = lines.Count == 1 ? lines[0].AsSpan().Trim(FieldList.Whitespace) : default;
        var isBytes = text.StartsWith(unit, StringComparison.OrdinalIgnoreCase) && text.Length > unit.Length && text[unit.Length] is not (' ' or '\t');
        return new FieldList(isBytes ? text[unit.Length..] : default(ReadOnlySpan<char>));
    }

    private static ByteRange ParseOne(ReadOnlySpan<char> range, long bodyLength)
    {
        var dash = range.IndexOf('-');
        if (dash < 0)
            return default;
        var (first, last) = (Number(range[..dash]), Number(range[(dash + 1)..]));

        // "-5": the last five bytes, or all when there are fewer. Nothing of an empty body can be named: it goes whole.
        if (dash == 0)
            return last switch
            {
                null => default,
                0 => Unsatisfiable,
                _ when bodyLength == 0 => default,
                _ => Satisfiable(bodyLength - Math.Min(last.Value, bodyLength), bodyLength),
            };

        var isOpen = dash == range.Length - 1;
        if (first is null || (last is null && !isOpen) || last < first)
            return default;
        if (first >= bodyLength)
            return Unsatisfiable;
        return Satisfiable(first.Value, isOpen || last >= bodyLength ? bodyLength : last!.Value + 1);
    }

    private static ByteRange Unsatisfiable => new(ByteRangeKind.Unsatisfiable, 0, 0);

    private static ByteRange Satisfiable(long start, long end) => new(ByteRangeKind.Satisfiable, start, end - start);

    /// <summary>Digits, saturated at the largest number there is; <c>null</c> for anything else.</summary>
    private static long? Number(ReadOnlySpan<char> digits)
    {
        if (digits.IsEmpty)
            return null;
        var value = 0L;
        foreach (var digit in digits)
        {
            if (!char.IsAsciiDigit(digit))
                return null;
            value = value > (long.MaxValue - 9) / 10 ? long.MaxValue : (value * 10) + (digit - '0');
        }
        return value;
    }
}

internal enum ByteRangeKind
{
    /// <summary>There is none, or none that counts: the whole body.</summary>
    None,
    Satisfiable,
    Unsatisfiable,
}
