using Microsoft.Extensions.Primitives;

namespace CacheProxy.Fetching;

/// <summary>
/// A response's body while it arrives: one writer, any number of readers, each at its own place.
/// </summary>
/// <remarks>
/// A recording is either <em>kept</em> or <em>windowed</em>. Kept: it is to be stored, so the writer never waits, and who joins late starts
/// at the beginning. Windowed: it will not be stored (or outgrew the limit); its beginning is let go, nobody may join any more, and the
/// writer waits for its readers (<see cref="RecordingReaders"/>). The lock guards all fields and the readers' places; nothing is awaited or
/// called back under it.
/// <para>
/// The reader that leads is woken on the writer's own thread: it writes to its client what has just arrived, and the writer goes on. A miss
/// that nobody shares costs no change of thread. All others are woken elsewhere.
/// </para>
/// </remarks>
internal sealed class Recording(RecordingLimits limits)
{
    private const int SegmentSize = 64 << 10; // below the large object heap

    private readonly Lock _lock = new();
    private RecordingReaders _readers;
    private Segment? _first = new();
    private Segment? _last;
    private long _length;
    private long _reserved;
    private long? _expected;
    private bool _ended;
    private bool _failed;
    private bool _isAnnounced;
    private TaskCompletionSource? _arrived;
    private RecordingReader? _waitingLeader;

    /// <summary>Whether the recording is (still) to be stored, and may be joined.</summary>
    public bool IsKept
    {
        get { lock (_lock) return _first is not null; }
    }

    /// <summary>Bytes written so far.</summary>
    public long Length
    {
        get { lock (_lock) return _length; }
    }

    /// <summary>Bytes that readers keep in memory after the end, when neither the budget of recordings nor the store counts them.</summary>
    public long HeldBytes
    {
        get { lock (_lock) return _ended && _first is not null && Body is not { IsStored: true } ? _length : 0; }
    }

    /// <summary>What <see cref="ToBody"/> made of it.</summary>
    public Storage.Body? Body { get; private set; }

    /// <summary>The trailer section, known when the recording has ended; <c>null</c> when there is none.</summary>
    public IReadOnlyList<KeyValuePair<string, StringValues>>? Trailers { get; private set; }

    /// <summary>Whether nothing more will come, or all that was announced is here.</summary>
    public bool IsOver
    {
        get { lock (_lock) return _ended || _length == _expected; }
    }

    /// <summary>A reader at the beginning; <c>null</c> when that has been let go, or when the rest will never come.</summary>
    /// <param name="leads">It is the one whose request began the recording; at most one does.</param>
    public RecordingReader? TryJoin(bool leads = false)
    {
        lock (_lock)
        {
            if (_first is null || _failed)
                return null;
            var reader = new RecordingReader(this, _first, leads);
            _readers.Add_NeedsLock(reader);
            return reader;
        }
    }

    /// <summary>Says how long the body will be, if that is known, so that segments fit.</summary>
    public void Expect(long? length)
    {
        lock (_lock)
            _expected = length;
    }

    /// <summary>The head is known. When bytes follow at once, they do the waking.</summary>
    public void Announce(bool bytesFollow)
    {
        Waiting waiting;
        lock (_lock)
        {
            _isAnnounced = true;
            waiting = bytesFollow ? default : TakeWaiting_NeedsLock();
        }
        waiting.Wake();
    }

    /// <summary>Lets the beginning go: from now on the writer waits for its readers.</summary>
    public void StopKeeping()
    {
        lock (_lock)
            StopKeeping_NeedsLock();
    }

    /// <summary>Copies bytes in; waits for room when windowed.</summary>
    public ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        Waiting waiting;
        bool isCrowded;
        lock (_lock)
        {
            if (_first is not null && (_length + bytes.Length > limits.MaxBodyBytes || !Reserve_NeedsLock(bytes.Length)))
                StopKeeping_NeedsLock();
            CopyIn_NeedsLock(bytes.Span);
            // The last of the announced bytes wait for the end, which follows at once: when a client has them all, the response is stored.
            waiting = _length == _expected ? default : TakeWaiting_NeedsLock();
            isCrowded = _first is null && _readers.HasLaggard_NeedsLock(_length);
        }
        waiting.Wake();
        return isCrowded ? WaitForRoomAsync(cancellation) : default;
    }

    /// <summary>
    /// Ends the recording: whole, with the trailers there were, or failed. Those who wait hear of it by <see cref="Wake"/>.
    /// </summary>
    public void End(bool failed, IReadOnlyList<KeyValuePair<string, StringValues>>? trailers)
    {
        lock (_lock)
        {
            if (_ended)
                return;
            _ended = true;
            _failed = failed;
            Trailers = trailers;
            Release_NeedsLock();
        }
    }

    /// <summary>Wakes those who wait.</summary>
    public void Wake()
    {
        Waiting waiting;
        lock (_lock)
            waiting = TakeWaiting_NeedsLock();
        waiting.Wake();
    }

    /// <summary>The recorded bytes, when the recording was kept and has ended whole; <c>null</c> otherwise.</summary>
    public Storage.Body? ToBody()
    {
        lock (_lock)
        {
            if (_first is null || !_ended || _failed)
                return null;
            if (_length == 0)
                return Storage.Body.Empty;
            if (_first.Next is null)
                return Body = new Storage.Body([_first.Exact()], _length);
            var segments = new List<byte[]>();
            for (var segment = _first; segment is not null; segment = segment.Next)
                segments.Add(segment.Exact());
            return Body = new Storage.Body([.. segments], _length);
        }
    }

    internal async ValueTask<ReadOnlyMemory<byte>> ReadAsync(RecordingReader reader, CancellationToken cancellation)
    {
        while (true)
        {
            Task? arrived = null;
            lock (_lock)
            {
                if (Take_NeedsLock(reader) is { Length: > 0 } piece)
                    return piece;
                if (_ended || reader.IsCut)
                {
                    reader.EndedWhole = _ended && !_failed && !reader.IsCut;
                    return default;
                }
                if (reader.Leads)
                    _waitingLeader = reader;
                else
                    arrived = (_arrived ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
            if (arrived is null)
                await reader.Arrival(cancellation);
            else
                await arrived.WaitAsync(cancellation);
        }
    }

    internal ValueTask HeadAsync(RecordingReader leader, CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (_isAnnounced)
                return default;
            _waitingLeader = leader;
        }
        return leader.Arrival(cancellation);
    }

    /// <returns>Whether it waited: then nothing else will wake it.</returns>
    internal bool StopsWaiting(RecordingReader leader)
    {
        lock (_lock)
        {
            if (_waitingLeader != leader)
                return false;
            _waitingLeader = null;
            return true;
        }
    }

    internal void Leave(RecordingReader reader)
    {
        lock (_lock)
        {
            _readers.Remove_NeedsLock(reader);
            reader.Segment = Segment.None;
        }
    }

    private ReadOnlyMemory<byte> Take_NeedsLock(RecordingReader reader)
    {
        if (reader.Segment == Segment.None)
            return default;
        while (reader.Offset == reader.Segment.Filled && reader.Segment.Next is { } next)
        {
            reader.Segment = next;
            reader.Offset = 0;
        }
        var piece = reader.Segment.Bytes.AsMemory(reader.Offset, reader.Segment.Filled - reader.Offset);
        reader.Offset += piece.Length;
        reader.Position += piece.Length;
        if (piece.Length > 0)
            _readers.Moved_NeedsLock();
        return piece;
    }

    private void CopyIn_NeedsLock(ReadOnlySpan<byte> bytes)
    {
        _last ??= _first!;
        while (bytes.Length > 0)
        {
            var space = _last.Bytes.Length - _last.Filled;
            if (space == 0)
            {
                if (_last.Filled > 0)
                    _last = _last.Next = new Segment();
                _last.Bytes = GC.AllocateUninitializedArray<byte>(NextSegmentSize_NeedsLock(bytes.Length));
                continue;
            }
            var count = Math.Min(space, bytes.Length);
            bytes[..count].CopyTo(_last.Bytes.AsSpan(_last.Filled));
            _last.Filled += count;
            _length += count;
            bytes = bytes[count..];
        }
    }

    /// <summary>Exact when the length is known; otherwise growing with the body, so that many small writes do not make many segments.</summary>
    private int NextSegmentSize_NeedsLock(int atLeast)
    {
        var size = _expected is { } expected && expected > _length
            ? Math.Max(atLeast, expected - _length)
            : Math.Max(atLeast, _length);
        return (int)Math.Min(size, SegmentSize);
    }

    private void StopKeeping_NeedsLock()
    {
        _last ??= _first;
        _first = null;
        Release_NeedsLock();
    }

    private bool Reserve_NeedsLock(int count)
    {
        if (!limits.TryReserve(count))
            return false;
        _reserved += count;
        return true;
    }

    private void Release_NeedsLock()
    {
        limits.Release(_reserved);
        _reserved = 0;
    }

    /// <summary>Those who wait for what has come. Before the head the one who leads waits for nothing else.</summary>
    private Waiting TakeWaiting_NeedsLock()
    {
        var waiting = new Waiting(_isAnnounced ? _waitingLeader : null, _arrived);
        if (_isAnnounced)
            _waitingLeader = null;
        _arrived = null;
        return waiting;
    }

    private async ValueTask WaitForRoomAsync(CancellationToken cancellation)
    {
        while (true)
        {
            Task room;
            TimeSpan patience;
            lock (_lock)
            {
                if (!_readers.HasLaggard_NeedsLock(_length))
                    return;
                patience = _readers.Patience_NeedsLock(_length, limits.LaggardGrace);
                room = _readers.Room_NeedsLock();
            }
            var began = limits.Time.GetTimestamp();
            try
            {
                await room.WaitAsync(patience, limits.Time, cancellation);
            }
            catch (TimeoutException)
            {
                // The grace of at least one of them has run out: charged and cut below.
            }
            Waiting waiting;
            lock (_lock)
                waiting = _readers.Charge_NeedsLock(limits.Time.GetElapsedTime(began), limits.LaggardGrace) ? TakeWaiting_NeedsLock() : default;
            waiting.Wake();
        }
    }

    /// <summary>Those who wait, taken under the lock to be woken outside of it: the leader last, for it runs here.</summary>
    private readonly record struct Waiting(RecordingReader? Leader, TaskCompletionSource? Others)
    {
        public void Wake()
        {
            Others?.SetResult();
            Leader?.Arrived();
        }
    }
}
