using System.Net.Sockets;

namespace CacheProxy.Wire;

/// <summary>
/// One thread that waits for the sockets of its connections, and runs what they wake: reading, answering and sending happen on it unless something
/// has to be waited for. As many as there are cores, shared by all listeners of the process, and there as long as it is.
/// </summary>
internal sealed unsafe class EventLoop
{
    private const int Room = 256;

    private static readonly EventLoop?[] Loops = new EventLoop?[Environment.ProcessorCount];
    private static uint _turn;

    private readonly int _epoll;
    private readonly Stack<int> _free = new();
    private EventConnection?[] _connections = new EventConnection?[64];
    private int _count;

    private EventLoop(int number)
    {
        _epoll = Libc.NewEpoll();
        if (_epoll < 0)
            throw new SocketException();
        new Thread(Run, 512 << 10) { IsBackground = true, Name = $"CacheProxy sockets {number}" }.UnsafeStart();
    }

    /// <summary>The loops take turns.</summary>
    public static EventLoop Next()
    {
        var number = (int)(Interlocked.Increment(ref _turn) % (uint)Loops.Length);
        if (Volatile.Read(ref Loops[number]) is { } loop)
            return loop;
        lock (Loops)
            return Loops[number] ??= new EventLoop(number);
    }

    /// <summary>Watches a connection from now on. A socket that is closed is watched no more by itself, but keeps its place until <see cref="Remove"/>.</summary>
    /// <returns>Its place.</returns>
    public int Add(EventConnection connection, SafeSocketHandle socket)
    {
        int place;
        lock (_free)
        {
            if (!_free.TryPop(out place))
            {
                place = _count++;
                if (place == _connections.Length)
                {
                    var larger = new EventConnection?[place * 2];
                    _connections.CopyTo(larger, 0);
                    Volatile.Write(ref _connections, larger);
                }
            }
            Volatile.Write(ref _connections[place], connection);
        }
        if (Libc.Watch(_epoll, socket, Libc.In | Libc.Out | Libc.PeerHangup | Libc.EdgeTriggered, place))
            return place;
        var failure = new SocketException();
        Remove(place);
        throw failure;
    }

    /// <summary>An event that is under way may still reach whoever has the place next; to him it says nothing wrong, only that he may ask.</summary>
    public void Remove(int place)
    {
        lock (_free)
        {
            _connections[place] = null;
            _free.Push(place);
        }
    }

    private void Run()
    {
        var events = stackalloc byte[Room * Libc.EventSize];
        while (true)
        {
            var count = Libc.Wait(_epoll, events, Room, -1);
            var connections = Volatile.Read(ref _connections);
            for (var i = 0; i < count; i++)
            {
                var @event = events + (i * Libc.EventSize);
                connections[Libc.DataOf(@event)]?.On(Libc.EventsOf(@event));
            }
        }
    }
}
