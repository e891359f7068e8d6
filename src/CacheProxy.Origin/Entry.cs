using CacheProxy.Coherence;
using CacheProxy.Origin.Groups;

namespace CacheProxy.Origin;

/// <summary>
/// A value as the process keeps it. Immutable but for three times that any thread may move: they are moved only to spare work, and a lost
/// race costs one read too many.
/// </summary>
/// <param name="key">Its key.</param>
/// <param name="value">The object itself where it cannot change, else its <see cref="SerializedValue"/>; <c>null</c> for "there is none".</param>
/// <param name="groups">What fences it.</param>
/// <param name="fill">Where the node stood before it was read.</param>
/// <param name="version">Of a write-through; 0 for one that was read.</param>
internal sealed class Entry(string key, object? value, Group[] groups, long fill, long version = 0)
{
    private Fence _fence = new(key, EntryTags.Of(key, groups), fill);
    private long _freshUntil;
    private long _refreshAt = long.MaxValue;

    public object? Value => value;

    public Group[] Groups => groups;

    public long Version => version;

    /// <summary>Timestamp from which on it is not served as fresh.</summary>
    public long FreshUntil
    {
        get => Volatile.Read(ref _freshUntil);
        set => Volatile.Write(ref _freshUntil, value);
    }

    /// <summary>Timestamp until which it may stand in for a value that cannot be made.</summary>
    public long StaleUntil { get; init; }

    /// <summary>Timestamp from which on a read refreshes it.</summary>
    public long RefreshAt
    {
        get => Volatile.Read(ref _refreshAt);
        set => Volatile.Write(ref _refreshAt, value);
    }

    /// <summary>The one caller that gets <c>true</c> refreshes it; the others do so only after <paramref name="retry"/>.</summary>
    public bool TakeRefresh(long now, long retry)
    {
        var due = RefreshAt;
        return now >= due && Interlocked.CompareExchange(ref _refreshAt, retry, due) == due;
    }

    public MarkStrength Check(CoherenceNode node) => _fence.Check(node);
}

/// <summary>Bytes of a value that may change, so that each caller gets an object of its own.</summary>
internal sealed record SerializedValue(ReadOnlyMemory<byte> Bytes);

/// <summary>What invalidates an entry besides its groups.</summary>
internal static class EntryTags
{
    /// <summary>On every entry of this cache. Not <see cref="Tag.All"/>, which stored HTTP responses carry too.</summary>
    public const string Everything = "data";

    private static readonly Tag EverythingTag = Tag.Of(Everything);

    public static string OfKey(string key) => "data-key:" + key;

    public static Tag[] Of(string key, ReadOnlySpan<Group> groups)
    {
        var tags = new Tag[groups.Length + 2];
        tags[0] = Tag.Of(OfKey(key));
        tags[1] = EverythingTag;
        for (var i = 0; i < groups.Length; i++)
            tags[i + 2] = Tag.Of(Group.TagOf(groups[i].Name));
        return tags;
    }
}
