using System.Diagnostics.Metrics;
using CacheProxy.Diagnostics;
using CacheProxy.Http;
using CacheProxy.Pipeline;
using CacheProxy.Policy;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Tests.Diagnostics;

public sealed class CacheMetricsTests : IDisposable
{
    private static readonly Outcome Hit = new(CacheResult.Hit, TimeToLive: TimeSpan.FromSeconds(5));
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly CacheMetrics _metrics;

    public CacheMetricsTests() => _metrics = new CacheMetrics(_services.GetRequiredService<IMeterFactory>());

    public void Dispose() => _services.Dispose();

    [Fact]
    public void Every_combination_is_counted_for_itself()
    {
        var all = (from result in Enum.GetValues<CacheResult>()
                   from forward in Enum.GetValues<ForwardReason>()
                   from stored in new[] { false, true }
                   from collapsed in new[] { false, true }
                   select new Outcome(result, forward, stored, Collapsed: collapsed)).ToArray();
        foreach (var (index, outcome) in all.Index())
            for (var i = 0; i <= index; i++)
                _metrics.Record(outcome, 10);
        _metrics.Outcomes().ShouldBe(all.Select((o, i) => (o, (long)i + 1, (i + 1) * 10L)));
    }

    [Fact]
    public void No_count_is_lost_when_threads_meet_on_one_stripe()
    {
        var counters = new OutcomeCounters(stripes: 1);
        var together = new Barrier(4);
        var threads = Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            together.SignalAndWait();
            for (var i = 0; i < 1_000_000; i++)
                counters.Add(Hit, 3);
        })).ToArray();
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();
        var only = counters.Read().ShouldHaveSingleItem();
        (only.Requests, only.BodyBytes).ShouldBe((4_000_000, 12_000_000));
    }

    [Fact]
    public void Counting_a_hit_allocates_nothing()
    {
        _metrics.Record(Hit, 1);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10_000; i++)
            _metrics.Record(Hit, 1);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Fact]
    public void Instruments_are_seen_by_Prometheus_with_their_units()
    {
        using var exporter = new PrometheusExporter(_services.GetRequiredService<IMeterFactory>(), _metrics);
        _metrics.Observe(() => new StoreFigures(4096, 3, 2));
        _metrics.Record(new Outcome(CacheResult.Miss, ForwardReason.VaryMiss, Stored: true, StoreReason: StoreReason.DefaultLifetime), 512);
        _metrics.FetchEnded(_metrics.FetchStarted(), FetchResult.NotModified);
        _metrics.FetchStarted();
        _metrics.Invalidated("url");
        var text = exporter.Scrape();
        var lines = text.Split('\n');
        lines.ShouldContain("# TYPE cacheproxy_requests_total counter");
        lines.ShouldContain("cacheproxy_requests_total{cache_collapsed=\"false\",cache_forward_reason=\"vary-miss\",cache_result=\"miss\",cache_stored=\"true\"} 1");
        lines.ShouldContain("cacheproxy_sent_bytes_total{cache_result=\"miss\"} 512");
        lines.ShouldContain("cacheproxy_store_decisions_total{cache_store_reason=\"default_lifetime\"} 1");
        lines.ShouldContain("cacheproxy_store_size_bytes 4096");
        lines.ShouldContain("cacheproxy_store_entries 3");
        lines.ShouldContain("cacheproxy_store_evictions_total 2");
        lines.ShouldContain("cacheproxy_fetch_active 1");
        lines.ShouldContain("# TYPE cacheproxy_fetch_duration_seconds histogram");
        lines.ShouldContain("cacheproxy_fetch_duration_seconds_count{fetch_result=\"not_modified\"} 1");
        lines.ShouldContain("cacheproxy_invalidations_total{invalidation_kind=\"url\"} 1");
        exporter.Scrape().ShouldContain("cacheproxy_store_size_bytes 4096\n", customMessage: "what is observed is said anew, not added up");
    }
}
