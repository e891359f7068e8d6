using System.Diagnostics;
using CacheProxy.Coherence;
using CacheProxy.Diagnostics;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace CacheProxy.Fetching;

/// <summary>Starts fetches, and holds what they all need.</summary>
internal sealed class OriginFetcher(
    ResponseStore store,
    CoherenceNode node,
    Coalescer coalescer,
    CacheClock clock,
    TimeProvider time,
    string[] credentialFields,
    CacheMetrics metrics,
    IHttpContextAccessor? accessor,
    ILogger<OriginFetcher> logger)
{
    private static readonly ActivitySource Activities = new("CacheProxy");

    // Without the first client's AsyncLocals: its logging scopes and its HttpContext end long before the fetch may.
    private readonly ExecutionContext _clean = ExecutionContext.Capture()!;

    public ResponseStore Store => store;

    public CoherenceNode Node => node;

    public Coalescer Coalescer => coalescer;

    public CacheClock Clock => clock;

    public TimeProvider Time => time;

    public CacheMetrics Metrics => metrics;

    public string[] CredentialFields => credentialFields;

    /// <summary>
    /// Begins a fetch on behalf of whoever is aboard the flight. Everything that is needed of the client's context is copied before this
    /// returns; the fetch runs on this thread until it first waits.
    /// </summary>
    public void Start(HttpContext client, RequestDelegate next, Flight flight, FetchOrder order)
    {
        try
        {
            var launch = new Launch(this, new OriginFetch(this, order, flight, client), next, Activity.Current);
            ExecutionContext.Run(_clean, static state => _ = ((Launch)state!).RunAsync(), launch);
        }
        catch
        {
            // It never began: those who board it must not wait for ever.
            coalescer.Remove(flight);
            flight.Publish(new FlightAnswer(FlightAnswerKind.Failed));
            flight.Dispose();
            throw;
        }
    }

    public void OnBroken(Exception exception) => Log.FetchBroken(logger, exception);

    private sealed record Launch(OriginFetcher Fetcher, OriginFetch Fetch, RequestDelegate Next, Activity? Parent)
    {
        public async Task RunAsync()
        {
            Fetcher.SetAccessor(Fetch.Context);
            using var activity = StartActivity();
            await Fetch.RunAsync(Next);
        }

        /// <summary>The fetch is part of the trace of the client that began it, and what the origin sees is its child.</summary>
        private Activity? StartActivity()
        {
            if (Parent is null)
                return null;
            if (Activities.StartActivity("CacheProxy.Fetch", ActivityKind.Internal, Parent.Context) is { } recorded)
                return recorded;
            // Nobody records our source; the trace id must go to the origin all the same.
            var unrecorded = new Activity("CacheProxy.Fetch");
            unrecorded.SetParentId(Parent.TraceId, Parent.SpanId, Parent.ActivityTraceFlags);
            unrecorded.TraceStateString = Parent.TraceStateString;
            return unrecorded.Start();
        }
    }

    private void SetAccessor(HttpContext context)
    {
        if (accessor is not null)
            accessor.HttpContext = context;
    }
}
