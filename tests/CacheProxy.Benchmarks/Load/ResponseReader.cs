using System.Buffers.Text;

namespace CacheProxy.Benchmarks.Load;

/// <summary>
/// Reads the response on one connection of the load generator, as far as it takes to know its status and where it ends. Nothing is sent
/// before the answer to what was sent is whole, so what follows an answer is an error.
/// </summary>
internal sealed class ResponseReader
{
    private const int Chunked = -1;

    private readonly byte[] _buffer = new byte[16 * 1024];
    private int _filled;
    private int _status; // 0: the head is not whole yet
    private long _missing;
    private int _length;

    public Answer Answer => new(_status, _length);

    /// <summary>Takes what has come on the socket.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="scratch">Room for bytes that nobody looks at.</param>
    /// <param name="broken">Whether the connection is of no more use.</param>
    /// <returns>Whether the response is whole.</returns>
    public bool Read(int socket, Span<byte> scratch, out bool broken)
    {
        broken = false;
        while (true)
        {
            var inBody = _status != 0 && _missing > 0;
            var read = inBody
                ? Native.Receive(socket, scratch[..(int)Math.Min(scratch.Length, _missing)], Native.Discard)
                : Native.Receive(socket, _buffer.AsSpan(_filled), 0);
            if (read <= 0)
            {
                broken = read == 0;
                return broken;
            }

            bool whole;
            if (inBody)
            {
                whole = (_missing -= read) == 0;
            }
            else
            {
                _filled += (int)read;
                whole = Advance(ref broken);
            }

            if (whole || broken)
            {
                _filled = 0;
                return true;
            }
        }
    }

    /// <summary>Forgets the response that was read last.</summary>
    public void Reset() => (_filled, _status, _missing, _length) = (0, 0, 0, 0);

    private bool Advance(ref bool broken)
    {
        if (_status == 0)
        {
            var end = _buffer.AsSpan(0, _filled).IndexOf("\r\n\r\n"u8);
            if (end < 0)
            {
                broken = _filled == _buffer.Length;
                return false;
            }

            ReadHead(_buffer.AsSpan(0, end), ref broken);
            Consume(end + 4);
            if (_missing >= 0)
            {
                _missing -= _filled;
                broken |= _missing < 0;
                _filled = 0;
                return _missing <= 0;
            }
        }

        return ReadChunks(ref broken);
    }

    private void ReadHead(ReadOnlySpan<byte> head, ref bool broken)
    {
        broken = !Utf8Parser.TryParse(head[9..], out _status, out _);
        foreach (var range in head.Split("\r\n"u8))
        {
            var line = head[range];
            if (Field(line, "content-length:"u8, out var value))
                broken |= !Utf8Parser.TryParse(value, out _length, out _);
            else if (Field(line, "transfer-encoding:"u8, out _))
                _missing = Chunked;
        }

        if (_status is 204 or 304)
            (_length, _missing) = (0, 0);
        else if (_missing != Chunked)
            _missing = _length;
    }

    /// <summary>Chunks are seldom, and small: whole ones are taken from the buffer.</summary>
    private bool ReadChunks(ref bool broken)
    {
        while (_buffer.AsSpan(0, _filled).IndexOf("\r\n"u8) is var line and >= 0)
        {
            if (!Utf8Parser.TryParse(_buffer.AsSpan(0, line), out int size, out _, 'x') || size > _buffer.Length - 64)
            {
                broken = true;
                return false;
            }

            if (_filled < line + 2 + size + 2)
                return false;
            Consume(line + 2 + size + 2);
            _length += size;
            if (size == 0)
                return true;
        }

        return false;
    }

    private void Consume(int count)
    {
        _buffer.AsSpan(count, _filled - count).CopyTo(_buffer);
        _filled -= count;
    }

    private static bool Field(ReadOnlySpan<byte> line, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        value = default;
        if (line.Length < name.Length || (line[0] | 0x20) != name[0] || !System.Text.Ascii.EqualsIgnoreCase(line[..name.Length], name))
            return false;
        value = line[name.Length..].TrimStart((byte)' ');
        return true;
    }
}
