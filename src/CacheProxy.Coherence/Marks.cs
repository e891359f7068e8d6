using System.Buffers.Binary;

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
    private const int DefaultBits = 18;

    private readonly int _bits;
    private readonly long[][] _sketches = new long[(int)MarkStrength.Hard + 1][];
    private readonly long[] _all = new long[(int)MarkStrength.Hard + 1];
    private BanMark[] _bans = [];
    private long _forgottenBan; // sequence of the newest ban that is no longer, or never was, among them

    /// <summary>Bans that are remembered one by one; older ones become a mark on everything, <see cref="MarkStrength.Invalid"/> or stronger.</summary>
    public const int MaxBans = 256;

    public Marks() : this(DefaultBits)
    {
    }

    /// <param name="bits">Of a slot's number within its row, up to 32: all nodes of one order have the same.</param>
    internal Marks(int bits) => _bits = bits;

    /// <summary>Bytes of one strength's slots where all nodes share them: 8 for each.</summary>
    internal int SketchBytes => Rows * 8 << _bits;

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

    /// <summary>The strongest ban on a key among those that came after a place in the shared order, which this node has passed.</summary>
    internal MarkStrength FindBanAfter(string key, long sequence)
    {
        if (Volatile.Read(ref _forgottenBan) > sequence)
            return MarkStrength.Hard;
        var found = MarkStrength.None;
        foreach (var mark in Volatile.Read(ref _bans))
            if (mark.Sequence > sequence && mark.Strength > found && mark.Ban.Matches(key))
                found = mark.Strength;
        return found;
    }

    /// <summary>Takes in an invalidation. One writer at a time.</summary>
    /// <param name="invalidation">The invalidation.</param>
    /// <param name="number">The node's own number for it.</param>
    /// <param name="sequence">Its place in the shared order; 0 when it has none yet.</param>
    public void Set(Invalidation invalidation, long number, long sequence = 0)
    {
        foreach (var text in invalidation.Tags)
        {
            if (text == Tag.All)
                SetAll(invalidation.Strength, number);
            else
                Set(invalidation.Strength, Tag.Of(text), number);
        }
        if (invalidation.Ban is { } ban)
            Add(new BanMark(ban, invalidation.Strength, number, sequence));
    }

    internal void Set(MarkStrength strength, Tag tag, long number)
    {
        var sketch = Sketch(strength);
        for (var row = 0; row < Rows; row++)
            Volatile.Write(ref sketch[SlotOf(tag, row)], number);
    }

    /// <summary>Marks everything that began before now.</summary>
    internal void SetAll(MarkStrength strength, long number) =>
        Volatile.Write(ref _all[(int)strength], Math.Max(_all[(int)strength], number)); // a forgotten ban comes with an old number

    /// <summary>Takes in the slots of the shared order that are newer than a place in it.</summary>
    internal void SetSlots(MarkStrength strength, ReadOnlySpan<byte> sequences, long after, long number)
    {
        var count = Math.Min(sequences.Length / 8, Rows << _bits);
        for (var slot = 0; slot < count; slot++)
            if (BinaryPrimitives.ReadInt64BigEndian(sequences[(slot * 8)..]) > after)
                Volatile.Write(ref Sketch(strength)[slot], number);
    }

    /// <summary>Bans up to this place were not heard of.</summary>
    internal void ForgetBans(long sequence) => Volatile.Write(ref _forgottenBan, sequence);

    /// <summary>Another order begins: bans have no place in it.</summary>
    internal void LeaveOrder()
    {
        Volatile.Write(ref _bans, [.. _bans.Select(b => b with { Sequence = 0 })]);
        Volatile.Write(ref _forgottenBan, 0);
    }

    internal int SlotOf(Tag tag, int row) => (row << _bits) + (int)((tag.Hash >> (row * _bits)) & ((1UL << _bits) - 1));

    private long[] Sketch(MarkStrength strength)
    {
        var sketch = _sketches[(int)strength];
        if (sketch is null)
            Volatile.Write(ref _sketches[(int)strength], sketch = new long[Rows << _bits]); // resident only where written
        return sketch;
    }

    private long Newest(long[] sketch, Tag tag)
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
            Volatile.Write(ref _forgottenBan, Math.Max(_forgottenBan, bans[0].Sequence));
            bans = bans[1..];
        }
        Volatile.Write(ref _bans, [.. bans, mark]);
    }

    private sealed record BanMark(Ban Ban, MarkStrength Strength, long Number, long Sequence);
}
