namespace CacheProxy.Coherence;

/// <summary>How nodes keep in step.</summary>
public sealed class CoherenceOptions
{
    /// <summary>
    /// Where Redis is, as StackExchange.Redis reads it: <c>host:port,password=...,ssl=true</c>. <c>null</c> or empty (default): the order is kept in
    /// this process alone.
    /// </summary>
    public string? Redis { get; set; }

    /// <summary>What the names of all keys in Redis begin with; nodes that share it are one system. Default <c>cacheproxy</c>; 1 to 64 letters, digits, - and _.</summary>
    public string KeyPrefix { get; set; } = "cacheproxy";

    /// <summary>This node's name in receipts and metrics, unlike any other's. <c>null</c> or empty (default): the machine's name and a random part.</summary>
    public string? NodeName { get; set; }

    /// <summary>
    /// How long a node trusts itself without having heard from the order: the bound on staleness for requests without a token. Default 1 s; 0.1 s to
    /// 60 s. It asks four times as often.
    /// </summary>
    public TimeSpan Staleness { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>What one call to Redis may take while a request waits. Default 50 ms; 1 ms to 10 s.</summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// How long a write's answer waits for every node to have applied its invalidation. Default 1 s; 0 (does not wait) to 10 s. A node that has not
    /// answered within <see cref="Staleness"/> has stopped trusting itself: no shorter than that, and no node serves what was written over.
    /// </summary>
    public TimeSpan WriteWait { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The largest value that the shared store takes. Default 1 MiB; 1 KiB to 64 MiB.</summary>
    public long MaxItemBytes { get; set; } = 1 << 20;

    /// <summary>Decides on Redis' certificate in place of the system's trust; for tests.</summary>
    internal System.Net.Security.RemoteCertificateValidationCallback? RedisCertificate { get; set; }
}
