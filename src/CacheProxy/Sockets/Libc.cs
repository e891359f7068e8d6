using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace CacheProxy.Sockets;

/// <summary>The system calls of Linux that <see cref="EventLoop"/> and its connections rest on. None of them waits but <see cref="Wait"/>.</summary>
internal static unsafe partial class Libc
{
    public const uint In = 0x1, Out = 0x4, Error = 0x8, Hangup = 0x10, PeerHangup = 0x2000, EdgeTriggered = 1u << 31;
    public const int DontWait = 0x40, Peek = 0x2;
    public const int TryAgain = 11;
    private const int Truncate = 0x20, NoSignal = 0x4000, Interrupted = 4, BadDescriptor = 9, Add = 1, CloseOnExec = 0x80000;

    // struct epoll_event is packed on x86-64 alone.
    private static readonly int DataAt = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;

    /// <summary>Of one event, in bytes.</summary>
    public static int EventSize => DataAt + sizeof(long);

    public static uint EventsOf(byte* @event) => *(uint*)@event;

    public static long DataOf(byte* @event) => *(long*)(@event + DataAt);

    public static int NewEpoll() => epoll_create1(CloseOnExec);

    public static bool Watch(int epoll, SafeSocketHandle socket, uint events, long data)
    {
        var @event = stackalloc byte[16];
        *(uint*)@event = events;
        *(long*)(@event + DataAt) = data;
        return epoll_ctl(epoll, Add, socket, @event) == 0;
    }

    /// <returns>How many; -1 at a failure.</returns>
    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    public static partial int Wait(int epoll, byte* events, int room, int milliseconds);

    /// <returns>How many bytes; negative: the error's number; 0 where the socket is closed, as at the end.</returns>
    public static int Receive(SafeSocketHandle socket, Span<byte> bytes, int flags)
    {
        fixed (byte* start = bytes)
            return Receive(socket, start, bytes.Length, flags);
    }

    /// <summary>Throws away what has come.</summary>
    public static void Drop(SafeSocketHandle socket, int most) => Receive(socket, null, most, Truncate | DontWait);

    /// <returns>How many bytes; negative: the error's number.</returns>
    public static int Send(SafeSocketHandle socket, ReadOnlySpan<byte> bytes)
    {
        try
        {
            fixed (byte* start = bytes)
            {
                int result;
                while (!IsOver(send(socket, start, bytes.Length, DontWait | NoSignal), out result))
                    continue;
                return result;
            }
        }
        catch (ObjectDisposedException)
        {
            return -BadDescriptor;
        }
    }

    /// <summary>Sends what lies in several places.</summary>
    /// <returns>How many bytes; negative: the error's number.</returns>
    public static int Send(SafeSocketHandle socket, Span<Vector> vectors)
    {
        try
        {
            fixed (Vector* start = vectors)
            {
                var message = new Message { Vectors = start, Count = vectors.Length };
                int result;
                while (!IsOver(sendmsg(socket, &message, DontWait | NoSignal), out result))
                    continue;
                return result;
            }
        }
        catch (ObjectDisposedException)
        {
            return -BadDescriptor;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int epoll, int operation, SafeSocketHandle socket, byte* @event);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(SafeSocketHandle socket, byte* bytes, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(SafeSocketHandle socket, byte* bytes, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(SafeSocketHandle socket, Message* message, int flags);

    /// <summary>Whether the call came to its end, and was not interrupted.</summary>
    private static bool IsOver(nint returned, out int result)
    {
        result = returned >= 0 ? (int)returned : -Marshal.GetLastPInvokeError();
        return result != -Interrupted;
    }

    private static int Receive(SafeSocketHandle socket, byte* start, int length, int flags)
    {
        try
        {
            int result;
            while (!IsOver(recv(socket, start, length, flags), out result))
                continue;
            return result;
        }
        catch (ObjectDisposedException)
        {
            return 0;
        }
    }

    /// <summary>struct iovec.</summary>
    public struct Vector
    {
        public nint Start;
        public nint Length;
    }

    /// <summary>struct msghdr, as 64-bit systems have it.</summary>
    private struct Message
    {
#pragma warning disable CS0649 // zero
        public nint Name;
        public nint NameLength;
        public Vector* Vectors;
        public nint Count;
        public nint Control;
        public nint ControlLength;
        public nint Flags;
#pragma warning restore CS0649
    }
}
