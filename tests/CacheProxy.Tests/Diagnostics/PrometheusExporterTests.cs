using System.Diagnostics.Metrics;
using CacheProxy.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Tests.Diagnostics;

public sealed class PrometheusExporterTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly Meter _meter;
    private readonly PrometheusExporter _exporter;

    public PrometheusExporterTests()
    {
        var meters = _services.GetRequiredService<IMeterFactory>();
        _meter = meters.Create("Microsoft.AspNetCore.Server.Kestrel");
        _exporter = new PrometheusExporter(meters, new CacheMetrics(meters));
    }

    public void Dispose()
    {
        _exporter.Dispose();
        _services.Dispose();
    }

    [Fact]
    public void Label_values_and_help_are_escaped()
    {
        _meter.CreateCounter<long>("x.escaped", null, "back\\slash\nline").Add(1, new KeyValuePair<string, object?>("a.b", "q\"\\\n"));
        Lines("x_escaped").ShouldBe([
            "# HELP x_escaped_total back\\\\slash\\nline",
            "# TYPE x_escaped_total counter",
            "x_escaped_total{a_b=\"q\\\"\\\\\\n\"} 1"]);
    }

    [Fact]
    public void Histogram_buckets_add_up()
    {
        var histogram = _meter.CreateHistogram<double>("x.time", "s", "Time.", advice: new() { HistogramBucketBoundaries = [1, 2.5] });
        foreach (var value in new[] { 0.5, 1, 2, 3, 4.0 })
            histogram.Record(value);
        Lines("x_time").ShouldBe([
            "# HELP x_time_seconds Time.",
            "# TYPE x_time_seconds histogram",
            "x_time_seconds_bucket{le=\"1\"} 2",
            "x_time_seconds_bucket{le=\"2.5\"} 3",
            "x_time_seconds_bucket{le=\"+Inf\"} 5",
            "x_time_seconds_sum 10.5",
            "x_time_seconds_count 5"]);
    }

    [Fact]
    public void The_same_tags_in_another_order_are_one_series()
    {
        var counter = _meter.CreateCounter<int>("x.order", null, "Order.");
        counter.Add(1, new KeyValuePair<string, object?>("a", 1), new("b", true));
        counter.Add(1, new KeyValuePair<string, object?>("b", true), new("a", 1));
        Lines("x_order").Last().ShouldBe("x_order_total{a=\"1\",b=\"true\"} 2");
    }

    [Fact]
    public void What_goes_up_and_down_is_a_gauge_and_a_gauge_keeps_its_last_value()
    {
        var level = _meter.CreateUpDownCounter<long>("x.level", null, "Level.");
        level.Add(5);
        level.Add(-2);
        var gauge = _meter.CreateGauge<double>("x.gauge", null, "Gauge.");
        gauge.Record(7);
        gauge.Record(3);
        Lines("x_level").Last().ShouldBe("x_level 3");
        Lines("x_gauge").ShouldBe(["# HELP x_gauge Gauge.", "# TYPE x_gauge gauge", "x_gauge 3"]);
    }

    [Fact]
    public void Tags_with_too_many_values_do_not_fill_memory()
    {
        var counter = _meter.CreateCounter<long>("x.many", null, "Many.");
        for (var i = 0; i < 5000; i++)
            counter.Add(1, new KeyValuePair<string, object?>("url", i));
        Lines("x_many").Length.ShouldBe(2 + 2000);
    }

    [Fact]
    public void A_measurement_seen_before_allocates_nothing()
    {
        var counter = _meter.CreateCounter<long>("x.free", null, "Free.");
        object status = 200;
        for (var i = 0; i < 10; i++)
            counter.Add(1, new KeyValuePair<string, object?>("status", status));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            counter.Add(1, new KeyValuePair<string, object?>("status", status));
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Fact]
    public void Meters_of_another_host_in_the_process_are_not_ours()
    {
        using var others = new ServiceCollection().AddMetrics().BuildServiceProvider();
        others.GetRequiredService<IMeterFactory>().Create("Microsoft.AspNetCore.Server.Kestrel").CreateCounter<long>("x.other").Add(1);
        Lines("x_other").ShouldBeEmpty();
    }

    private string[] Lines(string name) => [.. _exporter.Scrape().Split('\n').Where(l => l.Contains(name))];
}
