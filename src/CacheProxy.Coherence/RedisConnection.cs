using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace CacheProxy.Coherence;

/// <summary>
/// The one connection to Redis. Every call has an end and gives <c>null</c> for any trouble. After a few failures in a row the breaker opens:
/// requests do not ask at all then, until a heartbeat has been answered.
/// </summary>
internal sealed class RedisConnection(CoherenceOptions options, TimeProvider time, ILogger log, CoherenceMetrics? metrics) : IAsyncDisposable
{
    private const int FailuresToOpen = 3;

    private readonly CancellationTokenSource _stopping = new();
    private ConnectionMultiplexer? _redis;
    private Task _connecting = Task.CompletedTask;
    private int _failures;
    private int _isAway;

    /// <summary>What one call may take while a request waits.</summary>
    public TimeSpan CallTimeout { get; } = options.CallTimeout;

    public bool IsOpen => Volatile.Read(ref _failures) >= FailuresToOpen || Volatile.Read(ref _redis) is null;

    /// <summary>Begins to connect, and goes on trying; subscribes when it has.</summary>
    public void Start(IReadOnlyList<string> channels, Action ring) => _connecting = ConnectAsync(channels, ring);

    /// <summary>Runs a script on behalf of a request; not while the breaker is open.</summary>
    public ValueTask<RedisResult?> RequestAsync(string call, string script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellation)
    {
        if (!IsOpen)
            return CallAsync(call, db => db.ScriptEvaluateAsync(script, keys, arguments), CallTimeout, isHeartbeat: false, cancellation);
        metrics?.Called(call, "skipped");
        return default;
    }

    /// <summary>Runs a script after all that was sent before, whatever the breaker says; what comes of it nobody is told.</summary>
    public void Send(string script, RedisKey[] keys, RedisValue[] arguments) =>
        Volatile.Read(ref _redis)?.GetDatabase().ScriptEvaluateAsync(script, keys, arguments, CommandFlags.FireAndForget);

    /// <summary>Runs a script whatever the breaker says, and closes it if that goes well.</summary>
    public ValueTask<RedisResult?> HeartbeatAsync(string call, string script, RedisKey[] keys, RedisValue[] arguments, TimeSpan budget) =>
        CallAsync(call, db => db.ScriptEvaluateAsync(script, keys, arguments), budget, isHeartbeat: true, CancellationToken.None);

    /// <summary>Part of a string; a box, for an empty string is an answer too.</summary>
    public ValueTask<byte[]?> ReadRangeAsync(RedisKey key, long from, long to, TimeSpan budget) =>
        CallAsync("marks", async db => (byte[]?)await db.StringGetRangeAsync(key, from, to) ?? [], budget, isHeartbeat: true, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _connecting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _redis?.Dispose();
        _stopping.Dispose();
    }

    private async ValueTask<T?> CallAsync<T>(string name, Func<IDatabase, Task<T>> call, TimeSpan budget, bool isHeartbeat, CancellationToken cancellation)
        where T : class
    {
        if (Volatile.Read(ref _redis) is not { } redis)
            return Failed<T>(name, "unreachable", reason: null); // what keeps it from connecting is said when that is known
        try
        {
            var db = redis.GetDatabase();
            Task<T> answer;
            try
            {
                answer = call(db);
                var result = await answer.WaitAsync(budget, time, cancellation);
                return Succeeded(name, result, isHeartbeat);
            }
            catch (RedisServerException exception) when (exception.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
            {
                return Succeeded(name, await call(db).WaitAsync(budget, time, cancellation), isHeartbeat); // Redis has restarted: sends the text again
            }
        }
        catch (TimeoutException)
        {
            return Failed<T>(name, "timeout", $"no answer within {budget}");
        }
        catch (OperationCanceledException)
        {
            metrics?.Called(name, "cancelled"); // the caller's will, not Redis' trouble
            return null;
        }
        catch (RedisConnectionException exception)
        {
            return Failed<T>(name, "unreachable", exception.Message);
        }
        catch (Exception exception) // an error answer (out of memory, read only), or the client's own trouble
        {
            return Failed<T>(name, "error", exception.Message);
        }
    }

    private T Succeeded<T>(string name, T result, bool isHeartbeat)
    {
        metrics?.Called(name, "ok");
        if (!isHeartbeat && Volatile.Read(ref _failures) >= FailuresToOpen)
            return result; // a straggler
        Volatile.Write(ref _failures, 0);
        if (Volatile.Read(ref _isAway) != 0 && Interlocked.Exchange(ref _isAway, 0) != 0)
            Log.RedisBack(log);
        return result;
    }

    private T? Failed<T>(string name, string result, string? reason)
        where T : class
    {
        metrics?.Called(name, result);
        if (Interlocked.Increment(ref _failures) >= FailuresToOpen && reason is not null && Interlocked.Exchange(ref _isAway, 1) == 0)
            Log.RedisAway(log, reason);
        return null;
    }

    private async Task ConnectAsync(IReadOnlyList<string> channels, Action ring)
    {
        await Task.Yield();
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                if (_redis is null)
                    Volatile.Write(ref _redis, await OpenAsync(ring));
                foreach (var channel in channels)
                    await _redis.GetSubscriber().SubscribeAsync(channel, (_, _) => ring()).WaitAsync(TimeSpan.FromSeconds(5), time);
                ring();
                return; // the client keeps connection and subscriptions alive from here on
            }
            catch (Exception exception)
            {
                Failed<object>("connect", "unreachable", exception.Message);
            }
            await Task.Delay(TimeSpan.FromSeconds(1), time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<ConnectionMultiplexer> OpenAsync(Action ring)
    {
        var configuration = ConfigurationOptions.Parse(options.Redis);
        configuration.AbortOnConnectFail = false;
        configuration.ClientName ??= options.KeyPrefix;
        if (options.RedisCertificate is { } validation)
            configuration.CertificateValidation += validation;
        var redis = await ConnectionMultiplexer.ConnectAsync(configuration);
#pragma warning disable CS0618 // without effect in 2.x; 1.x would run all completions one after another
        redis.PreserveAsyncOrder = false;
#pragma warning restore CS0618
        redis.ConnectionRestored += (_, _) => ring();
        return redis;
    }
}
