using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace CacheProxy.Tests.Scenarios;

/// <summary>
/// An origin on a raw socket: each request is given to the script, which writes whatever bytes it likes. It remembers the exact heads it
/// received.
/// </summary>
internal sealed class ScriptedOrigin : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<OriginRequest> _requests = new();
    private readonly Task _accepting;
    private int _count;

    public ScriptedOrigin(Func<OriginRequest, Task> script, int port = 0)
    {
        _listener = new TcpListener(IPAddress.Loopback, port);
        _listener.Server.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        Script = script;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public Func<OriginRequest, Task> Script { get; set; }

    public int Port { get; }

    public string Address => $"http://127.0.0.1:{Port}";

    /// <summary>All requests so far, in the order of arrival.</summary>
    public IReadOnlyList<OriginRequest> Requests => [.. _requests];

    /// <summary>An origin that answers each request with the text of a response.</summary>
    public static ScriptedOrigin Answering(Func<OriginRequest, string> answer) => new(request => request.WriteAsync(answer(request)));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        try
        {
            await _accepting;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
        }
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            var client = await _listener.AcceptTcpClientAsync(_stop.Token);
            _ = ServeAsync(client);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            client.NoDelay = true;
            var stream = client.GetStream();
            try
            {
                while (await ReadHeadAsync(stream) is { } head)
                {
                    var request = new OriginRequest(head, client, stream, Interlocked.Increment(ref _count));
                    await request.ReadBodyAsync();
                    _requests.Enqueue(request);
                    await Script(request);
                    if (request.IsClosed)
                        return;
                }
            }
            catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // The proxy went away: the scripts of many tests provoke just that.
            }
        }
    }

    private async Task<string?> ReadHeadAsync(NetworkStream stream)
    {
        var head = new List<byte>();
        var one = new byte[1];
        while (await stream.ReadAsync(one, _stop.Token) == 1)
        {
            head.Add(one[0]);
            if (one[0] == '\n' && head.Count >= 4 && head[^2] == '\r' && head[^3] == '\n' && head[^4] == '\r')
                return Encoding.Latin1.GetString([.. head]);
        }
        return null;
    }
}

/// <summary>One request as the origin saw it, and the connection to answer on.</summary>
internal sealed class OriginRequest(string head, TcpClient client, NetworkStream stream, int number)
{
    /// <summary>The exact bytes of the head, as Latin-1.</summary>
    public string Head => head;

    /// <summary>1 for the origin's first request.</summary>
    public int Number => number;

    public string Line => head[..head.IndexOf('\r')];

    public string Method => Line.Split(' ')[0];

    public string Target => Line.Split(' ')[1];

    public byte[] Body { get; private set; } = [];

    public bool IsClosed { get; private set; }

    /// <summary>The value of a field; <c>null</c> when absent, lines joined by a comma.</summary>
    public string? this[string name]
    {
        get
        {
            var values = head.Split("\r\n").Skip(1).Select(l => l.Split(':', 2)).Where(p => p.Length == 2)
                .Where(p => p[0].Equals(name, StringComparison.OrdinalIgnoreCase)).Select(p => p[1].Trim()).ToList();
            return values.Count == 0 ? null : string.Join(", ", values);
        }
    }

    public Task WriteAsync(string text) => WriteAsync(Encoding.Latin1.GetBytes(text));

    public async Task WriteAsync(byte[] bytes)
    {
        await stream.WriteAsync(bytes);
        await stream.FlushAsync();
    }

    /// <summary>Completes when the proxy has closed the connection, by a FIN or a reset. Reads nothing: the next request is not lost.</summary>
    public Task WaitForCloseAsync() => IsClosedBeforeAsync(new TaskCompletionSource().Task);

    /// <summary>Whether the proxy closes the connection before something else happens.</summary>
    public async Task<bool> IsClosedBeforeAsync(Task other)
    {
        try
        {
            while (!other.IsCompleted)
            {
                if (client.Client.Poll(0, SelectMode.SelectRead) && client.Available == 0)
                {
                    Close();
                    return true;
                }
                await Task.Delay(2);
            }
            return false;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or NullReferenceException)
        {
            return true; // it is closed on our side as well
        }
    }

    /// <summary>Whether bytes have come that are not of this request.</summary>
    public bool HasMore() => stream.DataAvailable;

    /// <summary>Bytes beyond the request: of a tunnel.</summary>
    public async Task<byte[]> ReadExactlyAsync(int count)
    {
        var bytes = new byte[count];
        await stream.ReadExactlyAsync(bytes);
        return bytes;
    }

    /// <summary>Ends the connection cleanly (FIN).</summary>
    public void Close()
    {
        IsClosed = true;
        client.Close();
    }

    /// <summary>Ends the connection by a reset.</summary>
    public void Reset()
    {
        IsClosed = true;
        client.Client.LingerState = new LingerOption(true, 0);
        client.Close();
    }

    internal async Task ReadBodyAsync()
    {
        if (this["Content-Length"] is { } length)
        {
            Body = new byte[int.Parse(length, System.Globalization.CultureInfo.InvariantCulture)];
            await stream.ReadExactlyAsync(Body);
        }
        else if (this["Transfer-Encoding"] == "chunked")
        {
            Body = await ReadChunksAsync();
        }
    }

    private async Task<byte[]> ReadChunksAsync()
    {
        var body = new List<byte>();
        while (true)
        {
            var size = Convert.ToInt32(await ReadLineAsync(), 16);
            var chunk = new byte[size];
            await stream.ReadExactlyAsync(chunk);
            body.AddRange(chunk);
            await ReadLineAsync();
            if (size == 0)
                return [.. body];
        }
    }

    private async Task<string> ReadLineAsync()
    {
        var line = new StringBuilder();
        var one = new byte[1];
        while (await stream.ReadAsync(one) == 1 && one[0] != '\n')
            line.Append((char)one[0]);
        return line.ToString().TrimEnd('\r');
    }
}
