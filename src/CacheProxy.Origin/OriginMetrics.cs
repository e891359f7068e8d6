using System.Diagnostics.Metrics;

namespace CacheProxy.Origin;

/// <summary>The meter <c>CacheProxy.Origin</c>.</summary>
internal sealed class OriginMetrics : IDisposable
{
    public const string MeterName = "CacheProxy.Origin";

    private readonly Meter _meter;
    private readonly Counter<long> _reads;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _writeThroughs;
    private readonly Counter<long> _published;
    private readonly Counter<long> _background;
    private readonly Histogram<double> _factory;

    public OriginMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _reads = _meter.CreateCounter<long>("cacheproxy.origin.reads", "{read}",
            "Reads by kind of entry and where the value came from: local, remote, factory, shared (another caller's factory), stale, none (only a cache was to be asked), uncached (unusable key), failed.");
        _refused = _meter.CreateCounter<long>("cacheproxy.origin.not_stored", "{value}",
            "Values that were made and not kept, by reason: fenced (an invalidation overtook them), too_long, unserializable, remote (the remote store refused or was away).");
        _writeThroughs = _meter.CreateCounter<long>("cacheproxy.origin.write_throughs", "{write}",
            "Write-throughs by outcome: stored, overtaken (another write may have come between), older (a newer version was there).");
        _published = _meter.CreateCounter<long>("cacheproxy.origin.writes_published", "{write}",
            "Committed writes by how they were published: at_once, pending (the order was away), outbox (finished by the worker).");
        _background = _meter.CreateCounter<long>("cacheproxy.origin.background_reads", "{read}", "Reads begun in the background by reason: early, hot, warm.");
        _factory = _meter.CreateHistogram<double>("cacheproxy.origin.factory.duration", "s", "How long making a value took, by kind of entry.");
    }

    public Meter Meter => _meter;

    public void Read(string kind, string from) => _reads.Add(1, new("kind", kind), new("from", from));

    public void NotStored(string reason) => _refused.Add(1, new KeyValuePair<string, object?>("reason", reason));

    public void WriteThrough(string outcome) => _writeThroughs.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    public void Published(string how) => _published.Add(1, new KeyValuePair<string, object?>("how", how));

    public void Background(string reason) => _background.Add(1, new KeyValuePair<string, object?>("reason", reason));

    public void Factory(string kind, TimeSpan took) => _factory.Record(took.TotalSeconds, new KeyValuePair<string, object?>("kind", kind));

    public void Dispose() => _meter.Dispose();
}
