using CacheProxy.Origin.Groups;
using CacheProxy.Origin.Workers;
using CacheProxy.Tests.Scenarios;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Origin.Tests;

public sealed class BackgroundReadsTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"warm-{Guid.NewGuid():n}.txt");
    private readonly List<string> _loaded = [];
    private int _failing;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => File.Delete(_file);

    [Fact]
    public async Task Start_reads_the_top_keys_of_the_last_run_and_those_of_the_options()
    {
        using (var last = Cache())
        {
            var kind = last.Services.GetRequiredService<EntryKind<string>>();
            for (var i = 0; i < 10_000; i++)
                await last.Cache.GetAsync(kind, i % 2 == 0 ? "hot" : $"{i}", Cancellation);
            await Reads(last).KeepAsync();
        }
        (await File.ReadAllLinesAsync(_file, Cancellation))[0].ShouldBe("k:hot");
        _loaded.Clear();

        using var next = Cache(options => options.WarmKeys.Add("k:listed"));
        _failing = 1;
        await File.WriteAllLinesAsync(_file, ["k:hot", "unknown:1", "rubbish", "", "k:fails"], Cancellation);
        await Reads(next).WarmAsync(Cancellation);
        _loaded.ShouldBe(["hot", "fails", "listed"]);
        await next.Cache.GetAsync(next.Services.GetRequiredService<EntryKind<string>>(), "hot", Cancellation);
        _loaded.Count.ShouldBe(3);
    }

    [Fact]
    public async Task Warming_keeps_to_its_rate_and_can_be_stopped()
    {
        using var test = Cache(options =>
        {
            options.BackgroundReadsPerSecond = 10;
            for (var i = 0; i < 100; i++)
                options.WarmKeys.Add($"k:{i}");
        });
        using var stop = new CancellationTokenSource();
        var warming = Reads(test).WarmAsync(stop.Token);
        await Eventually.TrueAsync(() => test.Time.PendingTimers == 1, "it pauses");
        _loaded.Count.ShouldBeLessThanOrEqualTo(10);
        test.Time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.TrueAsync(() => test.Time.PendingTimers == 1, "it pauses again");
        _loaded.Count.ShouldBeInRange(11, 20);
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(warming);
    }

    [Fact]
    public async Task Hot_keys_are_refreshed_before_they_end_and_others_are_not()
    {
        using var test = Cache(options => options.HotKeys = 1);
        var kind = test.Services.GetRequiredService<EntryKind<string>>();
        for (var i = 0; i < 1000; i++)
            await test.Cache.GetAsync(kind, i % 4 == 0 ? "cold" : "hot", Cancellation);
        _loaded.Clear();
        Reads(test).RefreshHotKeys().ShouldBe(0);
        test.Time.Advance(TimeSpan.FromSeconds(81));
        Reads(test).RefreshHotKeys().ShouldBe(1);
        Reads(test).RefreshHotKeys().ShouldBe(0);
        await Eventually.TrueAsync(() => _loaded.Count == 1, "it is read");
        _loaded.ShouldBe(["hot"]);
    }

    [Fact]
    public async Task File_that_cannot_be_used_is_no_failure()
    {
        using var test = Cache(options => options.WarmFile = "/proc/none/warm.txt");
        await Reads(test).WarmAsync(Cancellation);
        await Reads(test).KeepAsync();
    }

    private TestCache Cache(Action<OriginCacheOptions>? configure = null) => new(
        options =>
        {
            options.WarmFile = _file;
            configure?.Invoke(options);
        },
        add: services => services.AddBackgroundReads().AddEntryKind(new EntryKind<string>(
            "k", new EntryPolicy { Lifetime = TimeSpan.FromSeconds(100), RefreshAt = 0.8, Jitter = 0 },
            (_, id, _) =>
            {
                lock (_loaded)
                    _loaded.Add(id);
                return id == "fails" && _failing > 0 ? throw new TimeoutException() : new("v");
            },
            id => [new Group(id)])));

    private static BackgroundReads Reads(TestCache test) => test.Services.GetServices<Microsoft.Extensions.Hosting.IHostedService>().OfType<BackgroundReads>().Single();
}
