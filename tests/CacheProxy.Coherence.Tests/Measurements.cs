using System.Diagnostics;

namespace CacheProxy.Coherence.Tests;

/// <summary>Figures, not assertions; only run when asked for: <c>-explicit only -class "*.Measurements" -showLiveOutput</c>, Release build.</summary>
public sealed class Measurements(ITestOutputHelper output)
{
    [Fact(Explicit = true)]
    public async Task Over_a_real_Redis_on_this_machine()
    {
        await using var server = await RedisServer.StartAsync();
        var nodes = new CoherenceNode[3];
        for (var i = 0; i < nodes.Length; i++)
            await (nodes[i] = CoherenceNode.Create(new CoherenceOptions { Redis = server.Address, CallTimeout = TimeSpan.FromSeconds(1) })).StartAsync(CancellationToken.None);
        await server.ExecuteAsync("HSET", "{cacheproxy}:nodes", "", "0");
        var find = nodes[0].Store!;
        RemoteItem Item(int i) => new("", new byte[4096], [Tag.Of($"url:{i}"), Tag.Of("group:x"), Tag.Of("group:y")], nodes[0].Standing.Shared);
        await MeasureAsync("purge until all 3 nodes have applied it", 2000, async i =>
            (await nodes[i % 3].InvalidateAsync(new Invalidation(MarkStrength.Hard, [$"url:{i}"]), TimeSpan.FromSeconds(1), CancellationToken.None)).Nodes.ShouldAllBe(n => n.State == NodeState.Applied));
        await MeasureAsync("invalidation, nobody waited for", 2000, async i =>
            await nodes[i % 3].InvalidateAsync(new Invalidation(MarkStrength.Hard, [$"url:{i}"]), TimeSpan.Zero, CancellationToken.None));
        await MeasureAsync("STORE, 4 KiB, 3 tags", 2000, async i => (await find.StoreAsync($"{i}", Item(i), null, TimeSpan.FromMinutes(1), CancellationToken.None)).ShouldBeTrue());
        await MeasureAsync("FIND, found", 2000, async i => (await find.FindAsync($"{i}", null, CancellationToken.None)).Kind.ShouldBe(RemoteFindKind.Found));
        await MeasureAsync("FIND, missing, with a lease", 2000, async i => (await find.FindAsync($"m{i}", $"m{i}", CancellationToken.None)).Kind.ShouldBe(RemoteFindKind.Missing));
        foreach (var node in nodes)
            await node.DisposeAsync();
    }

    [Fact(Explicit = true)]
    public async Task Fence_check_when_nothing_has_changed()
    {
        var node = new CoherenceNode();
        await node.InvalidateAsync(new Invalidation(MarkStrength.Hard, ["a"]), TimeSpan.Zero, CancellationToken.None);
        var fence = new Fence("key", [Tag.Of("b"), Tag.Of("c")], node.Standing.Local);
        for (var round = 0; round < 4; round++)
        {
            var began = Stopwatch.GetTimestamp();
            var found = 0;
            for (var i = 0; i < 100_000_000; i++)
                found += (int)fence.Check(node);
            var checks = Stopwatch.GetElapsedTime(began).TotalNanoseconds / 100_000_000;
            began = Stopwatch.GetTimestamp();
            for (var i = 0; i < 100_000_000; i++)
                found += i & 1;
            output.WriteLine($"Fence.Check: {checks:0.00} ns, the loop alone {Stopwatch.GetElapsedTime(began).TotalNanoseconds / 100_000_000:0.00} ns ({found})");
        }
    }

    private async Task MeasureAsync(string what, int count, Func<int, Task> act)
    {
        for (var i = 0; i < count / 10; i++)
            await act(count + i);
        var times = new double[count];
        for (var i = 0; i < count; i++)
        {
            var began = Stopwatch.GetTimestamp();
            await act(i);
            times[i] = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        }
        Array.Sort(times);
        output.WriteLine($"{what}: p50 {times[count / 2]:0.00} ms, p99 {times[count * 99 / 100]:0.00} ms, longest {times[^1]:0.00} ms ({count} times)");
    }
}
