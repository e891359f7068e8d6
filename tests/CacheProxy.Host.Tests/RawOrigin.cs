using System.Net;
using System.Net.Sockets;
using System.Text;

namespace CacheProxy.Host.Tests;

/// <summary>An origin that reads requests as bytes and answers what the script says. Each connection is kept alive.</summary>
internal sealed class RawOrigin : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<string, Task<byte[]>> _answer;
    private readonly Task _accepting;

    /// <param name="answer">From a request's head, Latin-1, to the whole response.</param>
    public RawOrigin(Func<string, Task<byte[]>> answer)
    {
        _answer = answer;
        _listener.Start();
        Address = $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";
        _accepting = AcceptAsync();
    }

    public string Address { get; }

    public static RawOrigin Hello() => new(_ => Task.FromResult(Response("hello")));

    public static byte[] Response(string body, string fields = "Cache-Control: no-store\r\n") =>
        Encoding.Latin1.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\n{fields}\r\n{body}");

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token));
        }
        catch (Exception stopped) when (stopped is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var owned = client;
        try
        {
            var stream = client.GetStream();
            var pending = "";
            var buffer = new byte[64 * 1024];
            while (true)
            {
                int end;
                while ((end = pending.IndexOf("\r\n\r\n", StringComparison.Ordinal)) < 0)
                {
                    var read = await stream.ReadAsync(buffer, _stop.Token);
                    if (read == 0)
                        return;
                    pending += Encoding.Latin1.GetString(buffer, 0, read);
                }

                var head = pending[..(end + 4)];
                pending = pending[(end + 4)..];
                await stream.WriteAsync(await _answer(head), _stop.Token);
            }
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException)
        {
        }
    }
}
