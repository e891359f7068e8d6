using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Internal;

namespace CacheProxy.Storage;

/// <summary>
/// Some of the keys of a <see cref="ResponseStore"/>, with a memory cache of their own. A store that is closed has nothing: who sweeps at that moment is on a thread of his own, and an exception would end the process.
/// </summary>
internal sealed class Stripe(ISystemClock clock) : IDisposable
{
    public readonly Lock Lock = new();

    /// <summary>It need not look for what has expired: the sweep does.</summary>
    public readonly MemoryCache Cache = new(new MemoryCacheOptions { Clock = clock, ExpirationScanFrequency = TimeSpan.MaxValue });

    public CachedResource? Get(object key)
    {
        try
        {
            return Cache.Get(key) as CachedResource;
        }
        catch (ObjectDisposedException)
        {
            return null;
        }
    }

    public void Remove(object key)
    {
        try
        {
            Cache.Remove(key);
        }
        catch (ObjectDisposedException)
        {
            // it went with all others
        }
    }

    public void Dispose() => Cache.Dispose();
}
