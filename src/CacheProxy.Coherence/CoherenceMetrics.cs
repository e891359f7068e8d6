using System.Diagnostics.Metrics;

namespace CacheProxy.Coherence;

/// <summary>The meter <c>CacheProxy.Coherence</c>: every instrument, its name, unit and description. Tags have few values. One for a node.</summary>
internal sealed class CoherenceMetrics : IDisposable
{
    public const string MeterName = "CacheProxy.Coherence";

    private readonly Meter _meter;
    private readonly Counter<long> _calls;
    private readonly Counter<long> _applied;
    private readonly Counter<long> _resyncs;
    private readonly Counter<long> _stores;
    private readonly Counter<long> _unreadable;

    public CoherenceMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _calls = _meter.CreateCounter<long>("cacheproxy.coherence.calls", "{call}", "Calls to Redis, by what was asked and how it ended.");
        _applied = _meter.CreateCounter<long>("cacheproxy.coherence.applied", "{invalidation}", "Invalidations that this node has applied, its own included.");
        _resyncs = _meter.CreateCounter<long>("cacheproxy.coherence.resyncs", "{resync}", "Times the order could not be followed entry by entry, by reason.");
        _stores = _meter.CreateCounter<long>("cacheproxy.coherence.stores", "{item}", "Fills offered to the shared store, by whether and why not it took them.");
        _unreadable = _meter.CreateCounter<long>("cacheproxy.coherence.unreadable", "{item}", "Bytes found in Redis that are not what a node has put there.");
    }

    /// <summary>Says where the state is read from, whenever somebody asks for it.</summary>
    public void Observe(CoherenceNode node)
    {
        _meter.CreateObservableGauge("cacheproxy.coherence.in_touch", () => node.IsInTouch ? 1 : 0, "1", "1 while the order has been heard from lately enough, else 0.");
        _meter.CreateObservableGauge("cacheproxy.coherence.silence", () => Math.Min(node.SinceHeard.TotalSeconds, 1e9), "s", "How old what the node knows of the order is.");
        _meter.CreateObservableUpDownCounter("cacheproxy.coherence.pending", () => node.Unsent, "{invalidation}", "Own invalidations that the order is not known to have.");
    }

    /// <param name="call">Its name: a few fixed words.</param>
    /// <param name="result"><c>ok</c>, <c>timeout</c>, <c>error</c>, <c>unreachable</c> or <c>skipped</c> (breaker open).</param>
    public void Called(string call, string result) => _calls.Add(1, new("coherence.call", call), new KeyValuePair<string, object?>("coherence.result", result));

    public void Applied() => _applied.Add(1);

    public void Resynced(string reason) => _resyncs.Add(1, new KeyValuePair<string, object?>("coherence.reason", reason));

    public void Stored(string result) => _stores.Add(1, new KeyValuePair<string, object?>("coherence.result", result));

    public void Unreadable() => _unreadable.Add(1);

    public void Dispose() => _meter.Dispose();
}
