using CacheProxy.Coherence;
using CacheProxy.Keys;
using CacheProxy.Storage;

namespace CacheProxy.Fetching;

/// <summary>
/// One fetch that any number of requests wait for and read from. It belongs to none of them: it ends when it is done, or when nobody is
/// left and finishing is not worth it.
/// </summary>
/// <remarks>
/// The lock guards the count of passengers, the flags and the timer. Giving up is decided under it, so nobody boards a flight that is being
/// cancelled; the callbacks of the cancellation run elsewhere.
/// </remarks>
internal sealed class Flight : IDisposable
{
    /// <summary>A refresh that nobody waits for ends after this, however slowly its bytes drip.</summary>
    private static readonly TimeSpan BackgroundTime = TimeSpan.FromMinutes(5);

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _cancellation = new();
    private readonly FlightLimits _limits;
    private FlightAnswer? _answer;
    private TaskCompletionSource<FlightAnswer>? _waiting;
    private ITimer? _deadline;
    private readonly long _began;
    private long _published;
    private int _passengers;
    private bool _isBackground;
    private bool _isOverdue;
    private bool _ended;
    private FlightFence _fence;
    private List<StoredResponse>? _kept;

    public Flight(string key, string cacheKey, Standing fill, FlightLimits limits, RecordingLimits recordingLimits)
    {
        Key = key;
        Fill = fill;
        _fence = new FlightFence(new Fence(CacheKey.UriOf(cacheKey), Array.Empty<string>(), fill.Local));
        RecordingLimits = recordingLimits;
        Recording = new Recording(recordingLimits);
        _limits = limits;
        _began = limits.Time.GetTimestamp();
    }

    /// <summary>What it is found by among the flights: the cache key, and what else divides those who may share.</summary>
    public string Key { get; }

    /// <summary>Neighbours in <see cref="FlightsUnderWay"/>, guarded by its lock.</summary>
    internal Flight? Next { get; set; }

    internal Flight? Previous { get; set; }

    /// <summary>Where this node stood in the order of invalidations before it began.</summary>
    public Standing Fill { get; }

    public Recording Recording { get; }

    public RecordingLimits RecordingLimits { get; }

    /// <summary>Known when the origin's head is, or when there will be none; <c>null</c> until then.</summary>
    public FlightAnswer? Answer => Volatile.Read(ref _answer);

    public CancellationToken Cancellation => _cancellation.Token;

    /// <summary>Comes aboard; <c>null</c> when it is too late.</summary>
    /// <param name="leads">Its request begins the flight.</param>
    public RecordingReader? TryBoard(bool leads = false)
    {
        lock (_lock)
        {
            if (_cancellation.IsCancellationRequested || IsStale_NeedsLock() || Recording.TryJoin(leads) is not { } reader)
                return null;
            if (_passengers++ == 0 && !_isBackground)
                _deadline?.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            return reader;
        }
    }

    /// <summary>Leaves. The last one to leave decides whether the fetch is worth finishing.</summary>
    public void Leave(RecordingReader reader)
    {
        Recording.Leave(reader);
        lock (_lock)
        {
            _passengers--;
            ReleaseKept_NeedsLock();
            // With all bytes here only the end is to come, and a timer would cost more than it saves.
            if (!IsDeserted_NeedsLock() || Recording.IsOver)
                return;
            if (!IsWorthFinishing_NeedsLock())
            {
                GiveUp_NeedsLock();
                return;
            }
            if (!_isBackground)
                SetDeadline_NeedsLock(_limits.FinishTime);
        }
    }

    /// <summary>
    /// Whether an invalidation has come after it began: a request that came after the invalidation must not see what was read before it. A node
    /// that would not hear of one takes it that there was one, once the time is over for which it trusts itself.
    /// </summary>
    public bool IsOvertaken(CoherenceNode node) =>
        (!node.IsInTouch && _limits.Time.GetElapsedTime(_began) > node.Staleness)
        || Volatile.Read(ref _fence).Fence.Check(node) != MarkStrength.None;

    /// <summary>The head has come, and says what the response is tagged with. Before <see cref="Publish"/>.</summary>
    public void Fenced(in Fence fence) => Volatile.Write(ref _fence, new FlightFence(fence));

    /// <summary>Holds a stored response for as long as the fetch runs and anybody is aboard.</summary>
    /// <returns><c>null</c> when it is gone.</returns>
    public StoredResponse? Keep(StoredResponse? stored)
    {
        if (stored is null || !stored.TryHold())
            return null;
        lock (_lock)
            (_kept ??= []).Add(stored);
        return stored;
    }

    /// <summary>Goes on without passengers, for a time: a refresh behind a stale answer.</summary>
    public void RunInBackground()
    {
        lock (_lock)
        {
            if (_isBackground || _isOverdue || _ended)
                return;
            _isBackground = true;
            SetDeadline_NeedsLock(BackgroundTime);
        }
    }

    /// <summary>The service stops: it is given up, whoever is aboard.</summary>
    public void Stop()
    {
        lock (_lock)
            if (!_ended)
                GiveUp_NeedsLock();
    }

    /// <summary>The recording is no longer kept: nobody boards any more, and with nobody aboard the fetch has no use.</summary>
    public void OnOutgrown() => GiveUpIfPointless();

    /// <summary>The fetch is over; who is still aboard reads on.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _ended = true;
            _deadline?.Dispose();
            ReleaseKept_NeedsLock();
        }
        _cancellation.Dispose();
    }

    /// <summary>The answer, for one who does not lead.</summary>
    public Task<FlightAnswer> AnswerAsync(CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (_answer is { } answer)
                return Task.FromResult(answer);
            _waiting ??= new TaskCompletionSource<FlightAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
            return _waiting.Task.WaitAsync(cancellation);
        }
    }

    /// <param name="answer">What the fetch came to; a second one is ignored.</param>
    /// <param name="bytesFollow">Bytes are appended to the recording at once, and do the waking of the one who leads.</param>
    public void Publish(FlightAnswer answer, bool bytesFollow = false)
    {
        lock (_lock)
        {
            if (_answer is not null)
                return;
            _published = _limits.Time.GetTimestamp();
            Volatile.Write(ref _answer, answer);
            _waiting?.SetResult(answer); // continuations run elsewhere
        }
        GiveUpIfPointless(); // those who left before the head came could not know
        Recording.Announce(bytesFollow);
    }

    private void ReleaseKept_NeedsLock()
    {
        if (_kept is null || !_ended || _passengers > 0)
            return;
        foreach (var stored in _kept)
            stored.Release();
        _kept = null;
    }

    private void GiveUpIfPointless()
    {
        lock (_lock)
            if (IsDeserted_NeedsLock() && !IsWorthFinishing_NeedsLock())
                GiveUp_NeedsLock();
    }

    private void SetDeadline_NeedsLock(TimeSpan due)
    {
        _deadline ??= _limits.Time.CreateTimer(
            static flight => ((Flight)flight!).OnDeadline(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _deadline.Change(due, Timeout.InfiniteTimeSpan);
    }

    private void OnDeadline()
    {
        lock (_lock)
        {
            _isOverdue |= _isBackground;
            _isBackground = false; // who is aboard by now keeps it going, as any other flight
            if (IsDeserted_NeedsLock())
                GiveUp_NeedsLock();
        }
    }

    /// <summary>A body may take longer to come than its response is fresh, and no-cache keeps it from any reuse: who waited for the head had it.</summary>
    private bool IsStale_NeedsLock() =>
        _answer is { Kind: FlightAnswerKind.Recorded, Decision.Store: true } answer
        && _limits.Time.GetElapsedTime(_published) >= answer.TimeToLive;

    private bool IsDeserted_NeedsLock() => _passengers == 0 && !_ended;

    private void GiveUp_NeedsLock() => _ = _cancellation.CancelAsync();

    /// <summary>Before the head the origin has done its work for an answer worth having; after it, what may be stored and is nearly here is finished.</summary>
    private bool IsWorthFinishing_NeedsLock()
    {
        if (_limits.FinishTime <= TimeSpan.Zero && !_isBackground)
            return false;
        if (_answer is not { Kind: FlightAnswerKind.Recorded } answer)
            return true;
        return answer.Decision.Store && (Recording.IsKept || answer.Whole is not null) // parts are stored as they come, whatever becomes of the recording
            && (_isBackground || answer.ContentLength is not { } length || length - Recording.Length <= _limits.FinishBytes);
    }
}

/// <summary>Replaced whole, for others are reading it.</summary>
internal sealed class FlightFence(Fence fence)
{
    public Fence Fence = fence;
}

/// <param name="FinishBytes">A fetch that nobody waits for goes on when at most this much is left.</param>
/// <param name="FinishTime">For at most this long.</param>
/// <param name="Time">The clock of that.</param>
internal sealed record FlightLimits(long FinishBytes, TimeSpan FinishTime, TimeProvider Time);
