using System.Diagnostics.Metrics;
using System.Text;

namespace CacheProxy.Diagnostics;

/// <summary>
/// Every instrument of our meter and of the platform's (HTTP server, HTTP client, runtime) in Prometheus' text format 0.0.4. Names follow
/// OpenTelemetry's rules for Prometheus: dots become underscores, units are spelled out, counters end in <c>_total</c>.
///
/// What the framework counts for each request and each fetch costs something, so that is listened to from the first scrape on: a process
/// that nobody scrapes does not pay. All others are listened to from the start, or what is open by then would be missing.
///
/// Each instrument has a <see cref="MetricFamily"/> that locks for itself; the lock is held for an addition, never around a callback.
/// </summary>
internal sealed class PrometheusExporter : IDisposable
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private static readonly HashSet<string> Meters =
    [
        CacheMetrics.MeterName, CacheMetrics.CoherenceMeterName, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Net.Http", "System.Runtime",
    ];

    private readonly Dictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly Lock _scraping = new();
    private readonly IMeterFactory _meters;
    private readonly MeterListener _listener;
    private MeterListener? _perRequestListener;

    /// <param name="meters">The proxy's: meters of other hosts in the process, such as the admin server's, are not exported.</param>
    /// <param name="own">Asked for so that our instruments are there from the first scrape on.</param>
    public PrometheusExporter(IMeterFactory meters, CacheMetrics own)
    {
        ArgumentNullException.ThrowIfNull(own);
        _meters = meters;
        _listener = Listen(instrument => !IsPerRequest(instrument));
    }

    /// <summary>All families, in the order of their names.</summary>
    public string Scrape()
    {
        lock (_scraping)
        {
            _perRequestListener ??= Listen(IsPerRequest);
            foreach (var family in Families())
                family.BeginObservation();
            _listener.RecordObservableInstruments();
            var text = new StringBuilder(16 * 1024);
            foreach (var family in Families())
                family.Write(text);
            return text.ToString();
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        _perRequestListener?.Dispose();
    }

    private static bool IsPerRequest(Instrument instrument) =>
        instrument.Meter.Name == "Microsoft.AspNetCore.Hosting"
        || instrument.Name is "http.client.active_requests" or "http.client.request.duration" or "http.client.request.time_in_queue";

    private MetricFamily[] Families()
    {
        lock (_families)
            return [.. _families.Values.OrderBy(family => family.Name, StringComparer.Ordinal)];
    }

    private MeterListener Listen(Predicate<Instrument> wanted)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (wanted(instrument))
                    Published(instrument, listener);
            },
        };
        listener.SetMeasurementEventCallback<long>(static (_, value, tags, state) => ((MetricFamily)state!).Record(value, tags));
        listener.SetMeasurementEventCallback<int>(static (_, value, tags, state) => ((MetricFamily)state!).Record(value, tags));
        listener.SetMeasurementEventCallback<double>(static (_, value, tags, state) => ((MetricFamily)state!).Record(value, tags));
        listener.SetMeasurementEventCallback<float>(static (_, value, tags, state) => ((MetricFamily)state!).Record(value, tags));
        listener.SetMeasurementEventCallback<decimal>(static (_, value, tags, state) => ((MetricFamily)state!).Record((double)value, tags));
        listener.SetMeasurementEventCallback<short>(static (_, value, tags, state) => ((MetricFamily)state!).Record(value, tags));
        listener.SetMeasurementEventCallback<byte>(static (_, value, tags, state) => ((MetricFamily)state!).Record(value, tags));
        listener.Start();
        return listener;
    }

    private void Published(Instrument instrument, MeterListener listener)
    {
        if (!Meters.Contains(instrument.Meter.Name) || (instrument.Meter.Scope is { } scope && scope != _meters))
            return;
        MetricFamily? family;
        lock (_families)
        {
            var fresh = new MetricFamily(instrument);
            if (!_families.TryGetValue(fresh.Name, out family))
                _families.Add(fresh.Name, family = fresh);
        }

        listener.EnableMeasurementEvents(instrument, family);
    }
}
