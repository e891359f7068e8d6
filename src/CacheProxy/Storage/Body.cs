namespace CacheProxy.Storage;

/// <summary>
/// The bytes of a response in segments of at most 64 KiB, so that none lies on the large object heap: as they were recorded, and as they stay
/// when there are too many for the block of a <see cref="StoredResponse"/>. Immutable.
/// </summary>
internal sealed class Body
{
    public static readonly Body Empty = new([], 0);

    private const int ArrayBytes = 24, ReferenceBytes = 8, ObjectBytes = 40;

    private readonly byte[][] _segments;
    private int _owners;

    /// <param name="segments">All full; they are the body's own from now on.</param>
    /// <param name="length">Of all together, in bytes.</param>
    public Body(byte[][] segments, long length)
    {
        _segments = segments;
        Length = length;
    }

    private Body(long length)
    {
        _segments = [];
        Length = length;
        IsAbsent = true;
    }

    /// <summary>A body of which the length alone is here: its bytes are stored in parts, or not at all. Reading it is a mistake.</summary>
    public static Body Absent(long length) => new(length);

    /// <inheritdoc cref="Absent"/>
    public bool IsAbsent { get; }

    /// <summary>In bytes.</summary>
    public long Length { get; }

    /// <summary>Bytes this takes in memory, measured on a 64-bit runtime.</summary>
    public long Size => ObjectBytes + ArrayBytes + (IsAbsent ? 0 : Length) + (_segments.Length * (ArrayBytes + ReferenceBytes));

    /// <summary>All of it, in pieces of at most 64 KiB.</summary>
    public ReadOnlySpan<byte[]> Segments
    {
        get
        {
            RefuseAbsent();
            return _segments;
        }
    }

    /// <summary>Whether the store's budget counts it.</summary>
    public bool IsStored => Volatile.Read(ref _owners) > 0;

    /// <summary>A resource with it has come into the store's count. One that was freshened has the body of the one before it.</summary>
    public void OnStored() => Interlocked.Increment(ref _owners);

    /// <summary>A resource with it has left the store's count.</summary>
    public void OnRemoved() => Interlocked.Decrement(ref _owners);

    /// <summary>Copies all of it.</summary>
    public void CopyTo(Span<byte> target)
    {
        RefuseAbsent();
        foreach (var segment in _segments)
        {
            segment.CopyTo(target);
            target = target[segment.Length..];
        }
    }

    /// <summary><paramref name="length"/> bytes from <paramref name="offset"/> on, in pieces of at most 64 KiB.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Pieces(long offset, long length)
    {
        RefuseAbsent();
        foreach (var segment in _segments)
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

    private void RefuseAbsent()
    {
        if (IsAbsent)
            throw new InvalidOperationException("The body is not here.");
    }
}
