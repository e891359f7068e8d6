using System.Runtime;

namespace CacheProxy.Host;

/// <summary>
/// Has all of a large heap collected in the background every 15 seconds, so that nothing else does it in the foreground.
/// </summary>
/// <remarks>
/// The workstation collector of .NET 10 ends its background thread after 20 seconds without work. The full collection that comes next starts another one but does
/// not wait for it, and stops the process instead: 0.3 to 0.5 s with a million stored objects, where a background collection stops it for less than 10 ms, twice.
/// The runtime after it waits (dotnet/runtime issue 13238). What it costs is marking: milliseconds each time, half a second of a core with a million objects, by a
/// thread that stands back (<see cref="Precedence"/>).
/// </remarks>
internal sealed class BackgroundCollections : IHostedService, IDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Of the heap, in bytes. What is less is collected in a few milliseconds in the foreground as well, and is while a heap grows beyond it; an idle service
    /// is spared the 3 MiB that the background thread takes.
    /// </summary>
    public const long Large = 16 << 20;

    private readonly Precedence? _precedence;
    private readonly ITimer _timer;

    /// <param name="time">The clock.</param>
    /// <param name="precedence">Has the collector's thread stand back; <c>null</c>: nobody does.</param>
    public BackgroundCollections(TimeProvider time, Precedence? precedence = null)
    {
        _precedence = precedence;
        _timer = time.CreateTimer(_ => Collect(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whether this process has the collector that needs it.</summary>
    public static bool AreOfUse => Environment.Version.Major <= 10 && !GCSettings.IsServerGC && GCSettings.LatencyMode == GCLatencyMode.Interactive;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _timer.Change(Interval, Timeout.InfiniteTimeSpan);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _timer.Dispose();

    private void Collect()
    {
        if (GC.GetTotalMemory(forceFullCollection: false) >= Large)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
            _precedence?.ApplyToCollector(); // its thread may be new
        }
        _timer.Change(Interval, Timeout.InfiniteTimeSpan);
    }
}
