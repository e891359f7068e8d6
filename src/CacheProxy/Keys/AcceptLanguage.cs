using CacheProxy.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Keys;

/// <summary>
/// Accept-Language in the form in which values are compared: lower case, without white space, the ranges in the order of their weights.
/// </summary>
/// <remarks>
/// RFC 9111 section 4.1 lets a cache reorder members where their order means nothing, which RFC 9110 section 12.5.4 says of ranges of one
/// weight. Browsers give each range a weight of its own, so that only what is written by hand is met by this. Which response the origin
/// would choose for a list is never guessed.
/// </remarks>
internal static class AcceptLanguage
{
    private const int MaxRanges = 16;

    /// <summary>Writes the lines into a buffer that has room for them with a comma between each two; returns how much of it is used.</summary>
    public static int Write(StringValues lines, Span<char> buffer)
    {
        var written = 0;
        for (var i = 0; i < lines.Count; i++)
        {
            if (i > 0)
                buffer[written++] = ',';
            foreach (var character in lines[i].AsSpan())
                if (character is not (' ' or '\t'))
                    buffer[written++] = char.IsAsciiLetterUpper(character) ? (char)(character | 0x20) : character;
        }
        return Sort(buffer[..written]);
    }

    /// <summary>Sorts in place. Text with an unreadable weight, or with more ranges than anybody speaks, stays as it is.</summary>
    private static int Sort(Span<char> text)
    {
        Span<Range> ranges = stackalloc Range[MaxRanges];
        Span<int> weights = stackalloc int[MaxRanges];
        var count = 0;
        var isChanged = false;
        foreach (var piece in ((ReadOnlySpan<char>)text).Split(','))
        {
            var member = text[piece];
            isChanged |= member.IsEmpty;
            if (member.IsEmpty)
                continue;
            if (count == MaxRanges)
                return text.Length;
            var weight = Weight.Highest;
            var end = piece.End;
            if (member.IndexOf(';') is >= 0 and var semicolon)
            {
                weight = Weight.Parse(member[(semicolon + 1)..]);
                if (weight < 0)
                    return text.Length;
                if (weight == Weight.Highest) // "en;q=1" says what "en" says
                {
                    end = piece.Start.Value + semicolon;
                    isChanged = true;
                }
            }

            // Insertion: the lists are short, and nearly always sorted as they come.
            var at = count++;
            while (at > 0 && IsBefore(text[piece.Start..end], weight, text[ranges[at - 1]], weights[at - 1]))
            {
                (ranges[at], weights[at]) = (ranges[at - 1], weights[at - 1]);
                at--;
                isChanged = true;
            }
            (ranges[at], weights[at]) = (piece.Start..end, weight);
        }
        return isChanged ? Rearrange(text, ranges[..count]) : text.Length;
    }

    private static bool IsBefore(ReadOnlySpan<char> one, int weight, ReadOnlySpan<char> other, int otherWeight) =>
        weight > otherWeight || (weight == otherWeight && one.SequenceCompareTo(other) < 0);

    private static int Rearrange(Span<char> text, ReadOnlySpan<Range> ranges)
    {
        const int stackLength = 512;
        var copy = text.Length <= stackLength ? stackalloc char[stackLength] : new char[text.Length];
        text.CopyTo(copy);
        var written = 0;
        foreach (var range in ranges)
        {
            if (written > 0)
                text[written++] = ',';
            var member = copy[range];
            member.CopyTo(text[written..]);
            written += member.Length;
        }
        return written;
    }
}
