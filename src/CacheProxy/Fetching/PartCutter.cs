using CacheProxy.Http;
using CacheProxy.Storage;

namespace CacheProxy.Fetching;

/// <summary>Cuts bytes that arrive into parts, and gives each away as soon as its last byte is here. What it holds counts in the budget of recordings, of which parts leave half.</summary>
/// <param name="grid">How the body is divided.</param>
/// <param name="first">The part that begins with the first byte.</param>
/// <param name="most">So many parts are given away: a long download is not to push out all else.</param>
/// <param name="limits">The budget.</param>
/// <param name="store">Gets the parts.</param>
/// <remarks>Used by one fetch, which does one thing after the other.</remarks>
internal sealed class PartCutter(PartGrid grid, long first, long most, RecordingLimits limits, Action<long, Body> store)
{
    private const int SegmentSize = 64 << 10; // below the large object heap; part sizes are multiples of it

    private readonly List<byte[]> _segments = [];
    private readonly long _end = Math.Min(grid.Count, first + most);
    private long _index = first;
    private long _length;
    private long _filled;
    private bool _isKept;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && _index < _end)
        {
            if (_filled == 0)
            {
                _length = grid.RangeOf(_index, _index).Length;
                _isKept = limits.TryReserveSparingly(_length);
            }
            var inSegment = (int)(_filled % SegmentSize);
            var count = (int)Math.Min(Math.Min(bytes.Length, SegmentSize - inSegment), _length - _filled);
            if (_isKept)
            {
                if (inSegment == 0)
                    _segments.Add(GC.AllocateUninitializedArray<byte>((int)Math.Min(SegmentSize, _length - _filled)));
                bytes[..count].CopyTo(_segments[^1].AsSpan(inSegment));
            }
            _filled += count;
            bytes = bytes[count..];
            if (_filled == _length)
                Finish();
        }
    }

    /// <summary>Lets go of what is not whole.</summary>
    public void Drop()
    {
        if (_isKept)
            limits.Release(_length);
        _isKept = false;
        _segments.Clear();
    }

    private void Finish()
    {
        if (_isKept)
            store(_index, new Body([.. _segments], _length));
        Drop();
        _filled = 0;
        _index++;
    }
}
