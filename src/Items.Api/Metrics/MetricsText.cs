using System.Diagnostics.Metrics;
using System.Text;
using CacheProxy.Diagnostics;

namespace Items.Api.Metrics;

/// <summary>Collects what the API's caches, its server and the runtime count, from the start on. Names are those that the proxy's metrics follow.</summary>
internal sealed class MetricsText : IDisposable
{
    private static readonly HashSet<string> Meters =
    [
        "CacheProxy.Origin", "CacheProxy.Coherence", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime",
    ];

    private readonly SortedDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly Lock _scraping = new();
    private readonly IMeterFactory _meters;
    private readonly MeterListener _listener;

    /// <param name="meters">The host's: what other hosts in the process count is not collected.</param>
    public MetricsText(IMeterFactory meters)
    {
        _meters = meters;
        _listener = new MeterListener { InstrumentPublished = Listen };
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, state) => ((MetricFamily)state!).Record(value, tags));
        _listener.SetMeasurementEventCallback<int>(static (_, value, tags, state) => ((MetricFamily)state!).Record(value, tags));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, state) => ((MetricFamily)state!).Record(value, tags));
        _listener.Start();
    }

    public string Collect()
    {
        lock (_scraping)
        {
            foreach (var family in Families())
                family.BeginObservation();
            _listener.RecordObservableInstruments();
            var text = new StringBuilder(16 * 1024);
            foreach (var family in Families())
                family.Write(text);
            return text.ToString();
        }
    }

    public void Dispose() => _listener.Dispose();

    private MetricFamily[] Families()
    {
        lock (_families)
            return [.. _families.Values];
    }

    private void Listen(Instrument instrument, MeterListener listener)
    {
        if (!Meters.Contains(instrument.Meter.Name) || (instrument.Meter.Scope is { } scope && scope != _meters))
            return;
        var fresh = new MetricFamily(instrument);
        MetricFamily? family;
        lock (_families)
            if (!_families.TryGetValue(fresh.Name, out family))
                _families.Add(fresh.Name, family = fresh);
        listener.EnableMeasurementEvents(instrument, family);
    }
}
