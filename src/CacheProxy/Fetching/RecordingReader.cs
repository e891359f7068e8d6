namespace CacheProxy.Fetching;

/// <summary>One reader's place in a <see cref="Recording"/>. Used by one request at a time; its fields are guarded by the recording's lock.</summary>
internal sealed class RecordingReader(Recording recording, Recording.Segment start, bool leads)
{
    /// <summary>Its request began the recording: it is woken on the writer's thread.</summary>
    public bool Leads => leads;

    internal Recording.Segment Segment { get; set; } = start;

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

    /// <summary>Waits until the head is known.</summary>
    public ValueTask HeadAsync(CancellationToken cancellation) => recording.HeadAsync(this, cancellation);

    /// <summary>The next bytes, valid until the next call; empty at the end.</summary>
    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancellation) => recording.ReadAsync(this, cancellation);
}
