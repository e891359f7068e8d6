using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace CacheProxy.Checker;

/// <summary>Single experiments that a random run makes seldom, or small: one proxy is away from the order for long while much happens to the others.</summary>
internal sealed class Scenarios(Cluster cluster, Client client, TimeSpan bound)
{
    private const int Away = 0; // the proxy that it happens to

    public static IReadOnlyList<string> Names { get; } = ["cut", "stop"];

    /// <returns>What broke a rule.</returns>
    public Task<IReadOnlyCollection<string>> RunAsync(string name) => name == "cut" ? CutAsync(10_000, TimeSpan.FromSeconds(30)) : StopAsync(TimeSpan.FromSeconds(5));

    /// <summary>
    /// Cut off for 30 s while 10,000 stored responses are purged through the others. From each purge's acknowledgement on, and without a pause when the line
    /// is mended, no proxy serves what was asked of the API before the purge.
    /// </summary>
    private async Task<IReadOnlyCollection<string>> CutAsync(int count, TimeSpan least)
    {
        var broken = new ConcurrentQueue<string>();
        var (begun, done) = (new long[count], new long[count]); // of each purge
        await EachAsync(count, 32, async key =>
        {
            await client.GetAsync(cluster.ProxyAddresses[Away], PathOf(key));
            await client.GetAsync(cluster.ProxyAddresses[Away], PathOf(key));
        });
        var hits = 0;
        for (var key = 0; key < count; key += 100)
            hits += await IsFromAsync(key, cluster.Tap.Last) ? 1 : 0;
        Say($"{count} stored; of every hundredth {hits} are hits on proxy {Away + 1}");

        cluster.ProxyLines[Away].Cut();
        var cut = Stopwatch.StartNew();
        var (acknowledged, read) = (0, 0);
        using var mended = new CancellationTokenSource();
        var reading = Task.Run(async () =>
        {
            for (var random = new Random(1); !mended.IsCancellationRequested; read++)
                await ReadAsync(Away, random.Next(count));
        });
        await Task.Delay(3 * bound); // the others know that it is out of touch
        await EachAsync(count, 200, async key => // each takes the staleness bound, for there is a node that is out of touch
        {
            Volatile.Write(ref begun[key], Clock.Now);
            if (await client.PurgeAsync(1 + (key % (Cluster.Size - 1)), new { url = $"http://{Cluster.Host}{PathOf(key)}" }) != true)
                return;
            Volatile.Write(ref done[key], Clock.Now);
            Interlocked.Increment(ref acknowledged);
        });
        Say($"{count} purges, {acknowledged} of them acknowledged as complete, after {cut.Elapsed.TotalSeconds:0.0} s");
        if (least - cut.Elapsed is { Ticks: > 0 } left)
            await Task.Delay(left);
        cluster.ProxyLines[Away].Mend();
        Say($"mended after {cut.Elapsed.TotalSeconds:0.0} s");
        await EachAsync(count, 32, key => ReadAsync(Away, key)); // it is out of touch, then in touch, meanwhile
        await mended.CancelAsync();
        await reading;
        await Task.Delay(5 * bound); // what was not acknowledged is in effect by now as well
        done = [.. begun];
        for (var node = 0; node < Cluster.Size; node++)
        {
            var on = node;
            await EachAsync(count, 32, key => ReadAsync(on, key));
        }
        Say($"{read} reads on proxy {Away + 1} while it was cut off, {4 * count} after");
        if (hits < 90 || acknowledged < count / 2)
            broken.Enqueue($"the experiment shows nothing: {hits} hits before, {acknowledged} purges acknowledged");
        return broken;

        async Task ReadAsync(int node, int key)
        {
            var start = Clock.Now;
            var answer = await client.GetAsync(cluster.ProxyAddresses[node], PathOf(key));
            var (from, to) = (Volatile.Read(ref begun[key]), Volatile.Read(ref done[key]));
            if (answer.Status != 200)
                broken.Enqueue($"{Clock.Text(start)} availability: proxy {node + 1} answers {PathOf(key)} with {answer.Status}");
            else if (to != 0 && to < start && cluster.Tap.FillOf(answer.Fill).Arrived < from)
                broken.Enqueue($"{Clock.Text(start)} R4: proxy {node + 1} serves {PathOf(key)} of {Clock.Text(cluster.Tap.FillOf(answer.Fill).Arrived)}, purged at {Clock.Text(from)}");
        }

        async Task<bool> IsFromAsync(int key, int last) => (await client.GetAsync(cluster.ProxyAddresses[Away], PathOf(key))).Fill <= last;
    }

    /// <summary>Stopped (SIGSTOP) for longer than the bound while others write; what it answers, also to what was asked of it meanwhile, is no older than that.</summary>
    private async Task<IReadOnlyCollection<string>> StopAsync(TimeSpan time)
    {
        const int items = 20;
        var writes = new ConcurrentQueue<Operation>();
        var reads = new ConcurrentQueue<(int Item, int Version, long Start)>();
        var end = new CancellationTokenSource();
        var number = 0;
        var writing = Task.WhenAll(Enumerable.Range(0, 2).Select(writer => Task.Run(async () =>
        {
            for (var turn = writer; !end.IsCancellationRequested; turn += 2)
            {
                var write = new Operation { Act = Act.Replace, Target = 1 + (turn % items), Node = 1 + (turn % (Cluster.Size - 1)), Write = Interlocked.Increment(ref number) };
                await client.RunAsync(write);
                if (write.Succeeded)
                    writes.Enqueue(write);
            }
        })));
        var reading = Task.WhenAll(Enumerable.Range(0, 8).Select(reader => Task.Run(async () =>
        {
            for (var item = reader; !end.IsCancellationRequested; item++)
                await ReadAsync(1 + (item % items));
        })));
        await Task.Delay(1000);
        for (var round = 0; round < 5; round++)
        {
            cluster.Proxies[Away].Pause();
            await Task.Delay(time);
            cluster.Proxies[Away].Resume();
            await Task.WhenAll(Enumerable.Range(1, items).Select(ReadAsync));
            await Task.Delay(500);
        }
        await end.CancelAsync();
        await Task.WhenAll(writing, reading);
        Say($"stopped 5 times for {time.TotalSeconds:0} s; {writes.Count} writes through the others, {reads.Count} reads on proxy {Away + 1}");

        var broken = new List<string>();
        var worst = 0.0;
        foreach (var (item, version, start) in reads)
        {
            if (writes.Where(write => write.Target == item && write.Items[0].Version > version && write.End < start).MinBy(write => write.End) is not { } missed)
                continue;
            worst = Math.Max(worst, Clock.Milliseconds(start - missed.End));
            if (start - missed.End > Clock.Ticks(bound))
                broken.Add($"{Clock.Text(start)} R3: shows {item}@{version}, {Clock.Milliseconds(start - missed.End):0} ms after {missed}");
        }
        Say(string.Create(CultureInfo.InvariantCulture, $"the oldest answer was {worst:0.0} ms behind"));
        if (writes.Count < 50 || reads.Count < 200)
            broken.Add($"the experiment shows nothing: {writes.Count} writes, {reads.Count} reads");
        return broken;

        async Task ReadAsync(int item)
        {
            var start = Clock.Now;
            var (status, body, _) = await client.GetAsync(cluster.ProxyAddresses[Away], Load.PathOf(Act.Read, item));
            if (status == 200)
                reads.Enqueue((item, Seen.Of(JsonDocument.Parse(body).RootElement).Version, start));
        }
    }

    /// <summary>As many URLs as one likes that the API answers: it takes no notice of a query there.</summary>
    private static string PathOf(int key) => string.Create(CultureInfo.InvariantCulture, $"/items/{1 + (key % Load.Written)}?key={key}");

    private static Task EachAsync(int count, int atOnce, Func<int, Task> act) =>
        Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = atOnce }, async (key, _) => await act(key));

    private static void Say(string what) => Console.WriteLine($"{Clock.Text(Clock.Now)} {what}");
}
