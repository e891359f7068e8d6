using CacheProxy.Diagnostics;

namespace CacheProxy.Host;

/// <summary>The end of the process, in the order that Program tells.</summary>
internal static class Shutdown
{
    /// <summary>Completes at SIGTERM, SIGINT or SIGQUIT.</summary>
    public static Task StopRequestedAsync(this WebApplication app)
    {
        var requested = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        app.Lifetime.ApplicationStopping.Register(() => requested.TrySetResult());
        return requested.Task;
    }

    /// <summary>Stops listening, lets requests in flight finish, and after <paramref name="limit"/> cuts them off.</summary>
    public static async Task StopWithinAsync(this WebApplication app, TimeSpan limit, ILogger log)
    {
        Log.Stopping(log, limit);
        using var timeout = new CancellationTokenSource(limit);
        try
        {
            await app.StopAsync(timeout.Token);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
        }

        if (timeout.IsCancellationRequested)
            Log.ShutdownCutOff(log, limit);
        Log.Stopped(log);
    }
}
