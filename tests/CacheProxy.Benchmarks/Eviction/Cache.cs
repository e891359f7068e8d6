namespace CacheProxy.Benchmarks.Eviction;

/// <summary>A cache that holds so many objects, all of one size, for comparing which of them it keeps. Keys are small numbers.</summary>
internal abstract class Cache
{
    /// <summary>Asks for a key, and stores it when it is not there.</summary>
    /// <returns>Whether it was there.</returns>
    public abstract bool Ask(int key);

    /// <summary>Whether it is there.</summary>
    public abstract bool Holds(int key);
}

/// <summary>Neighbours of each key in the one queue in which it stands.</summary>
internal sealed class Links(int keys)
{
    public const int None = -1;

    public int[] Newer { get; } = new int[keys];

    public int[] Older { get; } = new int[keys];
}

/// <summary>Keys in the order of their coming.</summary>
internal sealed class KeyQueue(Links links)
{
    public int Newest { get; private set; } = Links.None;

    public int Oldest { get; private set; } = Links.None;

    public int Count { get; private set; }

    public void Add(int key)
    {
        (links.Newer[key], links.Older[key]) = (Links.None, Newest);
        if (Newest != Links.None)
            links.Newer[Newest] = key;
        else
            Oldest = key;
        Newest = key;
        Count++;
    }

    public void Remove(int key)
    {
        var (newer, older) = (links.Newer[key], links.Older[key]);
        if (newer == Links.None)
            Newest = older;
        else
            links.Older[newer] = older;
        if (older == Links.None)
            Oldest = newer;
        else
            links.Newer[older] = newer;
        Count--;
    }

    public int RemoveOldest()
    {
        var oldest = Oldest;
        Remove(oldest);
        return oldest;
    }
}
