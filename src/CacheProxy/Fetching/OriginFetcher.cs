using System.Diagnostics;
using CacheProxy.Coherence;
using CacheProxy.Diagnostics;
using CacheProxy.Keys;
using CacheProxy.Pipeline;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace CacheProxy.Fetching;

/// <summary>Starts fetches, and holds what they all need.</summary>
internal sealed class OriginFetcher(
    ResponseStore store,
    CoherenceNode node,
    Coalescer coalescer,
    DeliveryBudget deliveries,
    CacheClock clock,
    TimeProvider time,
    string[] credentialFields,
    string loopName,
    CacheMetrics metrics,
    IServiceScopeFactory scopes,
    IHttpContextAccessor? accessor,
    RemoteResponses? remote,
    StoredParts parts,
    ILogger<OriginFetcher> logger) : IDisposable
{
    private static readonly ActivitySource Activities = new("CacheProxy");

    // Without the first client's AsyncLocals: its logging scopes and its HttpContext end long before the fetch may.
    private readonly ExecutionContext _clean = ExecutionContext.Capture()!;

    private readonly FlightsUnderWay _flights = new();

    public ResponseStore Store => store;

    public CoherenceNode Node => node;

    /// <summary>What all nodes share; <c>null</c> when there is no such store.</summary>
    public RemoteResponses? Remote => remote;

    public StoredParts Parts => parts;

    public Coalescer Coalescer => coalescer;

    public DeliveryBudget Deliveries => deliveries;

    public CacheClock Clock => clock;

    public TimeProvider Time => time;

    public CacheMetrics Metrics => metrics;

    public string[] CredentialFields => credentialFields;

    /// <summary>For the services of fetches, which do not end with their clients' requests.</summary>
    public IServiceScopeFactory Scopes => scopes;

    public Refusals Refusals { get; } = new();

    /// <summary>What responses have said of the queries of their paths, for routes where it counts.</summary>
    public SearchRules SearchRules { get; } = new();

    /// <summary>Our name in CDN-Loop.</summary>
    public string LoopName => loopName;

    /// <summary>
    /// Begins a fetch on behalf of whoever is aboard the flight. Everything that is needed of the client's context is copied before this
    /// returns; the fetch runs on this thread until it first waits.
    /// </summary>
    public void Start(HttpContext client, RequestDelegate next, Flight flight, FetchOrder order)
    {
        try
        {
            var fetch = new OriginFetch(this, order, flight, client, next, Activity.Current);
            _flights.Add(flight);
            ExecutionContext.Run(_clean, static fetch => _ = ((OriginFetch)fetch!).RunAsync(), fetch);
        }
        catch
        {
            // It never began: those who board it must not wait for ever.
            coalescer.Remove(flight);
            flight.Publish(FlightAnswer.Failed);
            Ended(flight);
            throw;
        }
    }

    /// <summary>To be said once of each flight that was started.</summary>
    public void Ended(Flight flight)
    {
        _flights.Remove(flight);
        flight.Dispose();
    }

    public void OnBroken(Exception exception) => Log.FetchBroken(logger, exception);

    /// <summary>Stops all fetches under way.</summary>
    public void Dispose() => _flights.Dispose();

    /// <summary>The fetch is part of the trace of the client that began it, and what the origin sees is its child.</summary>
    /// <param name="parent">The client's activity; <c>null</c> when it has none.</param>
    public static Activity? StartActivity(Activity? parent)
    {
        if (parent is null)
            return null;
        if (Activities.StartActivity("CacheProxy.Fetch", ActivityKind.Internal, parent.Context) is { } recorded)
            return recorded;
        // Nobody records our source; the trace id must go to the origin all the same.
        var unrecorded = new Activity("CacheProxy.Fetch");
        unrecorded.SetParentId(parent.TraceId, parent.SpanId, parent.ActivityTraceFlags);
        unrecorded.TraceStateString = parent.TraceStateString;
        return unrecorded.Start();
    }

    /// <summary>Where the application has the accessor, what runs in the fetch finds the fetch's own context.</summary>
    public void SetAccessor(HttpContext context)
    {
        if (accessor is not null)
            accessor.HttpContext = context;
    }
}
