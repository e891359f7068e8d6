namespace CacheProxy.Coherence;

/// <summary>
/// What an entry keeps of its beginning, to learn later whether an invalidation has overtaken it. A field of the entry, changed in place.
/// </summary>
/// <param name="key">The entry's key, for bans.</param>
/// <param name="tags">The entry's tags.</param>
/// <param name="fill">Where the node stood before the entry was read: <see cref="Standing.Local"/>.</param>
public struct Fence(string key, Tag[] tags, long fill)
{
    private const int StrengthBits = 2;

    private long _checked = fill << StrengthBits; // where it was last checked and what was found, in one: many threads write it

    /// <summary>Where the node stood before the entry was read.</summary>
    public readonly long Fill => fill;

    /// <summary>The entry's tags.</summary>
    public readonly ReadOnlySpan<Tag> Tags => tags;

    /// <summary>The strongest mark on the entry now. One comparison when the node has applied nothing since the last call.</summary>
    public MarkStrength Check(CoherenceNode node)
    {
        var applied = node.Applied;
        var known = Volatile.Read(ref _checked);
        return known >> StrengthBits == applied ? (MarkStrength)(known & ((1 << StrengthBits) - 1)) : Look(node.Marks, applied);
    }

    private MarkStrength Look(Marks marks, long applied)
    {
        var found = marks.Find(key, tags, fill); // read after `applied`: may see more than that, never less
        Volatile.Write(ref _checked, (applied << StrengthBits) | (long)found);
        return found;
    }
}
