namespace CacheProxy.Coherence.Tests.Checker;

/// <summary>What a client gets: a version, when the origin gave these bytes, and when it last said that they hold.</summary>
internal readonly record struct Answer(bool IsError, long Version, long BodyAt, long ValidAt);

/// <summary>
/// A cache node: the steps that every cache over <see cref="CoherenceNode"/> follows, and nothing else. One key has one stored response.
/// </summary>
internal sealed class ModelNode(Simulation simulation, int owner, CoherenceNode node, IRemoteStore store, ModelOrigin origin, Safeguards on)
{
    private static readonly TimeSpan CatchUp = TimeSpan.FromMilliseconds(5);

    private readonly Dictionary<string, Entry> _stored = [];
    private readonly Dictionary<string, Flight> _flights = [];

    public CoherenceNode Node => node;

    private static readonly Tag Group = Tag.Of("group");
    private static readonly Dictionary<string, Tag[]> Tags = new() { ["a"] = [Tag.Of("url:a"), Group], ["b"] = [Tag.Of("url:b"), Group] };

    /// <param name="key">What is asked for.</param>
    /// <param name="need">The client's token: what it must not go behind; <c>null</c>: none.</param>
    public async Task<Answer> ReadAsync(string key, Position? need)
    {
        // 1. Out of touch, or behind what the client has seen: the caches are passed by.
        if (!IsTrusted || (need is { } token && !await node.ReachAsync(token, CatchUp, CancellationToken.None)))
            return await origin.FetchAsync(owner, key, null);

        // 2. What is stored here is served unless something came after its fill.
        var mark = MarkStrength.Hard;
        if (_stored.TryGetValue(key, out var entry))
        {
            mark = entry.Fence.Check(node);
            if (mark == MarkStrength.None)
                return entry.Answer;
            if (mark == MarkStrength.Soft)
            {
                _ = JoinOrLeadAsync(key, entry);
                return entry.Answer;
            }
        }

        // 3. One fill for all who may share it.
        var filled = await JoinOrLeadAsync(key, mark == MarkStrength.Invalid ? entry : null);

        // 4. In place of an error, only what has not been invalidated.
        if (filled.IsError && entry is not null && (entry.Fence.Check(node) <= MarkStrength.Soft || !on.HasFlag(Safeguards.HardRule)))
            return entry.Answer;
        return filled;
    }

    private bool IsTrusted => node.IsInTouch || !on.HasFlag(Safeguards.Heartbeat);

    private Task<Answer> JoinOrLeadAsync(string key, Entry? known)
    {
        if (_flights.TryGetValue(key, out var flight) && (flight.Fence.Check(node) < MarkStrength.Invalid || !on.HasFlag(Safeguards.JoinRule)))
            return flight.Answer;
        flight = _flights[key] = new Flight { Fence = FenceOf(key, node.Standing.Local) };
        return flight.Answer = LeadAsync(key, known, flight);
    }

    private async Task<Answer> LeadAsync(string key, Entry? known, Flight flight)
    {
        var began = node.Standing; // before anything is read
        var find = await store.FindAsync(key, "url:" + key, CancellationToken.None);
        for (var wait = 0; find.Kind == RemoteFindKind.Held && wait < 3; wait++)
        {
            await simulation.DelayAsync(Simulation.Milliseconds(3), owner);
            find = await store.FindAsync(key, "url:" + key, CancellationToken.None);
        }
        Answer answer;
        if (find.Kind == RemoteFindKind.Found)
        {
            answer = Unpack(find.Items[0]);
            Keep(key, answer, began.Local);
        }
        else
        {
            answer = await origin.FetchAsync(owner, key, known?.Answer);
            if (answer.BodyAt == known?.Answer.BodyAt && known.Fence.Check(node) == MarkStrength.Hard && on.HasFlag(Safeguards.HardRule))
                answer = await origin.FetchAsync(owner, key, null); // it said 304, but meanwhile the body had to go
            if (!on.HasFlag(Safeguards.FenceAtFillStart))
                (began, find) = (node.Standing, default);
            if (!answer.IsError)
            {
                Keep(key, answer, began.Local);
                // Bytes read just now begin where the store stood when it was asked. A body that a 304 lets live on does not: what was purged between
                // here and there, and not yet heard of here, was meant for it.
                var fill = find.Kind == RemoteFindKind.Unavailable || answer.BodyAt == known?.Answer.BodyAt ? began.Shared : find.Position;
                await store.StoreAsync(key, Pack(key, answer, fill), find.Lease, TimeSpan.FromMinutes(1), CancellationToken.None);
            }
        }
        if (_flights.TryGetValue(key, out var current) && current == flight)
            _flights.Remove(key);
        return answer;
    }

    /// <summary>What began later is not replaced by what ends later.</summary>
    private void Keep(string key, Answer answer, long fill)
    {
        if (!_stored.TryGetValue(key, out var entry) || entry.Fence.Fill <= fill)
            _stored[key] = new Entry { Answer = answer, Fence = FenceOf(key, fill) };
    }

    private static Fence FenceOf(string key, long fill) => new(key, Tags[key], fill);

    private static RemoteItem Pack(string key, Answer answer, Position fill)
    {
        var bytes = new byte[24];
        BitConverter.TryWriteBytes(bytes, answer.Version);
        BitConverter.TryWriteBytes(bytes.AsSpan(8), answer.BodyAt);
        BitConverter.TryWriteBytes(bytes.AsSpan(16), answer.ValidAt);
        return new RemoteItem("", bytes, Tags[key], fill);
    }

    private static Answer Unpack(RemoteItem item) =>
        new(false, BitConverter.ToInt64(item.Value.Span), BitConverter.ToInt64(item.Value.Span[8..]), BitConverter.ToInt64(item.Value.Span[16..]));

    private sealed class Entry
    {
        public Fence Fence; // changed in place: a field

        public required Answer Answer { get; init; }
    }

    private sealed class Flight
    {
        public Fence Fence;

        public Task<Answer> Answer { get; set; } = null!;
    }
}

/// <summary>The one place where versions are made, and read at some moment within a fetch.</summary>
internal sealed class ModelOrigin(Simulation simulation)
{
    private readonly Dictionary<string, long> _versions = [];

    public bool IsDown { get; set; }

    public long VersionOf(string key) => _versions.GetValueOrDefault(key, 1);

    public void Write(string key) => _versions[key] = VersionOf(key) + 1;

    /// <param name="owner">Who asks.</param>
    /// <param name="key">What for.</param>
    /// <param name="known">What it has: with the same version the body stays, as after a 304.</param>
    public async Task<Answer> FetchAsync(int owner, string key, Answer? known)
    {
        await simulation.DelayAsync(Some(), owner);
        if (IsDown)
            return new Answer(true, 0, 0, 0);
        var (version, at) = (VersionOf(key), simulation.Now);
        await simulation.DelayAsync(Some(), owner);
        return new Answer(false, version, known is { } have && have.Version == version ? have.BodyAt : at, at);
    }

    private long Some() => simulation.Random.Next(6) == 0 ? Simulation.Milliseconds(simulation.Random.Next(5, 120)) : simulation.Random.Next(1000, 20_000);
}
