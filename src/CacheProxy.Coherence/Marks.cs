namespace CacheProxy.Coherence;

/// <summary>
/// The newest invalidation of each tag and strength, in constant memory. Numbers are <see cref="Standing.Local"/>.
/// </summary>
/// <remarks>
/// A sketch: each tag has one slot in each of two rows, which hold the newest number of any tag that falls there; the lower of the two is the
/// answer. It is never too low, so nothing invalidated is ever missed; it is too high for about (n/262,144)² of the tags after n others were
/// invalidated, 4 % at 60,000 within one entry's lifetime. Reading takes no lock.
/// </remarks>
public sealed class Marks
{
    private const int Rows = 2;
    private const int Bits = 18;
    private const int Slots = 1 << Bits;

    private readonly long[][] _sketches = new long[(int)MarkStrength.Hard + 1][];
    private readonly long[] _all = new long[(int)MarkStrength.Hard + 1];
    private BanMark[] _bans = [];

    /// <summary>Bans that are remembered one by one; older ones become a mark on everything, <see cref="MarkStrength.Invalid"/> or stronger.</summary>
    public const int MaxBans = 256;

    /// <summary>The strongest mark on an entry that began at <paramref name="fill"/>.</summary>
    /// <param name="key">The entry's key, for bans.</param>
    /// <param name="tags">The entry's tags.</param>
    /// <param name="fill">Where the node stood before the entry was read.</param>
    public MarkStrength Find(string key, ReadOnlySpan<Tag> tags, long fill)
    {
        var found = FindBan(key, fill);
        for (var strength = MarkStrength.Hard; strength > found; strength--)
        {
            if (Volatile.Read(ref _all[(int)strength]) > fill)
                return strength;
            if (Volatile.Read(ref _sketches[(int)strength]) is not { } sketch)
                continue;
            foreach (var tag in tags)
                if (Newest(sketch, tag) > fill)
                    return strength;
        }
        return found;
    }

    /// <summary>Takes in an invalidation. One writer at a time.</summary>
    public void Set(Invalidation invalidation, long number)
    {
        foreach (var text in invalidation.Tags)
        {
            if (text == Tag.All)
                SetAll(invalidation.Strength, number);
            else
                Set(invalidation.Strength, Tag.Of(text), number);
        }
        if (invalidation.Ban is { } ban)
            Add(new BanMark(ban, invalidation.Strength, number));
    }

    internal void Set(MarkStrength strength, Tag tag, long number)
    {
        var sketch = _sketches[(int)strength];
        if (sketch is null)
            Volatile.Write(ref _sketches[(int)strength], sketch = new long[Rows * Slots]); // resident only where written
        for (var row = 0; row < Rows; row++)
            Volatile.Write(ref sketch[SlotOf(tag, row)], number);
    }

    /// <summary>Marks everything that began before now.</summary>
    internal void SetAll(MarkStrength strength, long number) => Volatile.Write(ref _all[(int)strength], number);

    internal static int SlotOf(Tag tag, int row) => (row * Slots) + (int)((tag.Hash >> (row * Bits)) & (Slots - 1));

    private static long Newest(long[] sketch, Tag tag)
    {
        var newest = long.MaxValue;
        for (var row = 0; row < Rows; row++)
            newest = Math.Min(newest, Volatile.Read(ref sketch[SlotOf(tag, row)]));
        return newest;
    }

    private MarkStrength FindBan(string key, long fill)
    {
        var found = MarkStrength.None;
        var bans = Volatile.Read(ref _bans);
        for (var i = bans.Length - 1; i >= 0 && bans[i].Number > fill; i--) // newest last
            if (bans[i].Strength > found && bans[i].Ban.Matches(key))
                found = bans[i].Strength;
        return found;
    }

    private void Add(BanMark mark)
    {
        var bans = _bans;
        if (bans.Length >= MaxBans)
        {
            SetAll(bans[0].Strength == MarkStrength.Hard ? MarkStrength.Hard : MarkStrength.Invalid, bans[0].Number);
            bans = bans[1..];
        }
        Volatile.Write(ref _bans, [.. bans, mark]);
    }

    private sealed record BanMark(Ban Ban, MarkStrength Strength, long Number);
}
