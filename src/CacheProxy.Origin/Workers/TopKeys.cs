namespace CacheProxy.Origin.Workers;

/// <summary>
/// Which keys are read most, in bounded memory: one read in sixteen, at random, is counted; when the table is full, all counts are halved and what comes to
/// nothing is dropped. A key that makes up a visible part of the reads is never lost.
/// </summary>
internal sealed class TopKeys
{
    private const int Capacity = 8192;
    private const uint Sample = 16;

    [ThreadStatic]
    private static uint _random; // each n-th read would go in step with who reads in turns

    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _counts = new(StringComparer.Ordinal);

    public void Touch(string key)
    {
        var random = _random == 0 ? (uint)Random.Shared.Next() | 1 : _random; // xorshift: Marsaglia, 2003
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        _random = random;
        if (random % Sample != 0)
            return;
        lock (_lock)
        {
            if (_counts.Count >= Capacity && !_counts.ContainsKey(key))
                while (_counts.Count >= Capacity)
                    Halve_NeedsLock();
            _counts[key] = _counts.GetValueOrDefault(key) + (int)Sample;
        }
    }

    /// <summary>The keys read most, the most read first.</summary>
    public string[] Take(int count)
    {
        lock (_lock)
            return [.. _counts.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal).Take(count).Select(pair => pair.Key)];
    }

    /// <summary>Lets what was long ago count for less.</summary>
    public void Age()
    {
        lock (_lock)
            Halve_NeedsLock();
    }

    private void Halve_NeedsLock()
    {
        foreach (var (key, count) in _counts.ToArray())
        {
            if (count / 2 < Sample)
                _counts.Remove(key);
            else
                _counts[key] = count / 2;
        }
    }
}
