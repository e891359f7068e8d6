namespace CacheProxy.Coherence.Tests.Checker;

/// <summary>One node's connection to the model of Redis: takes time, loses questions and answers, and can be cut.</summary>
internal sealed class ModelLink(Simulation simulation, ModelRedis redis, int owner, long budget) : IOrder
{
    private Action _ring = () => { };

    public bool IsInProcess => false;

    public bool IsReachable => !IsCut;

    /// <summary>Nothing gets through.</summary>
    public bool IsCut { get; set; }

    /// <summary>Of questions, answers and doorbells, how many get lost.</summary>
    public double Loss { get; set; }

    public ValueTask StartAsync(string node, Action ring)
    {
        _ring = ring;
        return default;
    }

    public async ValueTask<OrderAnswer?> ExchangeAsync(OrderQuestion question) => await CallAsync(() => redis.Exchange(question));

    public async ValueTask<byte[]?> ReadMarksAsync(MarkStrength strength) => await CallAsync(() => redis.ReadMarks(strength));

    public ValueTask LeaveAsync(string node) => default;

    public ValueTask DisposeAsync() => default;

    /// <summary>Doorbells may come late, twice or never.</summary>
    public void Bell()
    {
        for (var times = simulation.Random.Next(10) == 0 ? 2 : 1; times > 0; times--)
            if (!IsLost)
                simulation.In(Delay, owner, _ring);
    }

    /// <summary>One round trip; <c>null</c> when it took too long.</summary>
    public Task<T?> CallAsync<T>(Func<T> act)
        where T : class
    {
        var answer = new TaskCompletionSource<T?>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!IsLost)
            simulation.In(Delay, -1, () =>
            {
                if (IsCut)
                    return;
                var result = act();
                if (!IsLost)
                    simulation.In(Delay, owner, () => answer.TrySetResult(result));
            });
        simulation.In(budget, owner, () => answer.TrySetResult(null));
        return answer.Task;
    }

    private bool IsLost => IsCut || (Loss > 0 && simulation.Random.NextDouble() < Loss);

    private long Delay => simulation.Random.Next(20) == 0 ? Simulation.Milliseconds(simulation.Random.Next(1, 12)) : simulation.Random.Next(500, 5000);
}

/// <summary>The store over that connection, with the rules of <see cref="RedisStore"/> on when a node may use it.</summary>
internal sealed class ModelStore(Simulation simulation, ModelRedis redis, ModelLink link, Safeguards on, long leaseTime) : IRemoteStore
{
    public CoherenceNode Node { get; set; } = null!;

    private bool MayShare => !on.HasFlag(Safeguards.Heartbeat) || Node.MayShare;

    public async ValueTask<RemoteFind> FindAsync(string key, string? lease, CancellationToken cancellation)
    {
        if (!MayShare)
            return default;
        var (token, place) = (simulation.Random.NextInt64(1, long.MaxValue), Node.Place);
        var found = await link.CallAsync<object>(() => redis.Find(key, lease, token, leaseTime, place)) is RemoteFind find ? find : default;
        if (found.Kind == RemoteFindKind.Unavailable)
            Node.Ring();
        return found;
    }

    public async ValueTask<bool> StoreAsync(string key, RemoteItem item, RemoteLease? lease, TimeSpan lifetime, CancellationToken cancellation)
    {
        if (!MayShare)
            return false;
        var place = Node.Place;
        return await link.CallAsync<object>(() => redis.Store(key, item, lease, place)) is true;
    }

    public ValueTask<bool> StoreIfNewerAsync(string key, RemoteItem item, TimeSpan lifetime, CancellationToken cancellation) => throw new NotSupportedException();

    public ValueTask ReleaseAsync(string key, RemoteLease lease, CancellationToken cancellation) => default;
}
