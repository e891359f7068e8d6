using System.Globalization;

namespace CacheProxy.Checker;

/// <summary>The clients: each a session that does one thing after the other, on any node, and reads often what it has just written.</summary>
internal sealed class Load(Client client, Settings settings)
{
    /// <summary>Items 1 to 60 are written, 61 to 64 are left to the probes; what is created and deleted again comes after.</summary>
    public const int Seeded = 64, Written = 60, PageSize = 20, Pages = 5;

    private const int FewestCreated = 20;

    /// <summary>How long a token is worth sending: as long as the cookie of the same purpose lives. Until a pending one has aged, it is sent in place of later ones.</summary>
    private static readonly TimeSpan TokenLifetime = TimeSpan.FromSeconds(2), PendingLifetime = TimeSpan.FromSeconds(60);

    private readonly Lock _lock = new();
    private readonly List<int> _created = [];
    private readonly List<Operation>[] _history = [.. Enumerable.Range(0, settings.Sessions).Select(_ => new List<Operation>())];
    private readonly List<Purge> _purges = [];
    private int _highest = Seeded;
    private int _done, _write;
    private int _deleting;

    public int Done => Volatile.Read(ref _done);

    public IReadOnlyList<Operation> History => [.. _history.SelectMany(session => session)];

    public IReadOnlyList<Purge> Purges => _purges;

    /// <summary>Whoever purges everything, or counts what a purge of one thing costs, is alone.</summary>
    public SemaphoreSlim PurgingAll { get; } = new(1);

    /// <summary>Sessions with even numbers bring their tokens; the others show what one sees without.</summary>
    public static bool SendsTokens(int session) => session % 2 == 0;

    public static string PathOf(Act act, int target) => act switch
    {
        Act.List => string.Create(CultureInfo.InvariantCulture, $"/items?page={target}&pageSize={PageSize}"),
        Act.Create => "/items",
        _ => string.Create(CultureInfo.InvariantCulture, $"/items/{target}"),
    };

    public Task RunAsync(CancellationToken stop) =>
        Task.WhenAll(Enumerable.Range(0, settings.Sessions).Select(session => Task.Run(() => RunSessionAsync(session, stop), CancellationToken.None)));

    public void Acknowledged(Purge purge)
    {
        lock (_lock)
            _purges.Add(purge);
    }

    private async Task RunSessionAsync(int session, CancellationToken stop)
    {
        var random = new Random(settings.Seed * 1000 + session);
        var tags = new Dictionary<int, (string Tag, int Version)>();
        var next = new Queue<int>(); // items to be read back
        string? token = null;
        var (tokenUntil, pendingUntil) = (0L, 0L);
        while (!stop.IsCancellationRequested)
        {
            var choice = random.Next(1000);
            if (choice < 8)
            {
                await PurgeAsync(random);
                continue;
            }
            var operation = new Operation { Session = session, Node = random.Next(Cluster.Size) };
            string? condition = null;
            if (next.TryDequeue(out var target))
                (operation.Act, operation.Target) = (Act.Read, target);
            else
                condition = Choose(operation, choice, random, tags);
            if (!operation.IsWrite && SendsTokens(session))
                operation.Token = Clock.Now < pendingUntil ? "pending" : Clock.Now < tokenUntil ? token : null;
            await client.RunAsync(operation, condition);
            _history[session].Add(operation);
            Interlocked.Increment(ref _done);

            if (operation is { Act: not Act.List, Entity: { } entity })
                tags[operation.Target] = (entity, operation.Items[0].Version);
            operation.Entity = null;
            if (operation.Act == Act.Delete)
                Volatile.Write(ref _deleting, 0);
            if (!operation.IsWrite)
            {
                if (operation.Status is 0 or >= 500)
                    await Task.Delay(20, CancellationToken.None); // the node may be gone: nobody hammers it
                continue;
            }
            if (operation.Succeeded)
            {
                if (operation.Token == "pending")
                    pendingUntil = Clock.Now + Clock.Ticks(PendingLifetime);
                else
                    (token, tokenUntil) = (operation.Token, Clock.Now + Clock.Ticks(TokenLifetime));
                Settle(operation);
            }
            if (operation.Target > 0 && random.Next(10) < 7)
            {
                next.Enqueue(operation.Target);
                next.Enqueue(operation.Target);
            }
        }
    }

    private string? Choose(Operation operation, int choice, Random random, Dictionary<int, (string Tag, int Version)> tags)
    {
        if (choice < 60)
        {
            operation.Write = Interlocked.Increment(ref _write);
            (operation.Act, operation.Target) = (Act.Replace, AnyItem(random));
            if (choice < 25 && tags.TryGetValue(operation.Target, out var known))
            {
                operation.Condition = known.Version;
                return known.Tag;
            }
        }
        else if (choice < 75)
        {
            operation.Write = Interlocked.Increment(ref _write);
            lock (_lock)
                (operation.Act, operation.Target) = _created.Count > FewestCreated && Interlocked.Exchange(ref _deleting, 1) == 0 ? (Act.Delete, _created[0]) : (Act.Create, 0);
        }
        else if (choice < 190)
        {
            (operation.Act, operation.Target) = (Act.List, 1 + random.Next(Pages));
        }
        else if (choice < 300)
        {
            lock (_lock) // what is there, what was there a moment ago, and what is to be created next
                (operation.Act, operation.Target) = (Act.Read, Math.Max(Seeded + 1, _highest + 3 - random.Next(FewestCreated + 20)));
        }
        else
        {
            (operation.Act, operation.Target) = (Act.Read, AnyItem(random));
        }
        return null;
    }

    /// <summary>Low numbers more often than high ones.</summary>
    private static int AnyItem(Random random)
    {
        var part = random.NextDouble();
        return 1 + (int)(Written * part * part);
    }

    private void Settle(Operation write)
    {
        lock (_lock)
        {
            if (write.Act == Act.Create)
            {
                _created.Add(write.Target);
                _highest = Math.Max(_highest, write.Target);
            }
            else if (write.Act == Act.Delete)
            {
                _created.Remove(write.Target);
            }
        }
    }

    private async Task PurgeAsync(Random random)
    {
        var item = AnyItem(random);
        (string? Path, object Order) chosen = random.Next(40) switch
        {
            0 => (null, new { all = true }),
            < 10 => (PathOf(Act.Read, item), new { group = $"item:{item}", origin = $"http://{Cluster.Host}" }),
            < 20 => (PathOf(Act.List, 1 + item % Pages), new { url = $"http://{Cluster.Host}{PathOf(Act.List, 1 + item % Pages)}" }),
            < 30 => (PathOf(Act.Read, item), new { url = $"http://{Cluster.Host}{PathOf(Act.Read, item)}", strength = "invalid" }),
            _ => (PathOf(Act.Read, item), new { url = $"http://{Cluster.Host}{PathOf(Act.Read, item)}" }),
        };
        var (path, order) = chosen;
        if (path is null && !await PurgingAll.WaitAsync(0))
            return;
        try
        {
            var start = Clock.Now;
            if (await client.PurgeAsync(random.Next(Cluster.Size), order) == true)
                Acknowledged(new Purge(start, Clock.Now, path, IsHard: !order.ToString()!.Contains("invalid", StringComparison.Ordinal)));
        }
        finally
        {
            if (path is null)
                PurgingAll.Release();
        }
    }
}
