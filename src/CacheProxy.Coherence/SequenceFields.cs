namespace CacheProxy.Coherence;

/// <summary>How places in the order travel in HTTP, between caches of one system and to their clients. Their values are a <see cref="Position"/> or <see cref="Pending"/>.</summary>
public static class SequenceFields
{
    /// <summary>Of an answer to a write: its place. Of a client's request: what its answer must not be from before.</summary>
    public const string Written = "CacheProxy-Seq";

    /// <summary>Of a request from one cache to the next: what its answer must not be from before.</summary>
    public const string Needed = "CacheProxy-Min-Seq";

    /// <summary>The write stands, but has no place yet: nothing that is kept anywhere is known to be from after it.</summary>
    public const string Pending = "pending";
}
