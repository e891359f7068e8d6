using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace CacheProxy.Tests.Scenarios;

/// <summary>A client on a raw socket, which sees how an answer ends: whole, cut, or by a reset.</summary>
internal sealed class WireClient : IDisposable
{
    private readonly TcpClient _client;
    private readonly StringBuilder _received = new();

    private WireClient(TcpClient client) => _client = client;

    /// <param name="proxy">Where to.</param>
    /// <param name="receiveBuffer">How many bytes the system takes before anyone reads, about; <c>null</c>: as many as it likes.</param>
    public static async Task<WireClient> ConnectAsync(Uri proxy, int? receiveBuffer = null)
    {
        var client = new TcpClient { NoDelay = true };
        if (receiveBuffer is { } bytes)
            client.ReceiveBufferSize = bytes;
        await client.ConnectAsync(IPAddress.Loopback, proxy.Port);
        return new WireClient(client);
    }

    /// <summary>Connects and sends a request whose answer ends the connection.</summary>
    public static async Task<WireClient> SendAsync(Uri proxy, string method, string target, string fields = "", string version = "1.1")
    {
        var client = await ConnectAsync(proxy);
        await client.WriteAsync($"{method} {target} HTTP/{version}\r\nHost: {proxy.Authority}\r\nConnection: close\r\n{fields}\r\n");
        return client;
    }

    /// <summary>The whole answer to one request.</summary>
    public static async Task<WireAnswer> AnswerAsync(Uri proxy, string method, string target, string fields = "", string version = "1.1")
    {
        using var client = await SendAsync(proxy, method, target, fields, version);
        return await client.ReadToEndAsync();
    }

    public async Task WriteAsync(string text) => await _client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(text));

    /// <summary>Reads on until what was received has the text.</summary>
    public async Task<string> ReadUntilAsync(string text)
    {
        while (!_received.ToString().Contains(text, StringComparison.Ordinal))
            if (!await ReadMoreAsync().InTimeAsync($"'{text}' after '{_received}'"))
                throw new EndOfStreamException($"The connection ended before '{text}': {_received}");
        return _received.ToString();
    }

    public async Task<WireAnswer> ReadToEndAsync()
    {
        var wasReset = false;
        try
        {
            while (await ReadMoreAsync().InTimeAsync("the end of the connection"))
            {
            }
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            wasReset = true;
        }
        return new WireAnswer(_received.ToString(), wasReset);
    }

    /// <summary>Leaves by a reset, as a client does that crashes.</summary>
    public void Reset()
    {
        _client.Client.LingerState = new LingerOption(true, 0);
        _client.Close();
    }

    public void Dispose() => _client.Dispose();

    private async Task<bool> ReadMoreAsync()
    {
        var buffer = new byte[64 << 10];
        var count = await _client.GetStream().ReadAsync(buffer);
        _received.Append(Encoding.Latin1.GetString(buffer, 0, count));
        return count > 0;
    }
}

/// <param name="Text">All bytes of the answer.</param>
/// <param name="WasReset">The connection ended by a reset.</param>
internal sealed record WireAnswer(string Text, bool WasReset)
{
    /// <summary>0 when the connection ended without a byte.</summary>
    public int Status => Text.Length == 0 ? 0 : int.Parse(Text.Split(' ')[1], CultureInfo.InvariantCulture);

    public string Head => Text[..(Text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 2)];

    /// <summary>The body as framed.</summary>
    public string Content => Text[(Text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];

    /// <summary>Whether a client takes the answer for whole, by its framing (RFC 9112 section 6.3).</summary>
    public bool LooksWhole =>
        Text.Contains("\r\n\r\n", StringComparison.Ordinal)
        && (this["Content-Length"] is { } length ? Content.Length == int.Parse(length, CultureInfo.InvariantCulture)
            : this["Transfer-Encoding"] is not null ? Content.EndsWith("0\r\n\r\n", StringComparison.Ordinal)
            : !WasReset);

    public string? this[string name] => Head.Split("\r\n").Skip(1).Select(l => l.Split(':', 2))
        .Where(p => p.Length == 2 && p[0].Equals(name, StringComparison.OrdinalIgnoreCase)).Select(p => p[1].Trim()).FirstOrDefault();
}
