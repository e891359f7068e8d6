using CacheProxy.Coherence;
using CacheProxy.Origin.Groups;
using CacheProxy.Origin.Outbox;
using CacheProxy.Tests.Scenarios;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace CacheProxy.Origin.Tests;

internal sealed class Thing
{
    public long Id { get; set; }

    public string Name { get; set; } = "";

    public string Shelf { get; set; } = "";

    public long Version { get; set; } = 1;

    public List<Part> Parts { get; } = [];
}

internal sealed class Part
{
    public long Id { get; set; }

    public long ThingId { get; set; }

    public string Name { get; set; } = "";
}

/// <summary>Has no groups.</summary>
internal sealed class Note
{
    public long Id { get; set; }

    public string Text { get; set; } = "";
}

internal sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
{
    public DbSet<Thing> Things => Set<Thing>();

    public DbSet<Part> Parts => Set<Part>();

    public DbSet<Note> Notes => Set<Note>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        var thing = modelBuilder.Entity<Thing>();
        thing.HasCacheGroups(t => $"thing:{t.Id}", all: "things", version: t => t.Version);
        thing.Property(t => t.Version).IsConcurrencyToken();
        modelBuilder.Entity<Part>().HasCacheGroups(p => $"part:{p.Id}", all: "parts");
        modelBuilder.Entity<Note>();
        modelBuilder.HasCacheOutbox();
    }
}

/// <summary>A database with a cache before it, and everything that is published to the order.</summary>
internal sealed class Shop : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"shop-{Guid.NewGuid():n}.db");
    private readonly bool _isOwner;

    public Shop(string? file = null, Action<OriginCacheOptions>? configure = null, FencedStore? remote = null, CoherenceNode? node = null)
    {
        _isOwner = file is null;
        _file = file ?? _file;
        var services = new ServiceCollection().AddSingleton<TimeProvider>(Time).AddLogging();
        if (node is not null)
            services.AddSingleton(node);
        if (remote is not null)
            services.AddSingleton<IRemoteStore>(remote);
        _services = services.AddOriginCache(options =>
            {
                options.Default = options.Default with { Jitter = 0 };
                configure?.Invoke(options);
            })
            .AddDbContext<ShopContext>((provider, builder) => builder.UseSqlite($"Data Source={_file};Pooling=False").UseCacheGroups(provider))
            .AddCacheOutbox<ShopContext>()
            .BuildServiceProvider();
        Node.OnApplied += invalidation => Published.Add(string.Join(' ', invalidation.Tags));
        using var scope = _services.CreateScope();
        scope.ServiceProvider.GetRequiredService<ShopContext>().Database.EnsureCreated();
    }

    public ManualTime Time { get; } = new();

    public string File => _file;

    public CoherenceNode Node => _services.GetRequiredService<CoherenceNode>();

    public OriginCache Cache => _services.GetRequiredService<OriginCache>();

    public OutboxQueue Queue => _services.GetRequiredService<OutboxQueue>();

    public OutboxWorker Worker => _services.GetServices<IHostedService>().OfType<OutboxWorker>().Single();

    public IServiceProvider Services => _services;

    /// <summary>The tags of each invalidation.</summary>
    public List<string> Published { get; } = [];

    public async Task<T> WithAsync<T>(Func<ShopContext, Task<T>> work)
    {
        await using var scope = _services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<ShopContext>());
    }

    public Task WithAsync(Func<ShopContext, Task> work) => WithAsync(async shop =>
    {
        await work(shop);
        return 0;
    });

    /// <summary>Groups that a piece of work is seen to read.</summary>
    public async Task<string> ReadsAsync(Func<ShopContext, Task> work)
    {
        using var scope = CacheScope.Begin();
        await WithAsync(work);
        return string.Join(' ', scope.Read.AsRead().Select(group => group.Name));
    }

    public Task<int> OutboxAsync() => WithAsync(shop => shop.Set<OutboxRow>().CountAsync());

    public Task FillAsync(int count) => WithAsync(async shop =>
    {
        for (var i = 1; i <= count; i++)
            shop.Add(new Thing { Name = $"thing {i}", Shelf = i % 2 == 0 ? "even" : "odd", Parts = { new Part { Name = "p" } } });
        await shop.SaveChangesAsync();
        await Worker.LookAsync(false, default);
        Published.Clear();
    });

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        if (_isOwner)
            System.IO.File.Delete(_file);
    }
}
