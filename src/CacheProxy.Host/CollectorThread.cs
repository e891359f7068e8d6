using System.Globalization;
using System.Runtime.InteropServices;

namespace CacheProxy.Host;

/// <summary>The thread that collects all of the heap in the background.</summary>
/// <remarks>
/// A collection of young objects that comes meanwhile stops it like all others, and wakes it before them. The system prefers who has slept, so on a busy core
/// it took a slice of milliseconds while everybody else stood still: half of such a pause. On Linux it is told to stand back (sched(7)).
/// </remarks>
internal static partial class CollectorThread
{
    /// <summary>As the runtime calls it.</summary>
    public const string Name = ".NET BGC";

    /// <summary>SCHED_BATCH: it pushes nobody aside when it wakes.</summary>
    public const int Batch = 3;

    /// <summary>More than the process has. On a core that another thread wants as well it gets three parts of ten: it comes to its end in time.</summary>
    public const int Niceness = 4;

    private const int Other = 0; // SCHED_OTHER
    private const int Process = 0; // PRIO_PROCESS: on Linux a thread
    private const int Nicest = 19;

    /// <summary>Its number in the system: none where it has not begun, or the system is another.</summary>
    public static IEnumerable<int> Find()
    {
        if (!OperatingSystem.IsLinux())
            yield break;
        foreach (var thread in Directory.EnumerateDirectories("/proc/self/task"))
            if (NameOf(thread) == Name)
                yield return int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture);
    }

    /// <summary>Has it stand back. Where that is not allowed it stays as it is, and so it does where somebody has given it another policy.</summary>
    public static void StandBack()
    {
        try
        {
            foreach (var thread in Find())
            {
                if (sched_getscheduler(thread) != Other)
                    continue;
                var priority = 0;
                _ = sched_setscheduler(thread, Batch, ref priority);
                _ = setpriority(Process, thread, Math.Min(getpriority(Process, 0) + Niceness, Nicest));
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // no /proc, or no descriptor left
        }
    }

    private static string? NameOf(string thread)
    {
        try
        {
            return File.ReadAllText(Path.Combine(thread, "comm")).TrimEnd('\n');
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
