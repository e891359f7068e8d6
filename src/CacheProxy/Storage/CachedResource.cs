namespace CacheProxy.Storage;

/// <summary>All variants stored under one key: the value that the memory cache holds. Immutable but for what eviction notes on it.</summary>
internal sealed class CachedResource(string key, StoredResponse[] variants, DateTimeOffset expires)
{
    // Estimated: a MemoryCache entry, its expiration callback, this object and the dictionary's node.
    private const int Overhead = 560;

    public string Key => key;

    /// <summary>Newest first.</summary>
    public StoredResponse[] Variants => variants;

    /// <summary>When the last of the variants is of no more use.</summary>
    public DateTimeOffset Expires => expires;

    /// <summary>Bytes this takes in memory, estimated.</summary>
    public long Size { get; } = SizeOf(key, variants);

    /// <summary>Set by each hit, taken back by the eviction hand.</summary>
    public bool Visited { get; set; }

    /// <summary>Neighbours in the order of insertion; owned by <see cref="Eviction"/> and guarded by its lock.</summary>
    public CachedResource? Newer { get; set; }

    public CachedResource? Older { get; set; }

    public bool IsLinked { get; set; }

    /// <summary>It counts in the store's budget from now on.</summary>
    public void OnStored()
    {
        foreach (var variant in variants)
            variant.Body.OnStored();
    }

    /// <summary>It no longer does.</summary>
    public void OnRemoved()
    {
        foreach (var variant in variants)
            variant.Body.OnRemoved();
    }

    private static long SizeOf(string key, StoredResponse[] variants)
    {
        long size = Overhead + 2L * key.Length;
        foreach (var variant in variants)
            size += variant.Size;
        return size;
    }
}
