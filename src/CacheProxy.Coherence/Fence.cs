namespace CacheProxy.Coherence;

/// <summary>
/// What an entry keeps of its beginning, to learn later whether an invalidation has overtaken it. A field of the entry, changed in place.
/// </summary>
public struct Fence
{
    private const int StrengthBits = 2;

    private readonly string _key;
    private readonly string[]? _names;
    private Tag[]? _tags;
    private long _checked; // where it was last checked and what was found, in one: many threads write it

    /// <param name="key">The entry's key, for bans.</param>
    /// <param name="tags">All tags of the entry.</param>
    /// <param name="fill">Where the node stood before the entry was read: <see cref="Standing.Local"/>.</param>
    public Fence(string key, Tag[] tags, long fill)
    {
        _key = key;
        _tags = tags;
        Fill = fill;
        _checked = fill << StrengthBits;
    }

    /// <param name="key">The entry's key, for bans and for the tag of the key (<see cref="Tag.Key"/>).</param>
    /// <param name="names">Texts of the entry's other tags. Hashed when first needed: most entries are never asked.</param>
    /// <param name="fill">Where the node stood before the entry was read: <see cref="Standing.Local"/>.</param>
    public Fence(string key, string[] names, long fill)
    {
        _key = key;
        _names = names;
        Fill = fill;
        _checked = fill << StrengthBits;
    }

    /// <summary>Where the node stood before the entry was read.</summary>
    public long Fill { get; }

    /// <summary>The entry's tags.</summary>
    public Tag[] Tags => _tags ??= [Tag.Of(Tag.Key(_key)), .. _names!.Select(Tag.Of)];

    /// <summary>The strongest mark on the entry now. One comparison when the node has applied nothing since the last call.</summary>
    public MarkStrength Check(CoherenceNode node)
    {
        var applied = node.Applied;
        var known = Volatile.Read(ref _checked);
        return known >> StrengthBits == applied ? (MarkStrength)(known & ((1 << StrengthBits) - 1)) : Look(node.Marks, applied);
    }

    private MarkStrength Look(Marks marks, long applied)
    {
        var found = marks.Find(_key, Tags, Fill); // read after `applied`: may see more than that, never less
        Volatile.Write(ref _checked, (applied << StrengthBits) | (long)found);
        return found;
    }
}
