using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace CacheProxy.Tests.Scenarios;

/// <summary>A client that sends exact bytes and reads exact responses, on one connection.</summary>
internal sealed class RawClient : IAsyncDisposable
{
    /// <summary>For one piece of an answer; a test that waits this long has failed.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly TcpClient _tcp = new() { NoDelay = true };
    private readonly CancellationTokenSource _patience = new();
    private readonly List<byte> _unread = [];
    private NetworkStream _stream = null!;

    public static async Task<RawClient> ConnectAsync(RunningProxy proxy)
    {
        var client = new RawClient();
        await client._tcp.ConnectAsync(proxy.Address.Host, proxy.Address.Port);
        client._stream = client._tcp.GetStream();
        return client;
    }

    /// <summary>One request on a connection of its own, and its response.</summary>
    public static async Task<RawResponse> AskAsync(RunningProxy proxy, string request)
    {
        await using var client = await ConnectAsync(proxy);
        await client.SendAsync(request);
        return await client.ReadAsync(request.StartsWith("HEAD ", StringComparison.Ordinal));
    }

    /// <summary>A GET on a connection of its own, fields given as <c>Name: value</c> lines.</summary>
    public static Task<RawResponse> GetAsync(RunningProxy proxy, string target, params string[] fields) =>
        AskAsync(proxy, Get(target, fields));

    /// <summary>The text of a GET.</summary>
    public static string Get(string target, params string[] fields) => Request("GET", target, fields);

    /// <summary>The text of a request without body.</summary>
    public static string Request(string method, string target, params string[] fields) =>
        $"{method} {target} HTTP/1.1\r\nHost: site.example\r\n{string.Concat(fields.Select(f => f + "\r\n"))}\r\n";

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(byte[] bytes) => await _stream.WriteAsync(bytes, _patience.Token);

    /// <summary>The next response; a connection that ends before its head is complete is <see cref="RawResponse.None"/>.</summary>
    public async Task<RawResponse> ReadAsync(bool toHead = false)
    {
        var head = new StringBuilder();
        while (!EndsWithBlankLine(head))
        {
            if (await NextAsync() is not { } one)
                return RawResponse.None;
            head.Append((char)one);
        }
        var response = new RawResponse(head.ToString());
        if (toHead || response.Status is 101 or 204 or 304)
            return response;
        if (response["Transfer-Encoding"] == "chunked")
            return await ReadChunksAsync(response);
        return response["Content-Length"] is { } length
            ? await ReadBodyAsync(response, int.Parse(length, CultureInfo.InvariantCulture))
            : await ReadBodyAsync(response, int.MaxValue);
    }

    /// <summary>It will send no more, and reads on.</summary>
    public void EndSending() => _tcp.Client.Shutdown(SocketShutdown.Send);

    /// <summary>Waits for the connection's end; <c>false</c> when bytes come instead.</summary>
    public async Task<bool> IsClosedAsync() => await NextAsync() is null;

    /// <summary>Bytes as they come; waits for the first.</summary>
    public async Task<byte[]> ReadExactlyAsync(int count)
    {
        var bytes = new List<byte>();
        while (bytes.Count < count && await NextAsync() is { } one)
            bytes.Add(one);
        return [.. bytes];
    }

    public ValueTask DisposeAsync()
    {
        _tcp.Dispose();
        _patience.Dispose();
        return default;
    }

    private static bool EndsWithBlankLine(StringBuilder head) =>
        head.Length >= 4 && head[^1] == '\n' && head[^2] == '\r' && head[^3] == '\n' && head[^4] == '\r';

    private async Task<RawResponse> ReadBodyAsync(RawResponse response, int length)
    {
        var body = new StringBuilder();
        while (body.Length < length)
        {
            if (await NextAsync() is not { } one)
                return response with { Body = body.ToString(), IsWhole = length == int.MaxValue };
            body.Append((char)one);
        }
        return response with { Body = body.ToString() };
    }

    private async Task<RawResponse> ReadChunksAsync(RawResponse response)
    {
        var body = new StringBuilder();
        while (await LineAsync() is { } line)
        {
            var size = int.Parse(line, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            for (var i = 0; i < size; i++)
            {
                if (await NextAsync() is not { } one)
                    return response with { Body = body.ToString(), IsWhole = false };
                body.Append((char)one);
            }
            await LineAsync();
            if (size == 0)
                return response with { Body = body.ToString() };
        }
        return response with { Body = body.ToString(), IsWhole = false };
    }

    private async Task<string?> LineAsync()
    {
        var line = new StringBuilder();
        while (await NextAsync() is { } one)
        {
            if (one == '\n')
                return line.ToString().TrimEnd('\r');
            line.Append((char)one);
        }
        return null;
    }

    private async Task<byte?> NextAsync()
    {
        if (_unread.Count == 0)
        {
            var buffer = new byte[16 << 10];
            _patience.CancelAfter(Patience);
            try
            {
                var count = await _stream.ReadAsync(buffer, _patience.Token);
                _unread.AddRange(buffer.AsSpan(0, count));
                _unread.Reverse();
            }
            catch (IOException)
            {
                return null; // a reset is an end too
            }
        }
        if (_unread.Count == 0)
            return null;
        var next = _unread[^1];
        _unread.RemoveAt(_unread.Count - 1);
        return next;
    }
}

/// <summary>One response as it stood on the wire, in Latin-1.</summary>
internal sealed record RawResponse(string Head)
{
    /// <summary>The connection ended instead.</summary>
    public static readonly RawResponse None = new("") { IsWhole = false };

    public string Body { get; init; } = "";

    /// <summary>Whether the body ended as its framing said.</summary>
    public bool IsWhole { get; init; } = true;

    /// <summary>0 when there was no response.</summary>
    public int Status => Head.Length == 0 ? 0 : int.Parse(Head.Split(' ')[1], CultureInfo.InvariantCulture);

    /// <summary>The lines of the head but the first.</summary>
    public IEnumerable<string> Fields => Head.Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Skip(1);

    /// <summary>The value of a field, lines joined by a comma; <c>null</c> when absent.</summary>
    public string? this[string name]
    {
        get
        {
            var values = Fields.Select(l => l.Split(':', 2)).Where(p => p[0].Equals(name, StringComparison.OrdinalIgnoreCase)).ToList();
            return values.Count == 0 ? null : string.Join(", ", values.Select(p => p[1].Trim()));
        }
    }

    /// <summary>All that a client would notice: not the times, nor how the cache came by it, nor the framing.</summary>
    public string Seen => string.Join('\n',
        [
            Status.ToString(CultureInfo.InvariantCulture),
            .. Fields.Where(f => !Unnoticed.Contains(f.Split(':')[0], StringComparer.OrdinalIgnoreCase)).Order(StringComparer.Ordinal),
            IsWhole ? "" : "cut", Body,
        ]);

    private static readonly string[] Unnoticed = ["Date", "Age", "Cache-Status", "Content-Length", "Transfer-Encoding", "Connection"];
}
