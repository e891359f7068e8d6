using System.Buffers;
using System.Text;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Http;

/// <summary>
/// Finds the interim responses (1xx, RFC 9110 section 15.2) that stand before a final one, in the bytes of an HTTP/1.1 connection as they
/// come, however they are divided.
/// </summary>
/// <remarks>
/// It is not the parser that the connection relies on, and stricter: lines end with CRLF, names are tokens, values have no controls, nothing is
/// folded. At the first byte that is otherwise, at a final response, and beyond its bounds, it is over and has nothing more to say. So it
/// never takes for a head what the real parser takes for something else.
/// </remarks>
internal sealed class InterimReader
{
    /// <summary>The longest head that is taken, in bytes.</summary>
    public const int MaxHeadBytes = 8 << 10;

    /// <summary>How many heads are taken before one final response.</summary>
    public const int MaxHeads = 16;

    private static readonly SearchValues<byte> Controls =
        SearchValues.Create([.. Enumerable.Range(0, 32).Where(c => c != '\t').Select(c => (byte)c), 0x7f]);

    private byte[]? _head;
    private int _length;
    private int _heads;

    private static ReadOnlySpan<byte> Beginning => "HTTP/1.1 1"u8;

    private static ReadOnlySpan<byte> EndOfHead => "\r\n\r\n"u8;

    /// <summary>Nothing that comes is an interim response any more.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Takes bytes, up to the end of a head at most.</summary>
    /// <param name="bytes">What has come next.</param>
    /// <param name="head">The bytes of an interim response to send on, without fields that were for us alone; <c>null</c> when there is none yet.</param>
    /// <returns>How many bytes were taken.</returns>
    public int Read(ReadOnlySpan<byte> bytes, out byte[]? head)
    {
        head = null;
        for (var taken = 0; taken < bytes.Length && !IsOver; taken++)
        {
            Add(bytes[taken]);
            if (_head is null || !_head.AsSpan(0, _length).EndsWith(EndOfHead))
                continue;
            head = TakeHead();
            return taken + 1;
        }
        return bytes.Length;
    }

    private void Add(byte next)
    {
        if (_length < Beginning.Length)
        {
            IsOver = next != Beginning[_length++];
            return;
        }
        if (_head is null)
        {
            _head = new byte[MaxHeadBytes];
            Beginning.CopyTo(_head);
        }
        _head[_length++] = next;
        IsOver = _length == MaxHeadBytes;
    }

    private byte[]? TakeHead()
    {
        var head = _head.AsSpan(0, _length);
        var lineEnd = head.IndexOf("\r\n"u8);
        var status = IsStatusLine(head[..lineEnd]) ? ((head[10] - '0') * 10) + (head[11] - '0') : 1;
        IsOver = status == 1 || ++_heads > MaxHeads; // 101 is the last of its connection
        var fields = IsOver ? null : Fields(head[(lineEnd + 2)..^2]);
        IsOver |= fields is null;
        _length = 0;
        if (IsOver || status == 0)
            return null; // 100 is between the origin and us

        var text = new StringBuilder(Encoding.Latin1.GetString(head[..lineEnd])).Append("\r\n");
        var connection = new StringValues([.. fields!.Where(field => field.Name.Equals("Connection", StringComparison.OrdinalIgnoreCase)).Select(field => field.Value)]);
        foreach (var (name, value) in fields!)
            if (!IsForUs(connection, name))
                text.Append(name).Append(": ").Append(value).Append("\r\n");
        return Encoding.Latin1.GetBytes(text.Append("\r\n").ToString());
    }

    /// <summary>HTTP/1.1, a status of three digits, and a reason phrase or none.</summary>
    private static bool IsStatusLine(ReadOnlySpan<byte> line) =>
        line.Length >= 12 && char.IsAsciiDigit((char)line[10]) && char.IsAsciiDigit((char)line[11])
        && (line.Length == 12 || line[12] == ' ') && !line.ContainsAny(Controls);

    /// <returns>The field lines; <c>null</c> when one of them is not well formed.</returns>
    private static List<(string Name, string Value)>? Fields(ReadOnlySpan<byte> lines)
    {
        var fields = new List<(string, string)>();
        while (!lines.IsEmpty)
        {
            var end = lines.IndexOf("\r\n"u8);
            var line = lines[..end];
            lines = lines[(end + 2)..];
            var colon = line.IndexOf((byte)':');
            if (colon < 1 || line.ContainsAny(Controls))
                return null;
            var name = Encoding.Latin1.GetString(line[..colon]);
            if (!Token.IsValid(name))
                return null;
            fields.Add((name, Encoding.Latin1.GetString(line[(colon + 1)..].Trim(" \t"u8))));
        }
        return fields;
    }

    /// <summary>For one hop or for this cache; and an interim response has no content whose length could be told.</summary>
    private static bool IsForUs(StringValues connection, string name) =>
        HopByHop.Contains(connection, name)
        || name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase)
        || name.Equals(TargetedCacheControl.OwnField, StringComparison.OrdinalIgnoreCase);
}
