namespace AppHost;

/// <summary>All that runs. The first service that ends by itself is the end of the system.</summary>
internal sealed class RunningSystem : IAsyncDisposable
{
    private readonly List<RunningService> _services = [];

    public RunningService Start(Service service)
    {
        var running = new RunningService(service);
        _services.Add(running);
        return running;
    }

    /// <summary>Waits until every service can do its work.</summary>
    /// <exception cref="ServiceFailedException">One has ended, or is not there within the limit.</exception>
    public async Task UntilHealthyAsync(TimeSpan limit, CancellationToken stop)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = Timeout.InfiniteTimeSpan };
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        end.CancelAfter(limit);
        var oneEnded = UntilOneEndsAsync(end.Token);
        foreach (var service in _services)
        {
            try
            {
                await await Task.WhenAny(service.UntilHealthyAsync(client, end.Token), oneEnded);
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
                throw new ServiceFailedException(service);
            }
        }

        await end.CancelAsync();
        await oneEnded.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Waits for as long as all services run.</summary>
    /// <exception cref="ServiceFailedException">One has ended.</exception>
    public async Task UntilOneEndsAsync(CancellationToken stop)
    {
        var ends = _services.ToDictionary(service => service.UntilEndedAsync(stop));
        var first = await Task.WhenAny(ends.Keys);
        stop.ThrowIfCancellationRequested(); // Ctrl-C reaches the services, too: that is no failure of theirs
        throw new ServiceFailedException(ends[first]);
    }

    /// <summary>Ends all services, proxies before the API that they ask.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var service in Enumerable.Reverse(_services))
            await service.DisposeAsync();
    }
}

/// <summary>A service ended, or did not become healthy; the message has its last words.</summary>
internal sealed class ServiceFailedException(RunningService service) : Exception(service.Describe());
