using System.Globalization;

namespace CacheProxy.Coherence;

/// <summary>
/// A place in the one order of invalidations. Only positions of the same generation compare: a new generation begins when the order has
/// been lost (Redis restarted empty, or went back in time), and then nothing from before it is trusted unchecked.
/// </summary>
/// <param name="Generation">Which order: a count in the upper 24 bits and a random number in the others; never 0 for a real one.</param>
/// <param name="Sequence">The number of the last invalidation, 0 before the first.</param>
public readonly record struct Position(ulong Generation, long Sequence)
{
    private const int RandomBits = 40;

    /// <summary>A generation to follow one, or the first after 0. Of two, the one with the higher count is the later, so an order that went back to an older one shows.</summary>
    internal static ulong GenerationAfter(ulong generation) =>
        (((generation >> RandomBits) + 1) << RandomBits) | (ulong)Random.Shared.NextInt64(1, 1L << RandomBits);

    /// <summary>Sixteen hexadecimal digits, a dot, decimal digits: what fields and cookies carry.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Generation:x16}.{Sequence}");

    /// <summary>Reads the form of <see cref="ToString"/> and no other.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Position position)
    {
        position = default;
        if (text.Length is < 18 or > 16 + 1 + 19 || text[16] != '.')
            return false;
        if (!ulong.TryParse(text[..16], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var generation)
            || !long.TryParse(text[17..], NumberStyles.None, CultureInfo.InvariantCulture, out var sequence) || generation == 0)
            return false;
        position = new Position(generation, sequence);
        return true;
    }
}
