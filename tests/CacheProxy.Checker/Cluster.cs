using System.Globalization;
using CacheProxy.Coherence.Tests;

namespace CacheProxy.Checker;

/// <summary>All that is checked: three proxies, the tap, three APIs, PostgreSQL, and a Redis with a line to each proxy and API.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    public const int Size = 3;
    public const string AdminKey = "the-checkers-own-key";
    public const string Host = "items.test";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("checker-");

    public RedisServer Redis { get; private set; } = null!;

    public Postgres Database { get; } = new();

    public Tap Tap { get; private set; } = null!;

    public NodeProcess[] Apis { get; private set; } = [];

    public NodeProcess[] Proxies { get; private set; } = [];

    public Relay[] ApiLines { get; private set; } = [];

    public Relay[] ProxyLines { get; private set; } = [];

    public Uri[] ApiAddresses { get; } = [.. Enumerable.Range(0, Size).Select(_ => Address())];

    public Uri[] ProxyAddresses { get; } = [.. Enumerable.Range(0, Size).Select(_ => Address())];

    public Uri[] AdminAddresses { get; } = [.. Enumerable.Range(0, Size).Select(_ => Address())];

    public string Folder => _folder.FullName;

    public bool KeepsFolder { get; set; }

    public static async Task<Cluster> StartAsync(Settings settings)
    {
        // A free port may be taken by somebody else's connection before its server listens: then all begin anew with others.
        for (var attempt = 1; ; attempt++)
        {
            var cluster = new Cluster();
            try
            {
                await cluster.StartAllAsync(settings);
                return cluster;
            }
            catch (InvalidOperationException) when (attempt < 3)
            {
                await cluster.DisposeAsync();
            }
            catch
            {
                cluster.KeepsFolder = true;
                await cluster.DisposeAsync();
                throw;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Proxies.Concat(Apis))
            await node.DisposeAsync();
        if (Tap is not null)
            await Tap.DisposeAsync();
        foreach (var line in ProxyLines.Concat(ApiLines))
            await line.DisposeAsync();
        await Database.DisposeAsync();
        if (Redis is not null)
            await Redis.DisposeAsync();
        if (!KeepsFolder)
            _folder.Delete(recursive: true);
    }

    private async Task StartAllAsync(Settings settings)
    {
        await Database.CreateAsync();
        Redis = await RedisServer.StartAsync();
        ApiLines = [.. Enumerable.Range(0, Size).Select(_ => new Relay(Redis.Port))];
        ProxyLines = [.. Enumerable.Range(0, Size).Select(_ => new Relay(Redis.Port))];
        Apis = [.. Enumerable.Range(0, Size).Select(Api)];
        await Task.WhenAll(Apis.Select(api => api.StartAsync()));
        Tap = await Tap.StartAsync(ApiAddresses, settings.Seed);
        Proxies = [.. Enumerable.Range(0, Size).Select(node => Proxy(node, settings))];
        await Task.WhenAll(Proxies.Select(proxy => proxy.StartAsync()));
        await Task.Delay(500); // until each has found the order
    }

    private NodeProcess Api(int node) => new($"api-{node + 1}", "Items.Api", new Uri(ApiAddresses[node], "/health/"), Folder, new()
    {
        ["ASPNETCORE_URLS"] = ApiAddresses[node].ToString(),
        ["Items__Provider"] = "PostgreSql",
        ["ConnectionStrings__Items"] = Database.Connection,
        ["Items__Redis"] = $"127.0.0.1:{ApiLines[node].Port}",
        ["Items__Coherence__NodeName"] = $"api-{node + 1}",
        ["Items__Cache__PublicOrigins"] = $"http://{Host}",
        ["Items__Seed"] = Load.Seeded.ToString(CultureInfo.InvariantCulture),
        ["Logging__LogLevel__Default"] = "Warning",
    });

    private NodeProcess Proxy(int node, Settings settings)
    {
        var environment = new Dictionary<string, string>
        {
            ["ASPNETCORE_URLS"] = ProxyAddresses[node].ToString(),
            ["CacheProxy__Origin"] = string.Join(',', Tap.Addresses.Select(address => address.ToString())),
            ["CacheProxy__Admin__Port"] = AdminAddresses[node].Port.ToString(CultureInfo.InvariantCulture),
            ["CacheProxy__Admin__Address"] = "127.0.0.1",
            ["CacheProxy__Admin__Key"] = AdminKey,
            ["CacheProxy__Routes__origin__ReadYourWrites"] = "Field",
            ["CacheProxy__Coherence__NodeName"] = $"proxy-{node + 1}",
            ["CacheProxy__DrainTime"] = "00:00:00",
        };
        if (settings.Break != Broken.NoRedis || node != Size - 1)
            environment["CacheProxy__Coherence__Redis"] = $"127.0.0.1:{ProxyLines[node].Port}";
        if (settings.Break == Broken.Order)
            environment["CacheProxy__Coherence__KeyPrefix"] = $"alone-{node + 1}";
        return new($"proxy-{node + 1}", "CacheProxy.Host", new Uri(AdminAddresses[node], "/healthz/ready"), Folder, environment);
    }

    private static Uri Address() => new($"http://127.0.0.1:{RedisServer.FreePort()}");
}
