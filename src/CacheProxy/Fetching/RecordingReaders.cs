namespace CacheProxy.Fetching;

/// <summary>
/// The readers of one recording, and what they owe each other once it is windowed: the writer is at most <see cref="Window"/> ahead of the
/// slowest, and a reader that holds others back for longer than the grace, in sum, is cut. A wait counts against it while somebody else has
/// read all there is. All of it is guarded by the recording's lock.
/// </summary>
internal struct RecordingReaders
{
    private const int Window = 1 << 20;

    private RecordingReader? _first;
    private TaskCompletionSource? _room;

    public void Add_NeedsLock(RecordingReader reader)
    {
        reader.Next = _first;
        if (_first is not null)
            _first.Previous = reader;
        _first = reader;
    }

    /// <summary>Takes a reader out, at the same cost however many there are.</summary>
    public void Remove_NeedsLock(RecordingReader reader)
    {
        if (reader.Previous is not null)
            reader.Previous.Next = reader.Next;
        else if (_first == reader)
            _first = reader.Next;
        if (reader.Next is not null)
            reader.Next.Previous = reader.Previous;
        reader.Next = reader.Previous = null;
        Moved_NeedsLock();
    }

    /// <summary>A reader has read, or left: whoever waits for room looks again.</summary>
    public void Moved_NeedsLock()
    {
        _room?.SetResult(); // continuations run elsewhere
        _room = null;
    }

    /// <summary>Done when a reader moves.</summary>
    public Task Room_NeedsLock() => (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    public readonly bool HasLaggard_NeedsLock(long length)
    {
        for (var reader = _first; reader is not null; reader = reader.Next)
            if (IsLaggard(reader, length))
                return true;
        return false;
    }

    /// <summary>
    /// Notes whom the wait that begins now is charged to, and says how long it may last: until the first of them has no grace left; without
    /// end when nobody is held back. Every read ends the wait, so that this is asked again.
    /// </summary>
    public readonly TimeSpan Patience_NeedsLock(long length, TimeSpan grace)
    {
        var patience = Timeout.InfiniteTimeSpan;
        var isAnyoneHeldBack = false;
        for (var reader = _first; reader is not null; reader = reader.Next)
            isAnyoneHeldBack |= !reader.IsCut && reader.Position == length;
        for (var reader = _first; reader is not null; reader = reader.Next)
        {
            reader.HoldsBack = isAnyoneHeldBack && IsLaggard(reader, length);
            if (!reader.HoldsBack)
                continue;
            var left = grace - reader.HeldBack;
            if (patience < TimeSpan.Zero || left < patience)
                patience = left;
        }
        return patience;
    }

    /// <returns>Whether a reader was cut; if it waits it must hear of it.</returns>
    public readonly bool Charge_NeedsLock(TimeSpan waited, TimeSpan grace)
    {
        var isAnyCut = false;
        for (var reader = _first; reader is not null; reader = reader.Next)
        {
            if (!reader.HoldsBack)
                continue;
            reader.HoldsBack = false;
            reader.HeldBack += waited;
            if (reader.HeldBack < grace)
                continue;
            reader.IsCut = true;
            reader.Segment = Segment.None;
            isAnyCut = true;
        }
        return isAnyCut;
    }

    private static bool IsLaggard(RecordingReader reader, long length) => !reader.IsCut && length - reader.Position > Window;
}
