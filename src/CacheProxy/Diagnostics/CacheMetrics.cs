using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text;
using CacheProxy.Http;
using CacheProxy.Pipeline;
using CacheProxy.Policy;

namespace CacheProxy.Diagnostics;

/// <summary>
/// The meter <c>CacheProxy</c>: every instrument, its name, unit and description. Tags have few values: never a URL, a key or a tag of
/// content. Safe for use by many threads; one for a process.
/// </summary>
internal sealed class CacheMetrics : IDisposable
{
    public const string MeterName = "CacheProxy";

    /// <summary>The meter of the order of invalidations and of what nodes share.</summary>
    public const string CoherenceMeterName = "CacheProxy.Coherence";

    private static readonly string[] ResultNames = Names<CacheResult>();
    private static readonly string[] ForwardNames = Names<ForwardReason>("-"); // as RFC 9211 writes them in Cache-Status
    private static readonly string[] StoreReasonNames = Names<StoreReason>();
    private static readonly string[] FetchResultNames = Names<FetchResult>();

    private readonly Meter _meter;
    private readonly OutcomeCounters _outcomes = new(Environment.ProcessorCount);
    private readonly long[] _storeReasons = new long[StoreReasonNames.Length];
    private readonly Histogram<double> _fetchDuration;
    private readonly Counter<long> _invalidations;
    private readonly Counter<long> _deliveriesCut;
    private Func<StoreFigures>? _store;
    private Func<WarmingFigures>? _warming;
    private long _activeFetches;

    public CacheMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _meter.CreateObservableCounter("cacheproxy.requests", Requests, "{request}", "Requests answered, by what answered and why.");
        _meter.CreateObservableCounter("cacheproxy.sent", Sent, "By", "Bytes of response bodies given to clients, by what answered.");
        _meter.CreateObservableCounter("cacheproxy.store.decisions", StoreDecisions, "{response}", "Fetched responses, by why they were stored or not.");
        _meter.CreateObservableUpDownCounter("cacheproxy.store.size", () => Store.Bytes, "By", "Memory that stored responses take, overhead included.");
        _meter.CreateObservableUpDownCounter("cacheproxy.store.entries", () => Store.Entries, "{response}", "Stored responses in memory.");
        _meter.CreateObservableCounter("cacheproxy.store.evictions", () => Store.Evictions, "{response}", "Stored responses that had to go for want of room.");
        _meter.CreateObservableUpDownCounter("cacheproxy.fetch.active", () => Interlocked.Read(ref _activeFetches), "{fetch}", "Fetches from an origin under way.");
        _fetchDuration = _meter.CreateHistogram<double>("cacheproxy.fetch.duration", "s", "From the start of a fetch to its last byte, by how it ended.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] });
        _invalidations = _meter.CreateCounter<long>("cacheproxy.invalidations", "{invalidation}", "Marks that hide stored responses, by kind.");
        _meter.CreateObservableCounter("cacheproxy.warming.urls", Warmed, "{url}", "URLs that warming is done with, by what came of them.");
        _meter.CreateObservableUpDownCounter("cacheproxy.warming.left", () => Warming.Left, "{url}", "URLs that warming knows of and is not done with.");
        _meter.CreateObservableCounter("cacheproxy.warming.retries", () => Warming.Retried, "{request}", "Requests of warming that were put off because the origin failed.");
        _deliveriesCut = _meter.CreateCounter<long>("cacheproxy.deliveries.cut", "{response}", "Answers cut off because slow clients held too much memory.");
    }

    private WarmingFigures Warming => _warming?.Invoke() ?? default;

    private StoreFigures Store => _store?.Invoke() ?? default;

    /// <summary>Counts a request that has been answered. On the path of every hit: nothing is allocated and no listener runs.</summary>
    public void Record(in Outcome outcome, long bodyBytes = 0)
    {
        _outcomes.Add(outcome, bodyBytes);
        if (outcome.StoreReason is { } reason)
            Interlocked.Increment(ref _storeReasons[(int)reason]);
    }

    /// <summary>Says where the store's figures are read from, whenever somebody asks for them.</summary>
    public void Observe(Func<StoreFigures> store) => _store = store;

    /// <summary>The same for warming.</summary>
    public void ObserveWarming(Func<WarmingFigures> warming) => _warming = warming;

    /// <summary>A fetch begins; give what this returns to <see cref="FetchEnded"/>.</summary>
    public long FetchStarted()
    {
        Interlocked.Increment(ref _activeFetches);
        return Stopwatch.GetTimestamp();
    }

    /// <summary>A fetch has ended.</summary>
    public void FetchEnded(long started, FetchResult result)
    {
        Interlocked.Decrement(ref _activeFetches);
        _fetchDuration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, new KeyValuePair<string, object?>("fetch.result", FetchResultNames[(int)result]));
    }

    /// <summary>Stored responses were hidden. <paramref name="kind"/> is one of a few fixed words (url, group, prefix, all).</summary>
    public void Invalidated(string kind) => _invalidations.Add(1, new KeyValuePair<string, object?>("invalidation.kind", kind));

    /// <summary>So many slow clients were cut off.</summary>
    public void DeliveriesCut(int count) => _deliveriesCut.Add(count);

    /// <summary>Requests and body bytes by outcome since the start; combinations that did not occur are missing.</summary>
    public IEnumerable<(Outcome Outcome, long Requests, long BodyBytes)> Outcomes() => _outcomes.Read();

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<long>> Requests() => _outcomes.Read().Select(o => new Measurement<long>(o.Requests,
        new("cache.result", ResultNames[(int)o.Outcome.Result]),
        new("cache.forward_reason", ForwardNames[(int)o.Outcome.Forward]),
        new("cache.stored", o.Outcome.Stored ? "true" : "false"),
        new("cache.collapsed", o.Outcome.Collapsed ? "true" : "false")));

    private IEnumerable<Measurement<long>> Sent() => _outcomes.Read()
        .GroupBy(o => o.Outcome.Result)
        .Select(g => new Measurement<long>(g.Sum(o => o.BodyBytes), new KeyValuePair<string, object?>("cache.result", ResultNames[(int)g.Key])));

    private IEnumerable<Measurement<long>> StoreDecisions() => StoreReasonNames.Index()
        .Where(r => Volatile.Read(ref _storeReasons[r.Index]) > 0)
        .Select(r => new Measurement<long>(Volatile.Read(ref _storeReasons[r.Index]), new KeyValuePair<string, object?>("cache.store_reason", r.Item)));

    private IEnumerable<Measurement<long>> Warmed()
    {
        var warming = Warming;
        yield return new(warming.Stored, new KeyValuePair<string, object?>("warming.result", "stored"));
        yield return new(warming.Skipped, new KeyValuePair<string, object?>("warming.result", "skipped"));
        yield return new(warming.Failed, new KeyValuePair<string, object?>("warming.result", "failed"));
    }

    /// <summary><c>TooLarge</c> becomes <c>too_large</c>.</summary>
    private static string[] Names<T>(string separator = "_")
        where T : struct, Enum =>
        Array.ConvertAll(Enum.GetNames<T>(), name =>
        {
            var text = new StringBuilder();
            foreach (var c in name)
                text.Append(text.Length > 0 && char.IsUpper(c) ? separator : "").Append(char.ToLowerInvariant(c));
            return text.ToString();
        });
}

/// <summary>How a fetch ended.</summary>
internal enum FetchResult
{
    /// <summary>With a whole response, whatever its status.</summary>
    Complete,

    /// <summary>The origin confirmed a stored response (304).</summary>
    NotModified,

    /// <summary>Without a response, or in the middle of one.</summary>
    Failed,

    /// <summary>Nobody waited any more.</summary>
    Abandoned,
}

/// <summary>The store at one moment.</summary>
internal readonly record struct StoreFigures(long Bytes, long Entries, long Evictions);

/// <summary>Warming at one moment: see <c>WarmingProgress</c>.</summary>
internal readonly record struct WarmingFigures(long Stored, long Skipped, long Failed, long Retried, long Left);
