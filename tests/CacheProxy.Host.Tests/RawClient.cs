using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace CacheProxy.Host.Tests;

/// <summary>One connection, as bytes. Answers must have a Content-Length.</summary>
internal sealed partial class RawClient : IDisposable
{
    private readonly TcpClient _client = new() { NoDelay = true };
    private string _pending = "";

    public static async Task<RawClient> ConnectAsync(Uri address)
    {
        var client = new RawClient();
        await client._client.ConnectAsync(address.Host, address.Port);
        return client;
    }

    public Task SendAsync(string path, string fields = "") => SendRawAsync($"GET {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n");

    public async Task SendRawAsync(string bytes) => await _client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(bytes));

    /// <summary>Whether the other side has closed, without reading anything of an answer.</summary>
    public bool IsClosed => _client.Client.Poll(0, SelectMode.SelectRead) && _client.Client.Available == 0;

    /// <summary>The next whole answer; <c>null</c> when the connection ends before its first byte.</summary>
    public async Task<string?> ReceiveAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var end = _pending.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                var length = int.Parse(ContentLength().Match(_pending[..(end + 4)]).Groups[1].Value, CultureInfo.InvariantCulture);
                if (_pending.Length >= end + 4 + length)
                {
                    var answer = _pending[..(end + 4 + length)];
                    _pending = _pending[(end + 4 + length)..];
                    return answer;
                }
            }

            int read;
            try
            {
                read = await _client.GetStream().ReadAsync(buffer, patience.Token);
            }
            catch (IOException reset)
            {
                throw new IOException("The connection was reset after: " + _pending, reset);
            }

            if (read == 0)
                return _pending.Length == 0 ? null : throw new IOException("The connection ended within an answer: " + _pending);
            _pending += Encoding.Latin1.GetString(buffer, 0, read);
        }
    }

    public void Dispose() => _client.Dispose();

    [GeneratedRegex(@"\r\nContent-Length: (\d+)\r\n", RegexOptions.IgnoreCase)]
    private static partial Regex ContentLength();
}
