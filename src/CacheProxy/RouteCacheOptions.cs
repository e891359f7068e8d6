namespace CacheProxy;

/// <summary>
/// What one route does differently: <c>CacheProxy:Routes:{routeId}</c>, or the route's <c>Metadata</c> with keys <c>Cache.{Property}</c>.
/// <c>null</c> means as the cache says.
/// </summary>
public sealed class RouteCacheOptions
{
    /// <summary>What a key of a route's metadata begins with when it is a cache option.</summary>
    public const string MetadataPrefix = "Cache.";

    /// <summary>
    /// <c>false</c>: the route's requests all pass. Default <c>true</c>; <c>false</c> for a route that YARP selects by request fields
    /// (<c>Match:Headers</c>), since these are not part of the key: <c>true</c> there only if the origins name them in Vary.
    /// </summary>
    public bool? Enabled { get; set; }

    /// <summary>The route's profile.</summary>
    public CacheProfile? Profile { get; set; }

    /// <summary>Lifetime of a response that says nothing of its own. Default 60 s in OneMinute, 0 in Rfc9111; 0 (not stored) to 365 days.</summary>
    public TimeSpan? DefaultLifetime { get; set; }

    /// <summary>Nothing older than this is served. Default 60 s in OneMinute, no bound in Rfc9111; 1 s to 365 days.</summary>
    public TimeSpan? MaxAge { get; set; }

    /// <summary>Lifetime of a 404 or 410 that says nothing of its own. Default 0 (not stored); to 365 days.</summary>
    public TimeSpan? NegativeLifetime { get; set; }

    /// <summary>How long a stale response with a validator is kept to be validated. Default 60 s in OneMinute (where MaxAge ends it), 1 h in Rfc9111; 0 to 365 days.</summary>
    public TimeSpan? Keep { get; set; }

    /// <summary>
    /// How long a stale response may stand in for an error of the origin (no answer, or a 5xx) when it has no stale-if-error of its own
    /// (RFC 9111 section 4.2.4). Never with must-revalidate, proxy-revalidate, s-maxage or no-cache. Default 60 s (in OneMinute, MaxAge ends
    /// it earlier); 0 to 365 days.
    /// </summary>
    public TimeSpan? StaleIfError { get; set; }

    /// <summary>
    /// Whether requests with a Cookie may take and be given responses with the default lifetime: <c>true</c> only when the origin does not
    /// look at cookies. Default <c>false</c>.
    /// </summary>
    public bool? DefaultLifetimeWithCookie { get; set; }

    /// <summary>
    /// Whether a response with Set-Cookie to which the origin gives a lifetime is stored with its cookies, which then go to everybody:
    /// <c>true</c> only when they say nothing of one client. Default <c>false</c>: such a response is never stored.
    /// </summary>
    public bool? StoreSetCookie { get; set; }

    /// <summary>
    /// Whether an HTTP/1 response that has no length and no chunks, so that only the end of its connection ends it, is stored. An origin
    /// that dies while it writes looks the same, and yet RFC 9112 section 8 calls it complete. Default <c>true</c> in the profile
    /// <see cref="CacheProfile.Rfc9111"/>, <c>false</c> in <see cref="CacheProfile.OneMinute"/>.
    /// </summary>
    public bool? StoreCloseDelimited { get; set; }

    /// <summary>
    /// Whether interim responses (102, 103) go on to the client whose request the origin is working on, over HTTP/1.1 on both sides (RFC 9110
    /// section 15.2): <c>true</c> only when everything between the clients and the proxy can take them (nginx 1.22 cannot). Default <c>true</c>
    /// in the profile <see cref="CacheProfile.Rfc9111"/>, <c>false</c> in <see cref="CacheProfile.OneMinute"/>.
    /// </summary>
    public bool? PassInterimResponses { get; set; }

    /// <summary>
    /// Whether a request that selects no stored variant by the text of its Accept-Language is given the one whose Content-Language it likes best:
    /// <c>true</c> only when the origins choose by that alone, and do not have a language both with and without a region. Default
    /// <c>false</c>: which language the origin would choose is not guessed.
    /// </summary>
    public bool? SelectByLanguage { get; set; }

    /// <summary>Whether a client's no-cache, no-store, max-age, max-stale and min-fresh count. Default <c>false</c>: a client cannot force load on the origin.</summary>
    public bool? HonorRequestDirectives { get; set; }

    /// <summary>
    /// Names of query parameters that are kept in key and request, separated by commas; <c>v_*</c> stands for all that begin with
    /// <c>v_</c>. All others are taken out of GET and HEAD requests. Default: all are kept.
    /// </summary>
    public string? QueryAllow { get; set; }

    /// <summary>
    /// Names of query parameters that are taken out of key and request, as <see cref="QueryAllow"/> is written; <c>@tracking</c> stands for
    /// what mailings and advertisements add (utm_*, gclid, fbclid and the like). Default: none.
    /// </summary>
    public string? QueryDeny { get; set; }

    /// <summary>
    /// Whether query parameters are put in the order of their names, in key and request; those of one name keep their order.
    /// Default <c>false</c>.
    /// </summary>
    public bool? QuerySort { get; set; }

    /// <summary>
    /// Whether No-Vary-Search in responses counts: a stored response answers requests whose query differs only as the field allows, though
    /// the origin saw the first one's. Default <c>false</c>.
    /// </summary>
    public bool? NoVarySearch { get; set; }

    /// <summary>
    /// QUERY requests (RFC 10008) with at most this many bytes of content are answered from the store, keyed by their content. Default 0: they
    /// pass; to 256 KiB.
    /// </summary>
    public long? QueryMethodBytes { get; set; }

    /// <summary>
    /// How long, beyond <c>Coherence:Staleness</c>, stored responses are still served unasked while this node cannot hear of invalidations. Default 0:
    /// from then on each is validated at the origin before it is used; to 365 days.
    /// </summary>
    public TimeSpan? OutOfTouchGrace { get; set; }

    /// <summary>Whether a client that has written sees its write on every node at once, cut off or not. Default <see cref="CacheProxy.ReadYourWrites.None"/>.</summary>
    public ReadYourWrites? ReadYourWrites { get; set; }

    /// <summary>The largest body that is stored, in bytes. Default and range as <see cref="CacheProxyOptions.MaxBodyBytes"/>.</summary>
    public long? MaxBodyBytes { get; set; }
}
