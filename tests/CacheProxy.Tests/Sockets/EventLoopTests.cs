using System.Net;
using System.Net.Sockets;
using CacheProxy.Sockets;

namespace CacheProxy.Tests.Sockets;

public sealed class EventLoopTests : IDisposable
{
    private readonly List<Socket> _sockets = [];

    /// <summary>Events come in batches: one may be under way for a connection that has ended, when the next already has its place.</summary>
    [Fact]
    public async Task Event_of_one_connection_never_reaches_the_next_in_its_place()
    {
        var loop = new EventLoop(99);
        var (gate, first, second, next) = (new Watched { Holds = true }, new Watched { Holds = true }, new Watched(), new Watched());
        var (gateEnds, firstEnds, secondEnds, nextEnds) = (Connect(), Connect(), Connect(), Connect());
        loop.Add(gate, gateEnds.Watched);
        await gate.Called.Task.WaitAsync(TimeSpan.FromSeconds(20));
        var tickets = (loop.Add(first, firstEnds.Watched), loop.Add(second, secondEnds.Watched)); // both can be written to: both have an event in the next batch
        gate.Go.Set();
        await first.Called.Task.WaitAsync(TimeSpan.FromSeconds(20));
        loop.Remove(tickets.Item2);
        var place = loop.Add(next, nextEnds.Watched);
        ((int)place).ShouldBe((int)tickets.Item2); // or it would prove nothing
        first.Go.Set();
        await next.Called.Task.WaitAsync(TimeSpan.FromSeconds(20));
        second.Calls.ShouldBe(0);
        next.Calls.ShouldBe(1);
    }

    public void Dispose()
    {
        foreach (var socket in _sockets)
            socket.Dispose();
    }

    private (SafeSocketHandle Watched, Socket Other) Connect()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var one = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        one.Connect(listener.LocalEndPoint!);
        var other = listener.Accept();
        _sockets.AddRange([one, other]);
        return (one.SafeHandle, other);
    }

    private sealed class Watched : IWatched
    {
        public bool Holds { get; init; }

        public int Calls { get; private set; }

        public TaskCompletionSource Called { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ManualResetEventSlim Go { get; } = new();

        public void On(uint events)
        {
            Calls++;
            Called.TrySetResult();
            if (Holds)
                Go.Wait(TimeSpan.FromSeconds(20));
        }
    }
}
