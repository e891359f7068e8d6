using System.Diagnostics.Metrics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace CacheProxy.Diagnostics;

/// <summary>
/// One instrument's time series. The lock guards the list of series and their numbers. A measurement finds its series by comparing tags in
/// place, so one that was seen before allocates nothing; tags have few values, so lists are short.
/// </summary>
internal sealed class MetricFamily
{
    /// <summary>Beyond this a tag has too many values to be of use; what is new then is left out rather than filling memory.</summary>
    private const int MaxSeries = 2000;

    private static readonly double[] DefaultBounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
    private static readonly Comparer<KeyValuePair<string, object?>> ByTagName =
        Comparer<KeyValuePair<string, object?>>.Create((a, b) => string.CompareOrdinal(a.Key, b.Key));

    private readonly Lock _lock = new();
    private readonly Dictionary<int, List<MetricSeries>> _byHash = [];
    private readonly List<MetricSeries> _series = [];
    private MetricSeries? _latest, _before;
    private readonly string _help;
    private readonly MetricKind _kind;
    private readonly bool _isObservable;
    private readonly bool _isAbsolute;
    private readonly double[] _bounds;

    public MetricFamily(Instrument instrument)
    {
        var type = instrument.GetType();
        var generic = type.IsGenericType ? type.GetGenericTypeDefinition() : null;
        _isObservable = instrument.IsObservable;
        _kind = generic == typeof(Histogram<>) ? MetricKind.Histogram
            : generic == typeof(Counter<>) || generic == typeof(ObservableCounter<>) ? MetricKind.Counter
            : MetricKind.Gauge;
        _isAbsolute = generic == typeof(Gauge<>);
        _bounds = instrument is Histogram<double> { Advice.HistogramBucketBoundaries: { } bounds } ? [.. bounds] : DefaultBounds;
        _help = instrument.Description ?? instrument.Name;
        Name = PrometheusText.Name(instrument.Name, instrument.Unit, _kind);
    }

    public string Name { get; }

    /// <summary>An observable instrument says its whole state at each scrape: what it no longer mentions is gone.</summary>
    public void BeginObservation()
    {
        if (!_isObservable)
            return;
        lock (_lock)
        {
            _series.Clear();
            _byHash.Clear();
            _latest = _before = null;
        }
    }

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        lock (_lock)
        {
            if (Find_NeedsLock(tags) is not { } series)
                return;
            series.Sum = _isAbsolute ? value : series.Sum + value;
            series.Count++;
            if (series.Buckets is { } buckets)
            {
                var bucket = Array.BinarySearch(_bounds, value);
                buckets[bucket >= 0 ? bucket : ~bucket]++;
            }
        }
    }

    /// <summary>HELP, TYPE and a line a series; nothing while there is no series.</summary>
    public void Write(StringBuilder text)
    {
        lock (_lock)
        {
            if (_series.Count == 0)
                return;
            text.Append("# HELP ").Append(Name).Append(' ').Append(PrometheusText.Help(_help)).Append('\n');
            text.Append("# TYPE ").Append(Name).Append(' ').Append(_kind switch
            {
                MetricKind.Counter => "counter",
                MetricKind.Histogram => "histogram",
                _ => "gauge",
            }).Append('\n');
            foreach (var series in _series)
            {
                if (series.Buckets is { } buckets)
                    WriteHistogram(text, series, buckets);
                else
                    PrometheusText.Line(text, Name, "", series.Labels, "", series.Sum);
            }
        }
    }

    private void WriteHistogram(StringBuilder text, MetricSeries series, long[] buckets)
    {
        long below = 0;
        for (var i = 0; i < buckets.Length; i++)
        {
            below += buckets[i];
            var bound = i < _bounds.Length ? _bounds[i].ToString("R", CultureInfo.InvariantCulture) : "+Inf";
            PrometheusText.Line(text, Name, "_bucket", series.Labels, $"le=\"{bound}\"", below);
        }

        PrometheusText.Line(text, Name, "_sum", series.Labels, "", series.Sum);
        PrometheusText.Line(text, Name, "_count", series.Labels, "", series.Count);
    }

    private MetricSeries? Find_NeedsLock(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        // Most measurements are like one of the two before (a connection is idle and active in turns), and comparing costs a fraction of hashing.
        if (_latest is { } latest && Same(latest.Tags, tags))
            return latest;
        if (_before is { } before && Same(before.Tags, tags))
        {
            (_latest, _before) = (before, _latest);
            return before;
        }
        var hash = default(HashCode);
        foreach (var (key, value) in tags)
        {
            hash.Add(key);
            hash.Add(value);
        }

        ref var candidates = ref CollectionsMarshal.GetValueRefOrAddDefault(_byHash, hash.ToHashCode(), out _);
        candidates ??= [];
        foreach (var candidate in candidates)
        {
            if (Same(candidate.Tags, tags))
            {
                (_latest, _before) = (candidate, _latest);
                return candidate;
            }
        }

        if (_series.Count >= MaxSeries)
            return null;
        var series = Series_NeedsLock(tags);
        candidates.Add(series);
        return series;
    }

    /// <summary>The same tags in another order, or values that are written alike, are the same series to Prometheus.</summary>
    private MetricSeries Series_NeedsLock(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var sorted = tags.ToArray();
        Array.Sort(sorted, ByTagName);
        var labels = PrometheusText.Labels(sorted);
        var series = _series.Find(s => s.Labels == labels);
        if (series is null)
            _series.Add(series = new MetricSeries(labels, _kind == MetricKind.Histogram ? new long[_bounds.Length + 1] : null));
        series.Tags = tags.ToArray();
        return series;
    }

    private static bool Same(KeyValuePair<string, object?>[] a, ReadOnlySpan<KeyValuePair<string, object?>> b)
    {
        if (a.Length != b.Length)
            return false;
        for (var i = 0; i < a.Length; i++)
        {
            if (a[i].Key != b[i].Key || !Equals(a[i].Value, b[i].Value))
                return false;
        }

        return true;
    }

    /// <summary>Guarded by the family's lock. Counters and gauges have their value in <see cref="Sum"/>.</summary>
    private sealed class MetricSeries(string labels, long[]? buckets)
    {
        public string Labels { get; } = labels;

        public long[]? Buckets { get; } = buckets;

        public KeyValuePair<string, object?>[] Tags { get; set; } = [];

        public double Sum { get; set; }

        public long Count { get; set; }
    }
}

internal enum MetricKind
{
    Counter,

    /// <summary>Also what goes up and down.</summary>
    Gauge,
    Histogram,
}
