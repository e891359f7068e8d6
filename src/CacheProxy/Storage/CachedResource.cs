namespace CacheProxy.Storage;

/// <summary>All variants stored under one key: the value that the memory cache holds. Immutable but for what eviction notes on it.</summary>
internal sealed class CachedResource
{
    // Measured on a 64-bit runtime: this object, the memory cache's entry, its places in the dictionary and in the order of eviction, and the key's own object.
    private const int Overhead = 264;

    // Nearly every key has one variant, and needs no array for it.
    private readonly StoredResponse _newest;
    private readonly StoredResponse[]? _all;
    private readonly long _expires;

    /// <param name="key">The cache key.</param>
    /// <param name="variants">One at least, the newest first. They are held for this resource, which releases them.</param>
    /// <param name="expires">When the last of them is of no more use.</param>
    public CachedResource(string key, ReadOnlySpan<StoredResponse> variants, DateTimeOffset expires)
    {
        _newest = variants[0];
        _all = variants.Length > 1 ? variants.ToArray() : null;
        Key = key;
        _expires = expires.UtcTicks;
        Size = Overhead + 2L * key.Length;
        foreach (var variant in variants)
            Size += variant.Size;
    }

    public string Key { get; }

    /// <summary>Newest first.</summary>
    public ReadOnlySpan<StoredResponse> Variants => _all is null ? new ReadOnlySpan<StoredResponse>(in _newest) : _all;

    /// <summary>When the last of the variants is of no more use: from then on it is not found.</summary>
    public DateTimeOffset Expires => new(_expires, TimeSpan.Zero);

    /// <summary>Bytes this takes in memory.</summary>
    public long Size { get; }

    /// <summary>Set by each hit, taken back by the eviction hand.</summary>
    public bool Visited { get; set; }

    /// <summary>Its number in the order of insertion; 0: it is not in it. Owned by <see cref="Eviction"/> and guarded by its lock.</summary>
    public int Place { get; set; }

    /// <summary>It counts in the store's budget from now on.</summary>
    public void OnStored()
    {
        foreach (var variant in Variants)
            variant.LargeBody?.OnStored();
    }

    /// <summary>It no longer does.</summary>
    public void OnRemoved()
    {
        foreach (var variant in Variants)
            variant.LargeBody?.OnRemoved();
        Release();
    }

    /// <summary>Releases the variants.</summary>
    public void Release()
    {
        foreach (var variant in Variants)
            variant.Release();
    }
}
