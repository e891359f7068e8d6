using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace CacheProxy.Tests.Scenarios;

/// <summary>
/// A client of HTTP/2 with prior knowledge that sends field lines exactly as given, pseudo-header fields among them (RFC 7541 section
/// 6.2.2: literal, without Huffman coding), and tells how each request ended.
/// </summary>
internal sealed class RawHttp2Client : IAsyncDisposable
{
    private const byte Data = 0, Headers = 1, Reset = 3, Settings = 4, Ping = 6, GoAway = 7;

    private readonly TcpClient _tcp = new() { NoDelay = true };
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(20));
    private NetworkStream _stream = null!;
    private int _nextId = 1;

    public static async Task<RawHttp2Client> ConnectAsync(RunningProxy proxy)
    {
        var client = new RawHttp2Client();
        await client._tcp.ConnectAsync(proxy.Address.Host, proxy.Address.Port);
        client._stream = client._tcp.GetStream();
        await client._stream.WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await client.WriteAsync(Settings, 0, 0, []);
        return client;
    }

    /// <summary>
    /// Sends a request without body; fields as name and value.
    /// </summary>
    /// <returns>The body, when there was one with the end of the stream; <c>null</c> when the stream was reset or the connection ended.</returns>
    public async Task<string?> AskAsync(params (string Name, string Value)[] fields)
    {
        var block = new List<byte>();
        foreach (var (name, value) in fields)
        {
            block.Add(0x00);
            Append(block, name);
            Append(block, value);
        }
        var id = _nextId;
        _nextId += 2;
        await WriteAsync(Headers, 0x4 | 0x1, id, [.. block]);
        var body = new StringBuilder();
        try
        {
            while (true)
            {
                var (type, flags, stream, payload) = await ReadAsync();
                if (type == GoAway || (type == Reset && stream == id))
                    return null;
                if (type == Settings && (flags & 1) == 0)
                    await WriteAsync(Settings, 1, 0, []);
                if (type == Ping && (flags & 1) == 0)
                    await WriteAsync(Ping, 1, 0, payload);
                if (type == Data && stream == id)
                    body.Append(Encoding.Latin1.GetString(payload));
                if (type is Data or Headers && stream == id && (flags & 1) != 0)
                    return body.ToString();
            }
        }
        catch (IOException)
        {
            return null;
        }
    }

    public ValueTask DisposeAsync()
    {
        _tcp.Dispose();
        _patience.Dispose();
        return default;
    }

    private static void Append(List<byte> block, string text)
    {
        // A prefix of seven bits; 127 and more go on in further bytes.
        var length = text.Length;
        if (length < 127)
        {
            block.Add((byte)length);
        }
        else
        {
            block.Add(127);
            for (length -= 127; length >= 128; length >>= 7)
                block.Add((byte)(length | 0x80));
            block.Add((byte)length);
        }
        block.AddRange(Encoding.Latin1.GetBytes(text));
    }

    private async Task WriteAsync(byte type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        frame[0] = (byte)(payload.Length >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(1), (ushort)payload.Length);
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        await _stream.WriteAsync(frame, _patience.Token);
    }

    private async Task<(byte Type, byte Flags, int Stream, byte[] Payload)> ReadAsync()
    {
        var head = new byte[9];
        await _stream.ReadExactlyAsync(head, _patience.Token);
        var payload = new byte[(head[0] << 16) | BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(1))];
        await _stream.ReadExactlyAsync(payload, _patience.Token);
        return (head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)) & int.MaxValue, payload);
    }
}
