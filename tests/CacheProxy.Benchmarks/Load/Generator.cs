using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace CacheProxy.Benchmarks.Load;

/// <summary>How requests are paced, and when it is enough.</summary>
/// <param name="For">How long; <c>null</c>: until <paramref name="Count"/>.</param>
/// <param name="Count">How many requests; <c>null</c>: as many as go.</param>
/// <param name="PerSecond">
/// A constant rate, whatever the server does; <c>null</c>: each connection asks again as soon as it has its answer.
/// </param>
internal readonly record struct Pace(TimeSpan? For = null, long? Count = null, double? PerSecond = null);

/// <summary>What came of a run.</summary>
/// <param name="Requests">Answers, right or wrong.</param>
/// <param name="Failures">Those with another status or length than expected, and connections lost.</param>
/// <param name="Bytes">Bytes of bodies.</param>
/// <param name="Elapsed">From the first request to the last answer.</param>
/// <param name="Latency">At a constant rate: from the moment at which a request was due, though all connections were still waiting then.</param>
internal sealed record LoadResult(long Requests, long Failures, long Bytes, TimeSpan Elapsed, Histogram Latency)
{
    public double PerSecond => Requests / Elapsed.TotalSeconds;
}

/// <summary>
/// A load generator: one thread, kept connections, one request at a time on each. Every answer's status and length are checked.
/// </summary>
internal sealed class Generator : IDisposable
{
    private static readonly TimeSpan PatienceAtTheEnd = TimeSpan.FromSeconds(10);

    private readonly int _port;
    private readonly int _epoll = Native.CreateEpoll();
    private readonly Connection[] _connections;
    private readonly byte[] _scratch = new byte[256 * 1024];

    public Generator(int port, int connections)
    {
        _port = port;
        _connections = new Connection[connections];
        for (var i = 0; i < connections; i++)
            _connections[i] = Open(i);
    }

    /// <summary>Sends requests at that pace, until all that were sent are answered.</summary>
    public LoadResult Run(Requests requests, Pace pace)
    {
        var latency = new Histogram();
        long sent = 0, failures = 0, bytes = 0;
        var idle = new Queue<int>(Enumerable.Range(0, _connections.Length));
        Span<int> ready = stackalloc int[64];
        var start = Stopwatch.GetTimestamp();
        TimeSpan now, last = TimeSpan.Zero;
        while (true)
        {
            // What is due.
            now = Stopwatch.GetElapsedTime(start);
            var more = sent < (pace.Count ?? long.MaxValue) && now < (pace.For ?? TimeSpan.MaxValue);
            var due = DueTime(sent);
            while (more && idle.Count > 0 && due <= now)
            {
                var number = idle.Dequeue();
                Send(_connections[number], pace.PerSecond is null ? now : due);
                due = DueTime(++sent);
                more = sent < (pace.Count ?? long.MaxValue);
            }

            // What has come.
            if (!more && (idle.Count == _connections.Length || now - last > PatienceAtTheEnd))
                break;
            var patience = more && idle.Count > 0 ? due - now : TimeSpan.FromMilliseconds(10);
            var count = Native.Wait(_epoll, ready, patience < TimeSpan.Zero ? TimeSpan.Zero : patience);
            for (var i = 0; i < count; i++)
            {
                var connection = _connections[ready[i]];
                if (!connection.Reader.Read(connection.Socket, _scratch, out var broken))
                    continue;
                last = Stopwatch.GetElapsedTime(start);
                if (connection.IsWaiting)
                {
                    idle.Enqueue(ready[i]);
                    latency.Record(last - connection.Since);
                    bytes += connection.Reader.Answer.Length;
                }

                if (broken || !connection.IsWaiting || connection.Reader.Answer != connection.Expected)
                    failures++;
                connection.IsWaiting = false;
                if (broken)
                    Reopen(ready[i]);
            }
        }

        var lost = _connections.Length - idle.Count;
        for (var i = 0; lost > 0 && i < _connections.Length; i++)
            if (_connections[i].IsWaiting)
                Reopen(i);
        return new LoadResult(latency.Count, failures + lost, bytes, last, latency);

        TimeSpan DueTime(long number) => pace.PerSecond is { } rate ? TimeSpan.FromSeconds(number / rate) : TimeSpan.Zero;

        void Send(Connection connection, TimeSpan since)
        {
            var request = requests.Next(out connection.Expected);
            connection.Reader.Reset();
            connection.Since = since;
            connection.IsWaiting = true;
            if (Native.Send(connection.Socket, request) != request.Length)
                throw new InvalidOperationException("A request did not fit into the socket.");
        }
    }

    public void Dispose()
    {
        foreach (var connection in _connections)
            connection.Dispose();
        using var epoll = new Microsoft.Win32.SafeHandles.SafeFileHandle(_epoll, ownsHandle: true);
    }

    private Connection Open(int number)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, _port);
        var connection = new Connection(socket);
        Native.Watch(_epoll, connection.Socket, number);
        return connection;
    }

    private void Reopen(int number)
    {
        _connections[number].Dispose(); // closing takes it out of the epoll
        _connections[number] = Open(number);
    }

    private sealed class Connection(Socket owner) : IDisposable
    {
        public readonly int Socket = (int)owner.Handle;
        public readonly ResponseReader Reader = new();
        public Answer Expected;
        public TimeSpan Since;
        public bool IsWaiting;

        public void Dispose() => owner.Dispose();
    }
}
