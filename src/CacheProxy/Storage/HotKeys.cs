using CacheProxy.Keys;

namespace CacheProxy.Storage;

/// <summary>
/// Which URLs are hit most, by counting about every 64th hit of each thread. Bounded: when there is no room for another, every count is halved and what
/// comes to nothing is forgotten.
/// </summary>
/// <param name="capacity">How many URLs are counted at one time; 1 at least.</param>
/// <remarks>The lock guards the counts. A hit that finds it taken is not counted.</remarks>
internal sealed class HotKeys(int capacity)
{
    /// <summary>A power of two.</summary>
    public const int Every = 64;

    [ThreadStatic]
    private static int _hits;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _counts = [];

    /// <summary>A request without credentials has been answered from the store.</summary>
    public void OnHit(in TargetUri uri)
    {
        if ((++_hits & (Every - 1)) == 0)
            Count(uri);
    }

    /// <summary>The same, by the key.</summary>
    public void OnHit(ReadOnlySpan<char> key)
    {
        if ((++_hits & (Every - 1)) == 0)
            Count(key);
    }

    /// <summary>Counts one use.</summary>
    public void Count(in TargetUri uri)
    {
        var length = CacheKey.Length(uri);
        if (uri.Qualifier is null && length <= CacheKey.StackLength)
            Count(CacheKey.Write(uri, stackalloc char[CacheKey.StackLength]));
    }

    private void Count(ReadOnlySpan<char> key)
    {
        if (!_lock.TryEnter())
            return;
        try
        {
            var counts = _counts.GetAlternateLookup<ReadOnlySpan<char>>();
            if (counts.TryGetValue(key, out var count))
            {
                counts[key] = count < int.MaxValue ? count + 1 : count;
                return;
            }
            while (_counts.Count >= capacity)
                Halve_NeedsLock();
            counts[key] = 1;
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>What was hit long ago counts for less than what is hit now.</summary>
    public void Halve()
    {
        lock (_lock)
            Halve_NeedsLock();
    }

    /// <summary>The keys that are hit most, the most first.</summary>
    public string[] Top(int count)
    {
        lock (_lock)
            return [.. _counts.OrderByDescending(entry => entry.Value).Take(count).Select(entry => entry.Key)];
    }

    private void Halve_NeedsLock()
    {
        foreach (var (key, count) in _counts)
        {
            if (count > 1)
                _counts[key] = count / 2;
            else
                _counts.Remove(key);
        }
    }
}
