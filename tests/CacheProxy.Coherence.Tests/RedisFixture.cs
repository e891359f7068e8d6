namespace CacheProxy.Coherence.Tests;

/// <summary>One server for the tests that do it no harm; each test has a prefix of its own.</summary>
public sealed class RedisFixture : IAsyncLifetime
{
    public RedisServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await RedisServer.StartAsync();

    public ValueTask DisposeAsync() => Server.DisposeAsync();

    public static string NewPrefix() => $"t{Random.Shared.NextInt64():x}";
}
