using System.IO.Pipelines;

namespace CacheProxy.Storage;

/// <summary>
/// The bytes of a stored response: segments of at most 64 KiB, so that none lies on the large object heap. Immutable and opaque,
/// so that what lies beneath may change.
/// </summary>
internal sealed class Body
{
    public static readonly Body Empty = new([], 0);

    // Most bodies have one segment, and what a stored response does without, no collection of garbage has to walk.
    private readonly byte[] _first;
    private readonly byte[][]? _segments;

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

    /// <summary>Writes <paramref name="length"/> bytes from <paramref name="offset"/> on, flushing at least once a segment.</summary>
    public ValueTask<FlushResult> WriteToAsync(PipeWriter writer, long offset, long length, CancellationToken cancellation)
    {
        // A body of one segment, the common hit, is one write and needs no state machine.
        if (_segments is null)
            return writer.WriteAsync(_first.AsMemory((int)offset, (int)length), cancellation);
        return WriteSegmentsAsync(_segments, writer, offset, length, cancellation);
    }

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

    private static async ValueTask<FlushResult> WriteSegmentsAsync(
        byte[][] segments, PipeWriter writer, long offset, long length, CancellationToken cancellation)
    {
        var result = default(FlushResult);
        foreach (var segment in segments)
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
            result = await writer.WriteAsync(piece, cancellation);
            if (result.IsCompleted || result.IsCanceled)
                break;
        }
        return result;
    }
}
