using System.Threading.Tasks.Sources;

namespace CacheProxy.Fetching;

/// <summary>
/// One reader's place in a <see cref="Recording"/>. Used by one request at a time; its fields are guarded by the recording's lock.
/// </summary>
/// <remarks>The reader that leads waits on itself: a miss needs no task for that, and is resumed on the writer's thread.</remarks>
internal sealed class RecordingReader(Recording recording, Segment start, bool leads) : IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _arrival; // runs what waits at once
    private CancellationTokenRegistration _leaves;
    private CancellationToken _cancellation;

    /// <summary>Its request began the recording: it is woken on the writer's thread.</summary>
    public bool Leads => leads;

    /// <summary>Neighbours in <see cref="RecordingReaders"/>.</summary>
    internal RecordingReader? Next { get; set; }

    internal RecordingReader? Previous { get; set; }

    internal Segment Segment { get; set; } = start;

    internal int Offset { get; set; }

    /// <summary>Bytes read so far.</summary>
    internal long Position { get; set; }

    /// <summary>How long the writer has waited for this reader, in sum.</summary>
    internal TimeSpan HeldBack { get; set; }

    /// <summary>The wait under way is charged to it.</summary>
    internal bool HoldsBack { get; set; }

    /// <summary>It held others back for too long: it gets nothing more.</summary>
    internal bool IsCut { get; set; }

    /// <summary>After the end: whether the body was whole. Otherwise the client must be cut off, never ended cleanly.</summary>
    public bool EndedWhole { get; internal set; }

    /// <summary>Waits until the head is known; for the reader that leads.</summary>
    public ValueTask HeadAsync(CancellationToken cancellation) => recording.HeadAsync(this, cancellation);

    /// <summary>The next bytes, valid until the next call; empty at the end.</summary>
    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancellation) => recording.ReadAsync(this, cancellation);

    /// <summary>The wait that <see cref="Arrived"/> ends, or the client that leaves. The recording knows already that it waits.</summary>
    internal ValueTask Arrival(CancellationToken cancellation)
    {
        var arrival = new ValueTask(this, _arrival.Version);
        _cancellation = cancellation;
        _leaves = cancellation.UnsafeRegister(static reader => ((RecordingReader)reader!).Leave(), this);
        return arrival;
    }

    internal void Arrived() => _arrival.SetResult(true);

    void IValueTaskSource.GetResult(short token)
    {
        _leaves.Unregister();
        try
        {
            _arrival.GetResult(token);
        }
        finally
        {
            _arrival.Reset();
        }
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _arrival.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _arrival.OnCompleted(continuation, state, token, flags);

    private void Leave()
    {
        if (recording.StopsWaiting(this))
            _arrival.SetException(new OperationCanceledException(_cancellation));
    }
}
