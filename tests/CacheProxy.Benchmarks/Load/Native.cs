using System.Runtime.InteropServices;

namespace CacheProxy.Benchmarks.Load;

/// <summary>The calls to Linux that the load generator makes: .NET's own sockets would cost it more than they cost the server.</summary>
internal static partial class Native
{
    public const int DontWait = 0x40;

    /// <summary>With <c>recv</c> on TCP: what arrived is thrown away instead of copied.</summary>
    public const int Discard = 0x20;

    private const int Add = 1;
    private const int Readable = 1;
    private const int TimerSlack = 29;

    /// <summary>Size of <c>struct epoll_event</c>, which x64 alone packs; the last 8 bytes are the caller's number.</summary>
    private static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    public static int CreateEpoll() => epoll_create1(0);

    public static void Watch(int epoll, int socket, int number)
    {
        Span<byte> entry = stackalloc byte[EventSize];
        entry.Clear();
        MemoryMarshal.Write(entry, Readable);
        MemoryMarshal.Write(entry[(EventSize - 8)..], (long)number);
        if (epoll_ctl(epoll, Add, socket, ref MemoryMarshal.GetReference(entry)) != 0)
            throw new InvalidOperationException($"epoll_ctl: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    /// <summary>Waits until a watched socket can be read, and writes the numbers of those that can.</summary>
    public static int Wait(int epoll, Span<int> numbers, TimeSpan timeout)
    {
        Span<byte> entries = stackalloc byte[EventSize * numbers.Length];
        var time = new TimeSpec(timeout.Ticks / TimeSpan.TicksPerSecond, timeout.Ticks % TimeSpan.TicksPerSecond * 100);
        var count = epoll_pwait2(epoll, ref MemoryMarshal.GetReference(entries), numbers.Length, time, 0);
        for (var i = 0; i < count; i++)
            numbers[i] = (int)MemoryMarshal.Read<long>(entries[((i * EventSize) + EventSize - 8)..]);
        return Math.Max(count, 0); // below 0: a signal came
    }

    /// <returns>How many bytes were sent; below 0: none.</returns>
    public static nint Send(int socket, ReadOnlySpan<byte> bytes) => send(socket, ref MemoryMarshal.GetReference(bytes), bytes.Length, DontWait);

    /// <returns>How many bytes came; 0: the other side has closed; below 0: none now, or an error.</returns>
    public static nint Receive(int socket, Span<byte> bytes, int flags) =>
        recv(socket, ref MemoryMarshal.GetReference(bytes), bytes.Length, flags | DontWait);

    /// <summary>Binds the calling thread, and those that it makes, to one core; lets its timers fire to the microsecond.</summary>
    public static void Pin(int core)
    {
        var mask = 1UL << core;
        if (sched_setaffinity(0, sizeof(ulong), mask) != 0)
            throw new InvalidOperationException($"sched_setaffinity: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    public static void SharpTimers() => _ = prctl(TimerSlack, 1);

    private readonly record struct TimeSpec(long Seconds, long Nanoseconds);

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int epoll_ctl(int epoll, int operation, int socket, ref byte entry);

    [LibraryImport("libc", EntryPoint = "epoll_pwait2")]
    private static partial int epoll_pwait2(int epoll, ref byte entries, int count, in TimeSpec timeout, nint signals);

    [LibraryImport("libc", EntryPoint = "send")]
    private static partial nint send(int socket, ref readonly byte bytes, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "recv")]
    private static partial nint recv(int socket, ref byte bytes, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "sched_setaffinity", SetLastError = true)]
    private static partial int sched_setaffinity(int thread, nint size, in ulong mask);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int prctl(int option, nuint value);
}
