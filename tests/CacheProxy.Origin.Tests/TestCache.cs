using CacheProxy.Coherence;
using CacheProxy.Tests.Scenarios;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Origin.Tests;

/// <summary>A cache with a clock that moves by hand; several may share an order and a remote store, as the nodes of one system.</summary>
internal sealed class TestCache : IDisposable
{
    private readonly ServiceProvider _services;

    public TestCache(
        Action<OriginCacheOptions>? configure = null, CoherenceNode? node = null, FencedStore? remote = null, Action<IServiceCollection>? add = null)
    {
        Node = node ?? new CoherenceNode();
        var services = new ServiceCollection().AddSingleton<TimeProvider>(Time).AddSingleton(Node);
        if (remote is not null)
            services.AddSingleton<IRemoteStore>(remote);
        add?.Invoke(services);
        services.AddOriginCache(options =>
        {
            options.Default = options.Default with { Jitter = 0 };
            configure?.Invoke(options);
        });
        _services = services.BuildServiceProvider();
        Cache = _services.GetRequiredService<OriginCache>();
    }

    public ManualTime Time { get; } = new();

    public CoherenceNode Node { get; }

    public OriginCache Cache { get; }

    public IServiceProvider Services => _services;

    public void Dispose() => _services.Dispose();
}

/// <summary>A factory that counts how often it is asked, and gives each time the next number.</summary>
internal sealed class Source
{
    private int _calls;

    public int Calls => Volatile.Read(ref _calls);

    public ValueTask<string> NextAsync(CancellationToken cancellation) => new($"v{Interlocked.Increment(ref _calls)}");
}

/// <summary>A factory that stands still until it is told what to give.</summary>
internal sealed class HeldSource
{
    private readonly TaskCompletionSource<string> _value = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _calls;

    public int Calls => Volatile.Read(ref _calls);

    public Task Begun => _begun.Task;

    public CancellationToken Token { get; private set; }

    public void Give(string value) => _value.SetResult(value);

    public void Fail(Exception failure) => _value.SetException(failure);

    public async ValueTask<string> NextAsync(CancellationToken cancellation)
    {
        Token = cancellation;
        Interlocked.Increment(ref _calls);
        _begun.TrySetResult();
        return await _value.Task.WaitAsync(cancellation);
    }
}
