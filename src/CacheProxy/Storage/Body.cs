using System.IO.Pipelines;

namespace CacheProxy.Storage;

/// <summary>
/// The bytes of a stored response: segments of at most 64 KiB, so that none lies on the large object heap. Immutable and opaque,
/// so that what lies beneath may change.
/// </summary>
internal sealed class Body
{
    public static readonly Body Empty = new([], 0);

    private readonly ReadOnlyMemory<byte>[] _segments;

    public Body(ReadOnlyMemory<byte>[] segments, long length)
    {
        _segments = segments;
        Length = length;
    }

    /// <summary>In bytes.</summary>
    public long Length { get; }

    /// <summary>Writes <paramref name="length"/> bytes from <paramref name="offset"/> on, flushing at least once a segment.</summary>
    public ValueTask<FlushResult> WriteToAsync(PipeWriter writer, long offset, long length, CancellationToken cancellation)
    {
        // A body of one segment, the common hit, is one write and needs no state machine.
        if (_segments.Length == 1)
            return writer.WriteAsync(_segments[0].Slice((int)offset, (int)length), cancellation);
        return WriteSegmentsAsync(writer, offset, length, cancellation);
    }

    /// <summary>Copies all of it.</summary>
    public void CopyTo(Span<byte> target)
    {
        foreach (var segment in _segments)
        {
            segment.Span.CopyTo(target);
            target = target[segment.Length..];
        }
    }

    private async ValueTask<FlushResult> WriteSegmentsAsync(PipeWriter writer, long offset, long length, CancellationToken cancellation)
    {
        var result = default(FlushResult);
        foreach (var segment in _segments)
        {
            if (length == 0)
                break;
            if (offset >= segment.Length)
            {
                offset -= segment.Length;
                continue;
            }
            var piece = segment.Slice((int)offset, (int)Math.Min(segment.Length - offset, length));
            offset = 0;
            length -= piece.Length;
            result = await writer.WriteAsync(piece, cancellation);
            if (result.IsCompleted || result.IsCanceled)
                break;
        }
        return result;
    }
}
