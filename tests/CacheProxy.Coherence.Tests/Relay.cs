using System.Net;
using System.Net.Sockets;

namespace CacheProxy.Coherence.Tests;

/// <summary>The line between one node and Redis: it can be cut, held (nothing arrives, nothing is lost), or lose the doorbells alone.</summary>
internal sealed class Relay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _target;
    private readonly HashSet<Socket> _open = [];
    private volatile TaskCompletionSource? _held;
    private volatile bool _isCut, _losesDoorbells;

    public Relay(int target)
    {
        _target = target;
        _listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Ends all connections, and each new one at once.</summary>
    public void Cut()
    {
        _isCut = true;
        Socket[] open;
        lock (_open)
            open = [.. _open];
        foreach (var socket in open)
            socket.Close(0);
    }

    public void Hold() => _held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What Redis says on connections that have subscribed is lost. Unlike a network, this may break a reply in two; then the client connects anew.</summary>
    public void LoseDoorbells() => _losesDoorbells = true;

    public void Mend()
    {
        _isCut = _losesDoorbells = false;
        _held?.TrySetResult();
        _held = null;
    }

    public ValueTask DisposeAsync()
    {
        _listener.Dispose();
        Cut();
        return default;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ConnectAsync(await _listener.AcceptSocketAsync());
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ConnectAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        lock (_open)
        {
            _open.Add(client);
            _open.Add(server);
        }
        try
        {
            if (_isCut)
                return;
            await server.ConnectAsync(IPAddress.Loopback, _target);
            var line = new Line();
            await Task.WhenAny(CopyAsync(client, server, line, isAnswer: false), CopyAsync(server, client, line, isAnswer: true));
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException)
        {
        }
        finally
        {
            lock (_open)
            {
                _open.Remove(client);
                _open.Remove(server);
            }
            client.Close(0);
        }
    }

    private async Task CopyAsync(Socket from, Socket to, Line line, bool isAnswer)
    {
        var buffer = new byte[64 << 10];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var count)
            {
                if (!isAnswer && !line.Subscribed && buffer.AsSpan(0, count).IndexOf("SUBSCRIBE"u8) >= 0)
                    line.Subscribed = true;
                if (_held is { } held)
                    await held.Task;
                if (isAnswer && line.Subscribed && _losesDoorbells)
                    continue;
                for (var sent = 0; sent < count;)
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
            }
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException)
        {
        }
    }

    private sealed class Line
    {
        public volatile bool Subscribed;
    }
}
