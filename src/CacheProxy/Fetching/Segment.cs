namespace CacheProxy.Fetching;

/// <summary>A piece of a recorded body, and the way to the next. Whoever holds one holds all that come after it.</summary>
internal sealed class Segment
{
    /// <summary>The place of a reader that gets nothing more, so that it holds nothing in vain.</summary>
    public static readonly Segment None = new();

    /// <summary>None, until the first bytes come.</summary>
    public byte[] Bytes { get; set; } = [];

    public int Filled { get; set; }

    public Segment? Next { get; set; }

    /// <summary>Its bytes without slack; readers still on it keep the old array until they leave.</summary>
    public byte[] Exact() => Filled == Bytes.Length ? Bytes : Bytes[..Filled];
}
