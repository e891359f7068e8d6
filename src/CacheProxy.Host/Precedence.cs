using System.Globalization;
using System.Runtime;
using System.Runtime.InteropServices;
using System.Text;
using CacheProxy.Sockets;
using Microsoft.Win32.SafeHandles;

namespace CacheProxy.Host;

/// <summary>Who comes first where threads want the same core: the event loops, then all others, and last the one that collects all of the heap.</summary>
/// <remarks>
/// A collection ends with the waking of everybody it has stopped, by a thread that still holds what whoever needs new memory waits for: an event loop, mostly. The system
/// prefers who has slept: on a busy core those who were woken pushed that loop aside, in the middle of it, and one of them, mostly the collector's background thread, took a
/// slice of five milliseconds before it came back. So all but the loops are told to push nobody aside (SCHED_BATCH, sched(7)). They need no rights for it.
/// </remarks>
internal sealed partial class Precedence : IHostedService, IDisposable
{
    /// <summary>Threads come and go.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    /// <summary>Who is an event loop has a name that begins with this.</summary>
    public const string Loop = EventLoop.ThreadName;

    /// <summary>The collector's background thread, as the runtime calls it.</summary>
    public const string Collector = ".NET BGC";

    /// <summary>SCHED_OTHER.</summary>
    public const int Other = 0;

    /// <summary>SCHED_BATCH.</summary>
    public const int Batch = 3;

    /// <summary>More than the process has. On a core that another thread wants as well, three parts of ten are left: the collector comes to its end in time.</summary>
    public const int CollectorNiceness = 4;

    private const int Process = 0; // PRIO_PROCESS: on Linux a thread
    private const int Nicest = 19;
    private const int LongestName = 16; // with the line's end

    private readonly bool _isChosen = OperatingSystem.IsLinux() && sched_getscheduler(Environment.ProcessId) != Other;
    private readonly ITimer _timer;

    public Precedence(TimeProvider time) => _timer = time.CreateTimer(_ => Tick(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <summary>The server collector has threads of its own, which nobody should hold up.</summary>
    public static bool IsOfUse => OperatingSystem.IsLinux() && !GCSettings.IsServerGC;

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

    /// <summary>
    /// Has all threads of now stand back but the loops; where there are no loops, the collector's alone. Where it is not allowed they stay as they are, and so they do
    /// with a policy that somebody has chosen, for one of them or for the process.
    /// </summary>
    public void Apply()
    {
        var threads = ThreadsToPlace();
        var hasLoops = threads.Exists(thread => IsLoop(thread.Name));
        foreach (var (thread, name) in threads)
            if (name == Collector)
                StandBack(thread);
            else if (hasLoops)
                SetPolicy(thread, IsLoop(name) ? Other : Batch); // a thread begins with the policy of the one that has started it
    }

    /// <summary>Has the collector's background thread stand back, if there is one.</summary>
    public void ApplyToCollector()
    {
        foreach (var (thread, name) in ThreadsToPlace())
            if (name == Collector)
                StandBack(thread);
    }

    /// <summary>The threads of the process, by their numbers in the system.</summary>
    public static IEnumerable<(int Thread, string Name)> Threads()
    {
        foreach (var thread in Directory.EnumerateDirectories("/proc/self/task"))
            if (NameOf(thread) is { } name)
                yield return (int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture), name);
    }

    private List<(int Thread, string Name)> ThreadsToPlace()
    {
        if (!OperatingSystem.IsLinux() || _isChosen)
            return [];
        try
        {
            var threads = Threads().ToList();
            return threads.Exists(thread => thread.Thread == Environment.ProcessId) ? threads : []; // else they are numbers of another namespace
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return []; // no /proc, or no descriptor left
        }
    }

    private void Tick()
    {
        Apply();
        _timer.Change(Interval, Timeout.InfiniteTimeSpan);
    }

    private static bool IsLoop(string name) => name.StartsWith(Loop, StringComparison.Ordinal);

    private static void StandBack(int collector)
    {
        SetPolicy(collector, Batch);
        _ = setpriority(Process, collector, Math.Min(getpriority(Process, Environment.ProcessId) + CollectorNiceness, Nicest));
    }

    internal static void SetPolicy(int thread, int policy)
    {
        var priority = 0;
        var current = sched_getscheduler(thread);
        if (current is Other or Batch && current != policy)
            _ = sched_setscheduler(thread, policy, ref priority);
    }

    private static string? NameOf(string thread)
    {
        try
        {
            using SafeFileHandle file = File.OpenHandle(Path.Combine(thread, "comm"));
            Span<byte> name = stackalloc byte[LongestName];
            return Encoding.UTF8.GetString(name[..RandomAccess.Read(file, name, 0)].TrimEnd((byte)'\n'));
        }
        catch (IOException)
        {
            return null; // it has ended
        }
    }

    [LibraryImport("libc")]
    private static partial int sched_getscheduler(int thread);

    [LibraryImport("libc")]
    private static partial int sched_setscheduler(int thread, int policy, ref int priority);

    [LibraryImport("libc")]
    private static partial int getpriority(int which, int who);

    [LibraryImport("libc")]
    private static partial int setpriority(int which, int who, int niceness);
}
