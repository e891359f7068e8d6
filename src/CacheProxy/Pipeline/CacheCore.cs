using CacheProxy.Coherence;
using CacheProxy.Diagnostics;
using CacheProxy.Fetching;
using CacheProxy.Invalidation;
using CacheProxy.Storage;
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
        Fetcher = new OriginFetcher(Store, node, Coalescer, Clock, time, CredentialFields,
            metrics, services.GetService<IHttpContextAccessor>(), services.GetRequiredService<ILogger<OriginFetcher>>());
        metrics.Observe(() => new StoreFigures(Store.SizeBytes, Store.Count, Store.Evicted));
        Invalidator = new Invalidator(node, Store, metrics);
        Passing = new Passing(Invalidator, metrics);
    }

    public RouteSettingsResolver Routes { get; }

    public CacheMetrics Metrics { get; }

    public CacheClock Clock { get; }

    /// <summary>This process in the order of invalidations.</summary>
    public CoherenceNode Node { get; }

    public Invalidator Invalidator { get; }

    public ResponseStore Store { get; }

    public Coalescer Coalescer { get; }

    public OriginFetcher Fetcher { get; }

    public Passing Passing { get; }

    /// <summary>Fields that carry credentials, besides Authorization and Cookie.</summary>
    public string[] CredentialFields { get; }

    /// <summary>How a flight of that route begins, unless the store has changed since the caller found <paramref name="known"/> there.</summary>
    public Func<string, Standing, Flight?> BeginFlight(RouteSettings settings, string cacheKey, CachedResource? known) => (key, fill) =>
        ReferenceEquals(Store.Find(cacheKey), known)
            ? new Flight(key, cacheKey, fill, _flightLimits, new RecordingLimits(settings.MaxBodyBytes, _laggardGrace, _recordingBudget, _time))
            : null;

    public void Dispose() => Store.Dispose();
}
