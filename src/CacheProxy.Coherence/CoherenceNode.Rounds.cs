namespace CacheProxy.Coherence;

// A round: tell the order where this node stands and what it adds, apply what came after, until nothing is left. It begins when somebody rings:
// the timer (the heartbeat), another node's doorbell, an invalidation, a request that needs a later place. Rings during a round make one more.
//
//   1. What is to be sent goes along with the question, so a node is never in touch while it owes the order something.
//   2. Marks are set before the node says that it has applied them (Standing, Applied).
//   3. Only after all of it does the time at which the question was *sent* count as heard: the answer cannot know what came after that.
//   4. After the order was lost, everything from before is gone: any of it may have been purged without a word to this node, and if it were only
//      validated, a 304 would bring back what had to go.
//   5. Entries that somebody waits for are acknowledged by one more round at once.
public sealed partial class CoherenceNode
{
    private const int MaxBatch = 256;
    private const int MaxUnsent = 1024;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);

    private readonly string _id;
    private readonly Queue<OwnEntry> _own = new(); // not yet known to be in the order
    private readonly TaskCompletionSource _firstTouch = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ITimer? _timer;
    private TaskCompletionSource _nextRound = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private OrderPlace _place; // written by rounds
    private NodePlace[] _nodes = [];
    private string[] _acknowledge = [];
    private long _number;
    private long _heard = long.MinValue;
    private int _rung;
    private int _awaiting;
    private int _isStopped;
    private bool _wasInTouch;
    private volatile bool _owes; // something is applied here and not known to be in the order

    /// <summary>Whether what all nodes share may be believed here: the node is in touch, and its own invalidations are in the order.</summary>
    internal bool MayShare => IsInTouch && !_owes;

    /// <summary>By what the order knows this process.</summary>
    internal string Id => _id;

    /// <summary>Where this node stands, to be compared with the order's own history.</summary>
    internal OrderPlace Place
    {
        get
        {
            lock (_lock)
                return _place;
        }
    }

    /// <summary>Since the question was sent whose answer was the last to be applied.</summary>
    internal TimeSpan SinceHeard
    {
        get
        {
            var heard = Volatile.Read(ref _heard);
            return heard == long.MinValue ? TimeSpan.MaxValue : _time.GetElapsedTime(heard);
        }
    }

    /// <summary>Own invalidations that the order is not known to have.</summary>
    internal int Unsent
    {
        get
        {
            lock (_lock)
                return _own.Count;
        }
    }

    /// <summary>
    /// Who has been silent for longer has fenced itself: it trusts itself for the staleness, from when it asked. Twice that, for the order's clock is not
    /// the node's.
    /// </summary>
    internal static TimeSpan FencedAfter(TimeSpan staleness) => 2 * staleness;

    /// <summary>Ends with the next round that begins.</summary>
    private Task NextRound => Volatile.Read(ref _nextRound).Task;

    /// <summary>Makes a round begin, now or after the one under way.</summary>
    internal void Ring()
    {
        if (Volatile.Read(ref _isStopped) == 0 && Interlocked.Increment(ref _rung) == 1)
            _ = RunRoundsAsync();
    }

    private async Task RunRoundsAsync()
    {
        int rings;
        do
        {
            rings = Volatile.Read(ref _rung);
            var round = Interlocked.Exchange(ref _nextRound, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            try
            {
                Report(await RoundAsync());
            }
            catch (Exception exception) // of a handler that throws, or our own mistake: out of touch is the safe answer
            {
                Log.RoundFailed(_log, exception);
                Report(false);
            }
            round.SetResult();
            SetTimer();
        }
        while (Interlocked.Add(ref _rung, -rings) > 0);
    }

    private async ValueTask<bool> RoundAsync()
    {
        while (true)
        {
            var sent = _time.GetTimestamp();
            OwnEntry[] batch;
            lock (_lock)
                batch = [.. _own.Take(MaxBatch)];
            var (place, acknowledged) = (_place, _acknowledge);
            var answer = await _order.ExchangeAsync(new OrderQuestion(
                _id, place, [.. batch.Select(o => o.Entry)], acknowledged, Volatile.Read(ref _awaiting) > 0));
            if (answer is null)
            {
                foreach (var own in batch)
                    ApplyUnsent(own);
                return false;
            }
            _acknowledge = [];
            if (answer.Kind == OrderAnswerKind.Next)
                Apply(answer.Entries, batch);
            else if (!await ResyncAsync(answer, place.Position.Sequence))
                return false;
            Confirm(batch, answer);
            if (answer.HasMore || batch.Length == MaxBatch || answer.Kind == OrderAnswerKind.Lost)
                continue;
            Volatile.Write(ref _heard, sent);
            if (_acknowledge.Length > 0)
                Ring();
            return true;
        }
    }

    private void Apply(IReadOnlyList<OrderEntry> entries, OwnEntry[] batch)
    {
        foreach (var entry in entries)
        {
            var own = entry.Origin == _id ? Array.Find(batch, o => o.Entry.Number == entry.Number) : null;
            if (own is null && entry.IsAwaited && !_acknowledge.Contains(entry.Origin))
                _acknowledge = [.. _acknowledge, entry.Origin];
            Apply(entry.Invalidation, entry.Place, own);
        }
    }

    /// <summary>
    /// Sets marks under a new number, then says so. An own invalidation that was applied before it could be sent is applied again when it comes back:
    /// what was read in between may have come from a node that did not know it. The caches hear of it once.
    /// </summary>
    private void Apply(Invalidation invalidation, OrderPlace? place, OwnEntry? own)
    {
        bool announce;
        lock (_lock)
        {
            if (place is null && own is { Position: null })
                _owes = true; // before the marks: who finds them set also finds that the others may not know
            var number = _standing.Local + 1;
            Marks.Set(invalidation, number, place?.Position.Sequence ?? 0);
            Stand(number, place ?? _place);
            announce = own is not { IsApplied: true };
            if (own is not null)
                own.IsApplied = true;
        }
        _metrics?.Applied();
        if (announce)
            OnApplied?.Invoke(invalidation);
    }

    /// <summary>Applies an own invalidation here that the order does not have yet.</summary>
    /// <returns>Its place, if it has one after all.</returns>
    private Position? ApplyUnsent(OwnEntry own)
    {
        lock (_lock)
            if (own.IsApplied || own.Position is not null)
                return own.Position;
        Apply(own.Entry.Invalidation, null, own);
        return null;
    }

    /// <summary>
    /// The order does not tell entry by entry what came since. If it goes on from here, the marks tell, which are read after the place that they are good
    /// for. If it is another one, nobody can tell: everything from before is gone, on every node that comes to it.
    /// </summary>
    private async ValueTask<bool> ResyncAsync(OrderAnswer answer, long after)
    {
        var isLost = answer.Kind == OrderAnswerKind.Lost;
        var isFirst = Standing.Shared.Generation == 0;
        var slots = new byte[(int)MarkStrength.Hard + 1][];
        for (var strength = MarkStrength.Soft; strength <= MarkStrength.Hard && !isLost; strength++)
        {
            if (await _order.ReadMarksAsync(strength) is not { } read)
                return false;
            slots[(int)strength] = read;
        }
        lock (_lock)
        {
            var number = _standing.Local + 1;
            if (isLost)
            {
                after = 0; // a number of another history says nothing
                Marks.SetAll(MarkStrength.Hard, number);
                Marks.LeaveOrder();
            }
            else
            {
                for (var strength = MarkStrength.Soft; strength <= MarkStrength.Hard; strength++)
                {
                    Marks.SetSlots(strength, slots[(int)strength], after, number);
                    if (Math.Max(answer.All[(int)strength], answer.Bans[(int)strength]) > after)
                        Marks.SetAll(strength, number);
                }
            }
            if (answer.Bans.Max() > after)
                Marks.ForgetBans(answer.Bans.Max());
            Stand(number, answer.Now);
        }
        if (!isFirst) // else there was no other order before
        {
            _metrics?.Resynced(isLost ? "lost" : "gap");
            Log.Resynced(_log, isLost ? "the order is another one; everything from before is dropped" : "the order no longer tells one by one; marks were loaded");
        }
        if (isLost)
            OnApplied?.Invoke(new Invalidation(MarkStrength.Hard, [Tag.All]));
        return true;
    }

    private void Stand(long number, OrderPlace place)
    {
        _place = place;
        Volatile.Write(ref _standing, new Standing(number, place.Position));
    }

    /// <summary>What was sent is in the order. What has not come back (there is more to read, or a resync took its place) is applied here.</summary>
    private void Confirm(OwnEntry[] batch, OrderAnswer answer)
    {
        foreach (var own in batch)
            if (!own.IsApplied)
                Apply(own.Entry.Invalidation, null, own);
        if (Volatile.Read(ref _awaiting) > 0)
            Volatile.Write(ref _nodes, [.. answer.Nodes]); // before the place is there: who finds it finds them
        lock (_lock)
        {
            foreach (var own in batch)
            {
                own.Position = answer.Now.Position;
                if (_own.TryPeek(out var first) && first == own)
                    _own.Dequeue();
            }
            _owes = _own.Any(o => o.IsApplied);
        }
    }

    private OwnEntry Enqueue(Invalidation invalidation, bool isAwaited)
    {
        lock (_lock)
        {
            if (_own.Count >= MaxUnsent)
            {
                var strongest = _own.Max(o => o.Entry.Invalidation.Strength);
                _own.Clear();
                AddOwn(new Invalidation(strongest < MarkStrength.Invalid ? MarkStrength.Invalid : strongest, [Tag.All]), isAwaited: false).IsApplied = true;
                _owes = true;
                _metrics?.Resynced("overflow");
            }
            return AddOwn(invalidation, isAwaited);
        }
    }

    private OwnEntry AddOwn(Invalidation invalidation, bool isAwaited)
    {
        var own = new OwnEntry(new OrderEntry(default, _id, ++_number, isAwaited, invalidation));
        _own.Enqueue(own);
        return own;
    }

    private async ValueTask<IReadOnlyList<NodeReceipt>> AwaitNodesAsync(Position position, TimeSpan wait, CancellationToken cancellation)
    {
        var began = _time.GetTimestamp();
        while (true)
        {
            var round = NextRound;
            var nodes = Receipts(Volatile.Read(ref _nodes), position);
            var left = wait - _time.GetElapsedTime(began);
            if (left <= TimeSpan.Zero || cancellation.IsCancellationRequested || Array.TrueForAll(nodes, n => n.State != NodeState.Lagging))
                return nodes;
            SetTimer();
            await EndsWithinAsync(round, left, cancellation);
        }
    }

    /// <summary>A silent process whose successor is there under the same name is not worth telling of.</summary>
    private NodeReceipt[] Receipts(NodePlace[] places, Position position)
    {
        var nodes = places.Select(place => new NodeReceipt(NameOf(place.Node), StateOf(place, position))).ToArray();
        return [.. nodes.Where(node => node.State != NodeState.OutOfTouch || !nodes.Any(other => other.Node == node.Node && other.State != NodeState.OutOfTouch))];
    }

    private NodeState StateOf(NodePlace node, Position position) =>
        HasApplied(node, position) ? NodeState.Applied : node.Silent > FencedAfter(_staleness) ? NodeState.OutOfTouch : NodeState.Lagging;

    private bool HasApplied(NodePlace node, Position position) =>
        node.Node == _id || (node.Applied.Generation == position.Generation && node.Applied.Sequence >= position.Sequence);

    /// <summary>A node's id is its name and what tells this process from the one before it.</summary>
    private static string NameOf(string id) => id.LastIndexOf('~') is > 0 and var at ? id[..at] : id;

    private void SetTimer() => _timer?.Change(Volatile.Read(ref _awaiting) > 0 ? Poll : _staleness / 4, Timeout.InfiniteTimeSpan);

    private void Report(bool isInTouch)
    {
        if (_order.IsInProcess || (!isInTouch && IsInTouch) || isInTouch == _wasInTouch)
            return;
        _wasInTouch = isInTouch;
        if (isInTouch)
        {
            _firstTouch.TrySetResult();
            Log.InTouch(_log, Name);
        }
        else
        {
            Log.OutOfTouch(_log, Name, _staleness);
        }
    }

    private sealed class OwnEntry(OrderEntry entry)
    {
        public OrderEntry Entry => entry;

        /// <summary>It has marks here already.</summary>
        public bool IsApplied { get; set; }

        /// <summary>A place in the order at or after its own, once it is there.</summary>
        public Position? Position { get; set; }
    }
}
