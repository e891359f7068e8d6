namespace CacheProxy.Checker;

/// <summary>What goes wrong, one after the other, each for a while; then calm.</summary>
internal sealed class Faults(Cluster cluster, Settings settings)
{
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(3);

    private readonly Random _random = new(settings.Seed);

    public static IReadOnlyList<string> Names { get; } =
        ["redis-stop", "redis-kill", "redis-flush", "cut", "hold", "doorbells", "api-cut", "proxy-stop", "api-kill", "api-kill-unpublished", "postgres-restart"];

    /// <summary>What was done, and when.</summary>
    public List<(string Name, long From, long To)> Done { get; } = [];

    /// <summary>Writes in the outbox when an API was killed before it could publish them.</summary>
    public long Unpublished { get; private set; }

    /// <summary>How often each has been there.</summary>
    public int Rounds => settings.Faults.Length == 0 ? 1 : Done.Count / settings.Faults.Length;

    public async Task RunAsync(CancellationToken stop)
    {
        for (var turn = 0; settings.Faults.Length > 0; turn++)
        {
            await Task.Delay(Calm, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stop.IsCancellationRequested)
                return;
            var name = settings.Faults[turn % settings.Faults.Length];
            var node = _random.Next(Cluster.Size);
            var from = Clock.Now;
            Console.WriteLine($"{Clock.Text(from)} {name} {node + 1}");
            await DoAsync(name, node);
            Done.Add((name, from, Clock.Now));
        }
    }

    private async Task DoAsync(string name, int node)
    {
        switch (name)
        {
            case "redis-stop":
                cluster.Redis.Pause();
                await Task.Delay(3000);
                cluster.Redis.Resume();
                break;
            case "redis-kill":
                await cluster.Redis.KillAsync();
                await Task.Delay(_random.Next(2000));
                await cluster.Redis.StartAsync();
                break;
            case "redis-flush":
                await cluster.Redis.ExecuteAsync("FLUSHALL");
                break;
            case "cut":
                cluster.ProxyLines[node].Cut();
                await Task.Delay(5000);
                cluster.ProxyLines[node].Mend();
                break;
            case "hold":
                cluster.ProxyLines[node].Hold();
                await Task.Delay(3000);
                cluster.ProxyLines[node].Mend();
                break;
            case "doorbells":
                foreach (var line in cluster.ProxyLines.Concat(cluster.ApiLines))
                    line.LoseDoorbells();
                await Task.Delay(5000);
                foreach (var line in cluster.ProxyLines.Concat(cluster.ApiLines))
                    line.Mend();
                break;
            case "api-cut":
                cluster.ApiLines[node].Cut();
                await Task.Delay(5000);
                cluster.ApiLines[node].Mend();
                break;
            case "proxy-stop":
                cluster.Proxies[node].Pause();
                await Task.Delay(3000);
                cluster.Proxies[node].Resume();
                break;
            case "api-kill":
                await cluster.Apis[node].KillAsync();
                await cluster.Apis[node].StartAsync();
                break;
            case "api-kill-unpublished": // while Redis stands still, what is committed cannot be published
                cluster.Redis.Pause();
                await Task.Delay(700);
                await cluster.Apis[node].KillAsync();
                Unpublished += await cluster.Database.CountOutboxAsync();
                cluster.Redis.Resume();
                await cluster.Apis[node].StartAsync();
                break;
            case "postgres-restart":
                await cluster.Database.StopAsync();
                await cluster.Database.StartAsync();
                break;
            default:
                throw new ArgumentException(name);
        }
    }
}
