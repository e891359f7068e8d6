using System.Globalization;

namespace CacheProxy.Checker;

/// <summary>What a history does not show: experiments with items that nobody writes.</summary>
internal sealed class Probes(Cluster cluster, Client client, Load load)
{
    public List<string> WorkBound { get; } = [];

    public List<string> Served { get; } = [];

    public int Rounds { get; private set; }

    public List<double> PurgeToApplied { get; } = [];

    public List<double> PurgeToVisible { get; } = [];

    public List<double> WriteToVisible { get; } = [];

    /// <summary>Again and again, while the clients are at work.</summary>
    public async Task RunAsync(bool countsFetches, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await load.PurgingAll.WaitAsync(CancellationToken.None);
            try
            {
                if (countsFetches)
                    await WorkBoundAsync(Load.PathOf(Act.Read, 61));
                await OriginDownAsync(Load.PathOf(Act.Read, 62));
                Rounds++;
            }
            catch (Exception away) when (away is HttpRequestException or TaskCanceledException)
            {
                // a node is gone for the moment
            }
            finally
            {
                cluster.Tap.Down.Clear();
                load.PurgingAll.Release();
            }
            await Task.Delay(500, CancellationToken.None);
        }
    }

    /// <summary>
    /// In quiet: from the beginning of a purge until it is answered, for all nodes have applied it; and of a purge, or a write, until each node has
    /// answered with what is new.
    /// </summary>
    public async Task MeasureAsync(int rounds, TimeSpan atMost)
    {
        var path = Load.PathOf(Act.Read, 63);
        var deadline = Clock.Now + Clock.Ticks(atMost);
        cluster.Tap.Holds = false;
        for (var round = -rounds; round < 10 * rounds && Clock.Now < deadline; round++)
        {
            var began = Clock.Now;
            if (await client.PurgeAsync(Math.Abs(round) % Cluster.Size, new { url = $"http://{Cluster.Host}{path}" }) == true && round >= 0)
                PurgeToApplied.Add(Clock.Milliseconds(Clock.Now - began));
        }
        for (var round = 0; round < rounds && Clock.Now < deadline; round++)
        {
            foreach (var node in cluster.ProxyAddresses)
                await client.GetAsync(node, path);
            var before = cluster.Tap.Last;
            var began = Clock.Now;
            var seen = cluster.ProxyAddresses.Select(node => UntilAsync(node, path, answer => answer.Fill > before, began)).ToArray();
            await client.PurgeAsync(round % Cluster.Size, new { url = $"http://{Cluster.Host}{path}" });
            PurgeToVisible.Add((await Task.WhenAll(seen)).Max());

            var write = new Operation { Act = Act.Replace, Target = 64, Node = round % Cluster.Size, Write = int.MaxValue - round };
            foreach (var node in cluster.ProxyAddresses)
                await client.GetAsync(node, Load.PathOf(Act.Read, 64));
            began = Clock.Now;
            seen = [.. cluster.ProxyAddresses.Select(node => UntilAsync(node, Load.PathOf(Act.Read, 64),
                answer => answer.Body.Contains($"\"{Seen.NameOf(write.Write)}\"", StringComparison.Ordinal), began))];
            await client.RunAsync(write);
            WriteToVisible.Add((await Task.WhenAll(seen)).Max());
        }
        PurgeToApplied.Sort();
        PurgeToVisible.Sort();
        WriteToVisible.Sort();
    }

    private async Task<double> UntilAsync(Uri node, string path, Func<(int Status, string Body, int Fill), bool> isNew, long began)
    {
        for (var deadline = Clock.Now + Clock.Ticks(TimeSpan.FromSeconds(20)); Clock.Now < deadline;)
        {
            if (isNew(await client.GetAsync(node, path)))
                return Clock.Milliseconds(Clock.Now - began);
        }
        return double.PositiveInfinity;
    }

    /// <summary>R8: after a purge, many readers on all nodes cost the origin at most one fetch a node.</summary>
    private async Task WorkBoundAsync(string path)
    {
        if (await client.PurgeAsync(0, new { url = $"http://{Cluster.Host}{path}" }) != true)
            return;
        var before = cluster.Tap.Last;
        await Task.WhenAll(Enumerable.Range(0, 30).Select(reader => client.GetAsync(cluster.ProxyAddresses[reader % Cluster.Size], path)));
        if (cluster.Tap.Count(path, before) is > Cluster.Size and var count)
            WorkBound.Add(string.Create(CultureInfo.InvariantCulture, $"{Clock.Text(Clock.Now)}: {count} fetches of {path} on {Cluster.Size} nodes after one purge"));
    }

    /// <summary>R9: what was purged hard is not served, also when the origin does not answer.</summary>
    private async Task OriginDownAsync(string path)
    {
        foreach (var node in cluster.ProxyAddresses)
            await client.GetAsync(node, path);
        var purged = Clock.Now;
        if (await client.PurgeAsync(1, new { url = $"http://{Cluster.Host}{path}" }) != true)
            return;
        cluster.Tap.Down[path] = true;
        foreach (var node in cluster.ProxyAddresses)
            if (await client.GetAsync(node, path) is { Status: 200 } answer && cluster.Tap.FillOf(answer.Fill).Arrived < purged)
                Served.Add($"{Clock.Text(Clock.Now)}: {node} serves {path} from fill {answer.Fill} though it was purged and the origin is down");
    }
}
