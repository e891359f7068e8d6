namespace CacheProxy.Coherence;

/// <summary>What an invalidation asks of entries that began before it. A stronger one includes the weaker.</summary>
public enum MarkStrength : byte
{
    /// <summary>Nothing: no mark.</summary>
    None,

    /// <summary>As if stale: may be served where staleness is allowed, and is refreshed.</summary>
    Soft,

    /// <summary>Must be validated before each use (RFC 9111 section 4.4).</summary>
    Invalid,

    /// <summary>Gone: never served again, neither after validation nor in place of an error.</summary>
    Hard,
}
