using CacheProxy.Origin;

namespace Items.Api.Caching;

/// <summary>How data is cached before the database, section <c>Items:Cache</c>. What the policies promise is in CacheProxy.Origin's documentation.</summary>
internal sealed record CacheOptions
{
    /// <summary>
    /// <c>Items:Cache:Item</c>: one item, for <c>GET /items/{id}</c>. Keys <c>Writes</c> (<c>Ttl</c>, <c>WriteInvalidate</c>, <c>WriteThrough</c>),
    /// <c>Lifetime</c>, <c>LocalLifetime</c>, <c>Jitter</c>, <c>RefreshAt</c>, <c>StaleIfError</c>, <c>NegativeLifetime</c>; a lifetime of 00:00:00 keeps
    /// nothing. Default: WriteThrough, 5 min, refreshed from 0.8 of it on.
    /// </summary>
    public EntryPolicy Item { get; init; } = new() { Writes = WritePolicy.WriteThrough, RefreshAt = 0.8 };

    /// <summary><c>Items:Cache:List</c>: one page, for <c>GET /items</c>. WriteThrough is refused. Default: WriteInvalidate, 1 min.</summary>
    public EntryPolicy List { get; init; } = new() { Lifetime = TimeSpan.FromMinutes(1) };

    /// <summary><c>Items:Cache:PublicOrigins</c>: see <see cref="OriginCacheOptions.PublicOrigins"/>; comma-separated. Default none.</summary>
    public IReadOnlyList<string> PublicOrigins { get; init; } = [];

    /// <summary><c>Items:Cache:WarmFile</c>: see <see cref="OriginCacheOptions.WarmFile"/>; relative to the content root. Default none.</summary>
    public string? WarmFile { get; init; }

    /// <summary><c>Items:Cache:WarmKeys</c>: see <see cref="OriginCacheOptions.WarmKeys"/>; comma-separated, as <c>item:42,page:1-20</c>. Default none.</summary>
    public IReadOnlyList<string> WarmKeys { get; init; } = [];
}
