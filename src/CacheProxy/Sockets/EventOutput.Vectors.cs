using System.Buffers;
using System.Runtime.InteropServices;

namespace CacheProxy.Sockets;

/// <content>What is sent from where it lies, after what was written.</content>
internal sealed partial class EventOutput
{
    /// <summary>How many places one call of the system is told.</summary>
    private const int MostVectors = 64;

    /// <summary>Sends what was written and then the segments: as much as the kernel takes now.</summary>
    /// <param name="segments">What follows.</param>
    /// <param name="index">The first of them that is not all sent; moved on.</param>
    /// <param name="offset">How many bytes of that one are sent; moved on.</param>
    /// <returns>How many bytes of the segments were sent.</returns>
    public long TrySend(ReadOnlySpan<byte[]> segments, ref int index, ref int offset)
    {
        lock (_lock)
            return TrySend_NeedsLock(segments, ref index, ref offset);
    }

    private long TrySend_NeedsLock(ReadOnlySpan<byte[]> segments, ref int index, ref int offset)
    {
        if (_isWaiting)
            throw new InvalidOperationException("Somebody flushes.");
        _isLent = false;
        if (_full.Count > 0 && !TrySend_NeedsLock())
            return 0;
        var total = 0L;
        while (index < segments.Length && !_isOver && !_isBlocked)
        {
            var some = segments.Slice(index, Math.Min(segments.Length - index, MostVectors - 1));
            var sent = SendVectors_NeedsLock(some, offset);
            total += sent;
            for (var left = sent + offset; ; left -= segments[index++].Length)
            {
                offset = left;
                if (index == segments.Length || left < segments[index].Length)
                    break;
            }
            if (offset > 0 || sent == 0)
                break; // the kernel has enough
        }
        return total;
    }

    /// <returns>How many bytes of the segments.</returns>
    private int SendVectors_NeedsLock(ReadOnlySpan<byte[]> segments, int offset)
    {
        Span<GCHandle> pins = stackalloc GCHandle[MostVectors];
        Span<Libc.Vector> vectors = stackalloc Libc.Vector[MostVectors];
        var count = 0;
        var before = _end - _sent;
        if (before > 0)
        {
            pins[count] = GCHandle.Alloc(_buffer, GCHandleType.Pinned);
            vectors[count] = new() { Start = pins[count].AddrOfPinnedObject() + _sent, Length = before };
            count++;
        }
        foreach (var segment in segments)
        {
            pins[count] = GCHandle.Alloc(segment, GCHandleType.Pinned);
            vectors[count] = new() { Start = pins[count].AddrOfPinnedObject() + offset, Length = segment.Length - offset };
            count++;
            offset = 0;
        }
        var sent = Libc.Send(connection.Handle, vectors[..count]);
        foreach (var pin in pins[..count])
            pin.Free();
        if (sent < 0)
        {
            OnError_NeedsLock(sent);
            return 0;
        }
        if (sent < before)
        {
            _sent += sent;
            return 0;
        }
        if (_buffer is not null)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = null;
            _sent = _end = 0;
        }
        return sent - before;
    }
}
