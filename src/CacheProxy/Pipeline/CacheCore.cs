using CacheProxy.Coherence;
using CacheProxy.Diagnostics;
using CacheProxy.Fetching;
using CacheProxy.Http;
using CacheProxy.Invalidation;
using CacheProxy.Keys;
using CacheProxy.Policy;
using CacheProxy.Storage;
using CacheProxy.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CacheProxy.Pipeline;

/// <summary>
/// The rooms, built once from the options: budgets and limits are those of the start, what a route may override is read anew with each
/// change of the configuration.
/// </summary>
internal sealed class CacheCore : IDisposable
{
    private readonly FlightLimits _flightLimits;
    private readonly RecordingBudget _recordingBudget;
    private readonly TimeSpan _laggardGrace;
    private readonly TimeProvider _time;

    public CacheCore(
        IOptions<CacheProxyOptions> options, RouteSettingsResolver routes, CoherenceNode node, CacheMetrics metrics, TimeProvider time,
        IServiceProvider services)
    {
        var value = options.Value;
        _time = time;
        _laggardGrace = value.LaggardGrace;
        _flightLimits = new FlightLimits(value.FinishBytes, value.FinishTime, time);
        _recordingBudget = new RecordingBudget(value.RecordingBudgetBytes);
        Routes = routes;
        Metrics = metrics;
        Clock = new CacheClock(time);
        Node = node;
        Store = new ResponseStore(value.MemoryBudgetBytes, value.MaxVariants, node, Clock);
        Coalescer = new Coalescer(node, value.UncacheableMemory);
        CredentialFields = value.CredentialFields.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        Deliveries = new DeliveryBudget(value.MemoryBudgetBytes / 2, metrics, services.GetRequiredService<ILogger<DeliveryBudget>>());
        var remote = node.Store is { } shared ? new RemoteResponses(shared, Store, node, Clock, Tags.FenceOf, value.Coherence.MaxItemBytes, value.UncacheableMemory) : null;
        Parts = new StoredParts(Store, node, Clock, value.MemoryBudgetBytes);
        Fetcher = new OriginFetcher(Store, node, Coalescer, Deliveries, Clock, time, CredentialFields, LoopName,
            metrics, services.GetRequiredService<IServiceScopeFactory>(), services.GetService<IHttpContextAccessor>(), remote, Parts, services.GetRequiredService<ILogger<OriginFetcher>>());
        metrics.Observe(() => new StoreFigures(Store.SizeBytes, Store.Count, Store.Evicted));
        Invalidator = new Invalidator(node, Store, metrics, value.Coherence, time);
        Passing = new Passing(Invalidator, metrics, LoopName, value.CacheStatusKey);
        ShowsKey = value.CacheStatusKey;
        CatchUpTime = value.Coherence.CallTimeout;
        HotKeys = string.IsNullOrWhiteSpace(value.Warming.TopKeysFile) ? null : new HotKeys(4 * value.Warming.TopKeys);
    }

    public RouteSettingsResolver Routes { get; }

    public CacheMetrics Metrics { get; }

    public CacheClock Clock { get; }

    /// <summary>This process in the order of invalidations.</summary>
    public CoherenceNode Node { get; }

    public Invalidator Invalidator { get; }

    public TimeProvider Time => _time;

    public ResponseStore Store { get; }

    /// <summary>Parts of what is too large to be stored whole.</summary>
    public StoredParts Parts { get; }

    /// <summary>Learns what is hit most; <c>null</c> when nobody wants to know.</summary>
    public HotKeys? HotKeys { get; }

    /// <summary>Answers hits on connections; <c>null</c> when no listener asks for it.</summary>
    public FastHits? FastHits { get; set; }

    public Coalescer Coalescer { get; }

    /// <summary>What responses have said of the queries of their paths, for routes where it counts.</summary>
    public SearchRules SearchRules => Fetcher.SearchRules;

    public DeliveryBudget Deliveries { get; }

    public OriginFetcher Fetcher { get; }

    public Refusals Refusals => Fetcher.Refusals;

    /// <summary>
    /// Our name in CDN-Loop, of this process alone: caches of this kind may stand one behind the other, and need no names from anybody.
    /// </summary>
    /// <remarks>The first digits of a new GUID are random, and the system's own: <c>RandomNumberGenerator</c> would load OpenSSL into every process.</remarks>
    public string LoopName { get; } = "CacheProxy-" + Guid.NewGuid().ToString("N")[..12];

    public Passing Passing { get; }

    /// <summary>How long a request waits for this node to hear of a write that its client knows of.</summary>
    public TimeSpan CatchUpTime { get; }

    /// <summary>Whether Cache-Status tells the key.</summary>
    public bool ShowsKey { get; }

    /// <summary>Fields that carry credentials, besides Authorization and Cookie.</summary>
    public string[] CredentialFields { get; }

    /// <summary>What is stored under the key of a URI, the response among it that the request selects, and what to do with it.</summary>
    public (CachedResource? Resource, StoredResponse? Stored, ReuseDecision Decision) Look(
        in TargetUri uri, in RequestHead head, DateTimeOffset now, RouteSettings settings, in Need need)
    {
        var length = CacheKey.Length(uri);
        Span<char> buffer = length <= CacheKey.StackLength ? stackalloc char[CacheKey.StackLength] : new char[length];
        var resource = Store.Find(CacheKey.Write(uri, buffer), now);
        var stored = resource is null ? null : ResponseStore.Select(resource, head.Fields);
        if (stored is null && resource is not null && settings.SelectByLanguage)
            stored = ResponseStore.SelectByLanguage(resource, head.Fields);
        if (uri.SearchRule is { } rule && stored is not null && stored.ReadField(SearchRule.FieldName) != rule)
            stored = null;
        return (resource, stored, stored is null ? Reuse.DecideMiss(head) : Decide(head, stored, now, settings, need));
    }

    /// <summary>What to do with a stored response that the request selects.</summary>
    public ReuseDecision Decide(in RequestHead head, StoredResponse stored, DateTimeOffset now, RouteSettings settings, in Need need)
    {
        var isTrusted = IsTrusted(settings, need); // before the fence: whoever was out of touch a moment ago may just be hearing of a purge
        return Reuse.Decide(head, stored, stored.Fence.Check(Node), isTrusted, now, settings.Policy);
    }

    /// <summary>The URI as it is keyed: what the responses of its path have said makes no difference is taken out.</summary>
    public TargetUri Keyed(in TargetUri uri, RouteSettings settings)
    {
        if (!settings.NoVarySearch || SearchRules.Find(uri) is not { } rule || rule.Apply(uri.Target) is var target && ReferenceEquals(target, uri.Target))
            return uri; // what is stored for the URI itself is right for it under any rule
        return uri with { Target = target, SearchRule = rule.Text };
    }

    /// <summary>Whether what is stored here may be used unasked: this node hears of invalidations, and has heard of those that the client knows of.</summary>
    public bool IsTrusted(RouteSettings settings, in Need need) =>
        Node.IsInTouchWithin(settings.OutOfTouchGrace) && (need.IsNone || need.IsMetAt(Node.Standing.Shared));

    /// <summary>How a flight of that route begins, unless the store has changed since the caller found <paramref name="known"/> there.</summary>
    public Func<string, Standing, Flight?> BeginFlight(RouteSettings settings, string cacheKey, CachedResource? known) => (key, fill) =>
    {
        return ReferenceEquals(Store.Find(cacheKey, Clock.Now), known) ? NewFlight(settings, key, cacheKey, fill) : null;
    };

    /// <summary>A flight that nobody knows of yet.</summary>
    public Flight NewFlight(RouteSettings settings, string key, string cacheKey, Standing fill)
    {
        var flight = new Flight(key, cacheKey, fill, _flightLimits, RecordingLimitsOf(settings));
        if (settings.NoVarySearch)
            flight.Fenced(new Fence(CacheKey.UriOf(cacheKey), [Tags.Path(cacheKey)], fill.Local)); // who boards it may have come with another query
        return flight;
    }

    /// <summary>Another's answer goes only to a request that could have it for itself: each who waits is asked about anew.</summary>
    public bool MayShare(FlightAnswer answer, in RequestHead head, FetchOrder order) => answer.Kind switch
    {
        FlightAnswerKind.Recorded => answer.IsShared && order.IsFoundBy(answer.Head!) && Vary.Matches(answer.VaryFields, answer.VaryValues, head.Fields)
            && (!answer.Decision.Store || Storability.Decide(head, answer.Head!, TimeSpan.Zero, order.Settings.Policy).Store),
        FlightAnswerKind.Freshened => answer.IsShared && MayHave(answer.Stored!, head, order), // the 304 may have made it private
        FlightAnswerKind.Found => MayHave(answer.Stored!, head, order),
        FlightAnswerKind.StaleOnError => MayHave(answer.Stored!, head, order),
        FlightAnswerKind.Failed => true,
        _ => false,
    };

    public RecordingLimits RecordingLimitsOf(RouteSettings settings) => new(settings.MaxBodyBytes, _laggardGrace, _recordingBudget, _time);

    private bool MayHave(StoredResponse stored, in RequestHead head, FetchOrder order) =>
        order.IsFoundBy(stored) && Vary.Matches(stored.VaryFields, stored.VaryValues, head.Fields)
        && Reuse.Decide(head, stored, stored.Fence.Check(Node), isTrusted: true, Clock.Now, order.Settings.Policy).Reason is not (ReuseReason.Request or ReuseReason.Miss);

    public void Dispose()
    {
        Fetcher.Dispose();
        Store.Dispose();
    }
}
