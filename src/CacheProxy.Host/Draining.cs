using CacheProxy.Admin;
using CacheProxy.Diagnostics;
using CacheProxy.Wire;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace CacheProxy.Host;

/// <summary>
/// The time between being asked to stop and no longer listening: readiness is off, so that load balancers look elsewhere; connections are
/// still accepted, because they need a while to notice; and each connection ends with its next response, which says so
/// (<c>Connection: close</c>, on HTTP/2 GOAWAY), so that no client sends a request into a connection that is being closed.
/// </summary>
internal sealed class Draining(Readiness readiness, IServiceProvider services, TimeProvider time, ILogger<Draining> log)
{
    /// <summary>
    /// Without a connection for so long, nobody is coming. Not at the first moment without one: clients that were told to close are then
    /// about to connect again, and would find their new connection closed under their request.
    /// </summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(500);

    private volatile bool _isDraining;
    private int _opened;
    private int _closed;
    private Func<object, Task>? _lastLook;

    /// <summary>Counts open connections; a step of each connection.</summary>
    public async Task TrackAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        Interlocked.Increment(ref _opened);
        try
        {
            await next(connection);
        }
        finally
        {
            Interlocked.Increment(ref _closed);
        }
    }

    /// <summary>
    /// Takes a last look at each response as it starts: one whose request came before the signal must say close, too. The list of callbacks
    /// stays with the connection, so a request allocates nothing for this.
    /// </summary>
    public Task WatchAsync(HttpContext context, RequestDelegate next)
    {
        context.Response.OnStarting(_lastLook ??= LastLook, context);
        return next(context);
    }

    /// <summary>Drains, until <paramref name="limit"/> or until no connection is left and no other has come for a moment.</summary>
    public async Task DrainAsync(TimeSpan limit)
    {
        readiness.Drain();
        _isDraining = true;
        services.GetRequiredService<FastHits>().Stop(); // which would not say close
        Log.Draining(log, limit, Volatile.Read(ref _opened) - Volatile.Read(ref _closed));
        using var timeout = new CancellationTokenSource(limit, time);
        for (var quietAt = -1; !timeout.IsCancellationRequested;)
        {
            var closed = Volatile.Read(ref _closed);
            var opened = Volatile.Read(ref _opened);
            if (opened == closed && opened == quietAt)
                return;
            quietAt = opened == closed ? opened : -1;
            await Task.Delay(Quiet, time, timeout.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private Task LastLook(object state)
    {
        if (!_isDraining)
            return Task.CompletedTask;
        var context = (HttpContext)state;
        if (HttpProtocol.IsHttp11(context.Request.Protocol) || HttpProtocol.IsHttp10(context.Request.Protocol))
            context.Response.Headers.Connection = "close";
        else
            context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        return Task.CompletedTask;
    }
}
