using System.Net.Sockets;

namespace CacheProxy.Sockets;

/// <summary>
/// One thread that waits for the sockets of its connections, and runs what they wake: reading, answering and sending happen on it unless something
/// has to be waited for. As many as there are cores, shared by all of the process, and there as long as it is.
/// </summary>
internal sealed unsafe class EventLoop
{
    private const int Room = 256;

    /// <summary>A turn ends after so many events, or with the tick of the clock: what is to be sent waits no longer.</summary>
    private const int MostInTurn = 64;

    [ThreadStatic]
    private static EventLoop? _current;

    private static readonly EventLoop?[] Loops = new EventLoop?[Environment.ProcessorCount];
    private static uint _given;

    /// <summary>What a loop's thread is called, before its number: short enough for the system to show the whole.</summary>
    public const string ThreadName = "event loop";

    private readonly int _epoll;
    private readonly Stack<int> _free = new();
    private readonly List<ISender> _senders = [];
    private Place?[] _places = new Place?[64];
    private int _count;
    private long _tickets;

    public EventLoop(int number)
    {
        _epoll = Libc.NewEpoll();
        if (_epoll < 0)
            throw new SocketException();
        new Thread(Run) { IsBackground = true, Name = $"{ThreadName} {number}" }.UnsafeStart();
    }

    /// <summary>One after the other.</summary>
    public static EventLoop Next()
    {
        var number = (int)(Interlocked.Increment(ref _given) % (uint)Loops.Length);
        if (Volatile.Read(ref Loops[number]) is { } loop)
            return loop;
        lock (Loops)
            return Loops[number] ??= new EventLoop(number);
    }

    /// <summary>The loop whose thread this is; <c>null</c> on any other.</summary>
    public static EventLoop? Current => _current;

    /// <summary>
    /// On the loop's thread: calls at the end of its turn. What is sent together costs less: the first of it wakes whoever receives on another core, and
    /// finds him awake afterwards.
    /// </summary>
    public void AtTurnEnd(ISender sender) => _senders.Add(sender);

    /// <summary>Watches a connection from now on. A socket that is closed is watched no more by itself, but keeps its place until <see cref="Remove"/>.</summary>
    /// <returns>Its ticket: the place, and a number that no other has, for an event that is under way may come when the place is another's.</returns>
    public long Add(IWatched watched, SafeSocketHandle socket)
    {
        long ticket;
        lock (_free)
        {
            if (!_free.TryPop(out var place))
            {
                place = _count++;
                if (place == _places.Length)
                {
                    var larger = new Place[place * 2];
                    _places.CopyTo(larger, 0);
                    Volatile.Write(ref _places, larger);
                }
            }
            ticket = (++_tickets << 32) | (uint)place;
            Volatile.Write(ref _places[place], new Place(ticket, watched));
        }
        if (Libc.Watch(_epoll, socket, Libc.In | Libc.Out | Libc.PeerHangup | Libc.EdgeTriggered, ticket))
            return ticket;
        var failure = new SocketException();
        Remove(ticket);
        throw failure;
    }

    public void Remove(long ticket)
    {
        lock (_free)
        {
            _places[(int)ticket] = null;
            _free.Push((int)ticket);
        }
    }

    private void Run()
    {
        _current = this;
        var events = stackalloc byte[Room * Libc.EventSize];
        while (true)
        {
            var count = Libc.Wait(_epoll, events, Room, _senders.Count > 0 ? 0 : -1);
            var (began, inTurn) = (Environment.TickCount64, 0);
            var places = Volatile.Read(ref _places);
            for (var i = 0; i < count; i++)
            {
                var @event = events + (i * Libc.EventSize);
                var ticket = Libc.DataOf(@event);
                if (places[(int)ticket] is { } place && place.Ticket == ticket)
                    place.Watched.On(Libc.EventsOf(@event));
                if (++inTurn < MostInTurn && Environment.TickCount64 == began)
                    continue;
                EndTurn();
                (began, inTurn) = (Environment.TickCount64, 0);
            }
            EndTurn();
        }
    }

    /// <summary>Who is called may go on, and have something to send again: that is for the next turn.</summary>
    private void EndTurn()
    {
        var count = _senders.Count;
        for (var i = 0; i < count; i++)
            _senders[i].OnTurnEnd();
        _senders.RemoveRange(0, count);
    }

    private sealed record Place(long Ticket, IWatched Watched);
}
