using CacheProxy.Coherence;

namespace CacheProxy;

/// <summary>The cache's options: section <c>CacheProxy</c> of the configuration (<c>CacheProxy__...</c> in the environment).</summary>
public sealed class CacheProxyOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string SectionName = "CacheProxy";

    /// <summary>
    /// Origin servers, absolute http or https URLs separated by commas: a catch-all route to all of them. <c>null</c> (default): routes and
    /// clusters come from a <c>ReverseProxy</c> section as YARP defines it. One of the two is required.
    /// </summary>
    public string? Origin { get; set; }

    /// <summary>Whose word counts on lifetimes. Default <see cref="CacheProfile.OneMinute"/>.</summary>
    public CacheProfile Profile { get; set; } = CacheProfile.OneMinute;

    /// <summary>
    /// Bytes that stored responses may take in memory, keys, heads and overhead counted. Default 256 MiB; 1 MiB to 1 TiB. When full, the
    /// least useful are evicted.
    /// </summary>
    public long MemoryBudgetBytes { get; set; } = 256L << 20;

    /// <summary>The largest body that is stored, in bytes. Default 8 MiB; 0 to a quarter of <see cref="MemoryBudgetBytes"/>, at most 1 GiB.</summary>
    public long MaxBodyBytes { get; set; } = 8L << 20;

    /// <summary>How many variants (Vary) of one URL are stored; the oldest goes first. Default 64; 1 to 1024.</summary>
    public int MaxVariants { get; set; } = 64;

    /// <summary>
    /// Bytes of responses that are being recorded for the store at one time, all together. Default 256 MiB; 1 MiB to 1 TiB. Beyond it new
    /// responses stream through unrecorded.
    /// </summary>
    public long RecordingBudgetBytes { get; set; } = 256L << 20;

    /// <summary>
    /// How long, in sum, a slow reader may hold back a fetch that it shares and that is too large to store, before it is cut. Default 3 s;
    /// 0.1 s to 60 s.
    /// </summary>
    public TimeSpan LaggardGrace { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>A fetch that nobody waits for any more goes on when at most this many bytes are left. Default 4 MiB; 0 to 1 GiB.</summary>
    public long FinishBytes { get; set; } = 4L << 20;

    /// <summary>How long such a fetch may go on. Default 5 s; 0 (it ends at once) to 10 min.</summary>
    public TimeSpan FinishTime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long it is remembered that a URL's responses are not stored, so that nobody waits for them. Default 10 s; 0 to 1 h.</summary>
    public TimeSpan UncacheableMemory { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Addresses or CIDR ranges of the proxies in front (nginx) whose X-Forwarded-For, -Proto and -Host are believed. Default: none, not
    /// even loopback. Separated by commas.
    /// </summary>
    public string? TrustedProxies { get; set; }

    /// <summary>
    /// Names of request fields that carry credentials as Authorization does, separated by commas: responses to requests with one of them are
    /// stored and shared only where RFC 9111 section 3.5 would allow it for Authorization. Default
    /// <c>X-Api-Key, X-Auth-Token, X-Access-Token</c>; empty for none.
    /// </summary>
    public string CredentialFields { get; set; } = "X-Api-Key, X-Auth-Token, X-Access-Token";

    /// <summary>
    /// Whether Cache-Status tells the cache key as well: for finding out why two requests do not meet. Default <c>false</c>: the key shows
    /// what was taken out of the query, and makes every answer longer.
    /// </summary>
    public bool CacheStatusKey { get; set; }

    /// <summary>Connecting to an origin fails after this. Default 2 s; 0.1 s to 60 s.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// An origin that sends nothing for this long has failed: 504 before the head, a cut response within the body. Default 30 s; 0.1 s to
    /// 1 h. A cluster's own <c>HttpRequest:ActivityTimeout</c> goes before it.
    /// </summary>
    public TimeSpan ActivityTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How several nodes keep in step, over Redis. Default: this node alone, without Redis.</summary>
    public CoherenceOptions Coherence { get; set; } = new();

    /// <summary>What the cache is filled with before clients ask. Default: nothing.</summary>
    public WarmingOptions Warming { get; set; } = new();

    /// <summary>Overrides by route id of the <c>ReverseProxy</c> section; the route that <see cref="Origin"/> makes is named <c>origin</c>.</summary>
    public IDictionary<string, RouteCacheOptions> Routes { get; } = new Dictionary<string, RouteCacheOptions>(StringComparer.OrdinalIgnoreCase);
}

/// <summary>Whose word counts on lifetimes.</summary>
public enum CacheProfile
{
    /// <summary>
    /// A GET response that says nothing of its own lives 60 s where that is safe; every lifetime is capped at 60 s; nothing older is served.
    /// </summary>
    OneMinute,

    /// <summary>The origin's words alone, with heuristic freshness from Last-Modified, no cap.</summary>
    Rfc9111,
}
