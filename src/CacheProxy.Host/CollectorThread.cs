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
    public const int Policy = 3;

    /// <summary>Of -20 to 19. Where others want the core as well it has three parts of ten: enough to come to an end in time.</summary>
    public const int Niceness = 4;

    private const int Thread = 0;

    /// <summary>Its numbers in the system: one, or none when there is nothing to collect or the system is another.</summary>
    public static IEnumerable<int> Find()
    {
        const string threads = "/proc/self/task";
        if (!OperatingSystem.IsLinux())
            yield break;
        foreach (var thread in Directory.EnumerateDirectories(threads))
            if (NameOf(thread) == Name)
                yield return int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture);
    }

    /// <summary>Has it stand back. Where that is not allowed it stays as it is.</summary>
    public static void StandBack()
    {
        foreach (var thread in Find())
        {
            var priority = 0;
            _ = SetScheduler(thread, Policy, ref priority);
            _ = SetPriority(Thread, thread, Niceness);
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

    [LibraryImport("libc", EntryPoint = "sched_setscheduler")]
    private static partial int SetScheduler(int thread, int policy, ref int priority);

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, int who, int niceness);
}
