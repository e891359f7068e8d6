using System.Buffers;
using System.IO.Pipelines;

namespace CacheProxy.Storage;

/// <summary>
/// The bytes of a stored response: segments of at most 64 KiB, so that none lies on the large object heap. Its bytes are immutable, and how
/// they lie is its own affair, so that it may change.
/// </summary>
internal sealed class Body
{
    public static readonly Body Empty = new([], 0);

    // Most bodies have one segment, and what a stored response does without, no collection of garbage has to walk.
    private readonly byte[] _first;
    private readonly byte[][]? _segments;
    private int _owners;

    /// <param name="segments">All full; they are the body's own from now on.</param>
    /// <param name="length">Of all together, in bytes.</param>
    public Body(ReadOnlySpan<byte[]> segments, long length)
    {
        _first = segments.IsEmpty ? [] : segments[0];
        _segments = segments.Length > 1 ? segments.ToArray() : null;
        Length = length;
    }

    /// <summary>In bytes.</summary>
    public long Length { get; }

    /// <summary>Whether it is one piece of at most 64 KiB: the common hit, one write, which needs no state machine.</summary>
    public bool IsOnePiece => _segments is null;

    /// <summary>Whether the store's budget counts it.</summary>
    public bool IsStored => Volatile.Read(ref _owners) > 0;

    /// <summary>A resource with it has come into the store's count. One that was freshened has the body of the one before it.</summary>
    public void OnStored() => Interlocked.Increment(ref _owners);

    /// <summary>A resource with it has left the store's count.</summary>
    public void OnRemoved() => Interlocked.Decrement(ref _owners);

    /// <summary>Writes <paramref name="length"/> bytes from <paramref name="offset"/> on of a body of one piece.</summary>
    public ValueTask<FlushResult> WriteToAsync(PipeWriter writer, long offset, long length, CancellationToken cancellation) =>
        writer.WriteAsync(_first.AsMemory((int)offset, (int)length), cancellation);

    /// <summary>Writes all of a body of one piece, and sends nothing.</summary>
    public void WriteTo(IBufferWriter<byte> writer) => writer.Write(_first);

    /// <summary>Copies all of it.</summary>
    public void CopyTo(Span<byte> target)
    {
        var segments = _segments is null ? new ReadOnlySpan<byte[]>(in _first) : _segments;
        foreach (var segment in segments)
        {
            segment.CopyTo(target);
            target = target[segment.Length..];
        }
    }

    /// <summary><paramref name="length"/> bytes from <paramref name="offset"/> on, in pieces of at most 64 KiB.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Pieces(long offset, long length)
    {
        foreach (var segment in _segments ?? [_first])
        {
            if (length == 0)
                break;
            if (offset >= segment.Length)
            {
                offset -= segment.Length;
                continue;
            }
            var piece = segment.AsMemory((int)offset, (int)Math.Min(segment.Length - offset, length));
            offset = 0;
            length -= piece.Length;
            yield return piece;
        }
    }
}
