using System.Buffers.Binary;

namespace CacheProxy.Coherence.Tests.Checker;

/// <summary>What the scripts do, in C#: the order and the store of one Redis. Its own faults are to be trimmed, emptied, or replaced by an older self.</summary>
internal sealed class ModelRedis(Simulation simulation, Safeguards on, int bits, long live)
{
    private readonly Marks _slots = new(bits); // for its arithmetic
    private State _state = new(bits);

    /// <summary>Rings at every node.</summary>
    public Action<string?> Bell { get; set; } = _ => { };

    /// <summary>An invalidation is in the order now.</summary>
    public Action<Invalidation> Appended { get; set; } = _ => { };

    /// <summary>An invalidation was in the order and no longer is.</summary>
    public Action<Invalidation> Forgotten { get; set; } = _ => { };

    /// <summary>A generation begins.</summary>
    public Action Began { get; set; } = () => { };

    /// <summary>Work is lost, or waited for, that the safeguards should have spared.</summary>
    public Action<string> Wasted { get; set; } = _ => { };

    public OrderAnswer Exchange(OrderQuestion question)
    {
        var kind = OrderAnswerKind.Next;
        var at = question.At.Position;
        if (_state.Generation == 0)
            Begin(1, at.Generation);
        if (!on.HasFlag(Safeguards.Generation))
            kind = at.Generation == 0 ? OrderAnswerKind.Lost : OrderAnswerKind.Next;
        else if (at.Generation != _state.Generation)
        {
            kind = OrderAnswerKind.Lost;
            if (at.Generation >> 40 >= _state.Generation >> 40)
                Begin(_state.Sequence + 1, at.Generation);
        }
        else if (at.Sequence <= _state.Sequence && NonceAt(at.Sequence) is null)
            kind = OrderAnswerKind.Gap;
        else if (at.Sequence > _state.Sequence || NonceAt(at.Sequence) != question.At.Nonce)
        {
            Begin(Math.Max(_state.Sequence, at.Sequence) + 1, at.Generation);
            kind = OrderAnswerKind.Lost;
        }
        foreach (var node in question.Acknowledge)
            Bell(node);
        _state.Nodes.TryGetValue(question.Node, out var known);
        var (number, before) = (known.Number, _state.Sequence);
        foreach (var entry in question.Append.Where(e => e.Number > number))
        {
            number = entry.Number;
            Append(entry);
        }
        if (_state.Sequence > before)
            Bell(null);
        _state.Nodes[question.Node] = (new Position(_state.Generation, kind == OrderAnswerKind.Next ? at.Sequence : 0), simulation.Now, number);
        _state.NodesSince ??= simulation.Now;
        var nodes = question.WantsNodes
            ? _state.Nodes.Select(n => new NodePlace(n.Key, n.Value.Applied, TimeSpan.FromTicks(simulation.Now - n.Value.Heard))).ToList() : [];
        if (question.WantsNodes && simulation.Now - _state.NodesSince < live)
            nodes.Add(new NodePlace("?", default, default));
        List<OrderEntry> entries = kind == OrderAnswerKind.Next ? [.. _state.Stream.Where(e => e.Place.Position.Sequence > at.Sequence)] : [];
        if (kind == OrderAnswerKind.Next && at.Sequence < _state.Sequence && (entries.Count == 0 || entries[0].Place.Position.Sequence != at.Sequence + 1))
            (kind, entries) = (OrderAnswerKind.Gap, []);
        return new OrderAnswer(kind, new OrderPlace(new Position(_state.Generation, _state.Sequence), _state.Nonce), entries, false,
            [.. _state.All], new long[4], nodes);
    }

    public byte[] ReadMarks(MarkStrength strength)
    {
        var bytes = new byte[_slots.SketchBytes];
        for (var i = 0; i < bytes.Length / 8; i++)
            BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(i * 8), _state.Slots[(int)strength][i]);
        return bytes;
    }

    public RemoteFind Find(string key, string? lease, long token, long leaseTime, OrderPlace place)
    {
        if (!Knows(place))
            return default;
        var now = new Position(_state.Generation, _state.Sequence);
        if (_state.Items.TryGetValue(key, out var item) && IsVisible(item))
            return new RemoteFind(RemoteFindKind.Found, [item with { IsSoft = IsMarked(MarkStrength.Soft, item) }], null, now);
        if (lease is null)
            return new RemoteFind(RemoteFindKind.Missing, [], null, now);
        if (_state.Leases.TryGetValue(Tag.Of(lease), out var held) && held.Until > simulation.Now)
        {
            if (Newest(MarkStrength.Invalid, Tag.Of(lease)) > held.Given || Newest(MarkStrength.Hard, Tag.Of(lease)) > held.Given)
                Wasted($"R8: {key} is held by a lease from before its invalidation");
            return new RemoteFind(RemoteFindKind.Held, [], null, now);
        }
        _state.Leases[Tag.Of(lease)] = (token, simulation.Now + leaseTime, _state.Sequence);
        return new RemoteFind(RemoteFindKind.Missing, [], new RemoteLease(lease, token), now);
    }

    public bool Store(string key, RemoteItem item, RemoteLease? lease, OrderPlace place)
    {
        if (!Knows(place) || (on.HasFlag(Safeguards.Generation) && item.Fill.Generation != _state.Generation) || item.Fill.Sequence > _state.Sequence)
            return false;
        if (lease is not null && on.HasFlag(Safeguards.SetCheck))
        {
            if (!_state.Leases.TryGetValue(Tag.Of(lease.Name), out var held) || held.Token != lease.Token || held.Until <= simulation.Now)
                return false;
            _state.Leases.Remove(Tag.Of(lease.Name));
        }
        if (on.HasFlag(Safeguards.SetCheck) && (IsMarked(MarkStrength.Invalid, item) || IsMarked(MarkStrength.Hard, item)))
            return false;
        if (_state.Items.TryGetValue(key, out var old) && IsVisible(old) && !IsVisible(item))
            Wasted($"R8: a fill of {key} that was overtaken replaces one that holds");
        _state.Items[key] = item;
        return true;
    }

    public void Trim() => _state.Stream.RemoveRange(0, _state.Stream.Count * 3 / 4);

    public State Copy() => _state.Copy();

    /// <summary>An older self takes over: what came after it is lost.</summary>
    public void FailOver(State older)
    {
        var lost = _state.Stream.Where(e => older.Generation != _state.Generation || e.Place.Position.Sequence > older.Sequence).ToArray();
        _state = older;
        foreach (var entry in lost.Where(e => e.Origin.Length > 0))
            Forgotten(entry.Invalidation);
    }

    public void RestartEmpty() => FailOver(new State(bits));

    private void Begin(long sequence, ulong after)
    {
        _state.Generation = (((after >> 40) + 1) << 40) | (ulong)simulation.Random.NextInt64(1, 1L << 40);
        Add(new OrderEntry(default, "", 0, false, new Invalidation(MarkStrength.Invalid, [Tag.All])), sequence);
        Began();
    }

    private void Append(OrderEntry entry)
    {
        var sequence = _state.Sequence + 1;
        var strength = (int)entry.Invalidation.Strength;
        foreach (var text in entry.Invalidation.Tags)
        {
            if (text == Tag.All)
            {
                _state.All[strength] = sequence;
                continue;
            }
            for (var row = 0; row < 2; row++)
                _state.Slots[strength][_slots.SlotOf(Tag.Of(text), row)] = sequence;
            if (on.HasFlag(Safeguards.LeaseVoid))
                _state.Leases.Remove(Tag.Of(text));
        }
        Add(entry, sequence);
        Appended(entry.Invalidation);
    }

    private void Add(OrderEntry entry, long sequence)
    {
        (_state.Sequence, _state.Nonce) = (sequence, (ulong)simulation.Random.NextInt64());
        _state.Stream.Add(entry with { Place = new OrderPlace(new Position(_state.Generation, sequence), _state.Nonce) });
    }

    private ulong? NonceAt(long sequence)
    {
        if (sequence == _state.Sequence)
            return _state.Nonce;
        foreach (var entry in _state.Stream)
            if (entry.Place.Position.Sequence == sequence)
                return entry.Place.Nonce;
        return null;
    }

    private bool Knows(OrderPlace place) => !on.HasFlag(Safeguards.Generation)
        || (place.Position.Generation == _state.Generation && place.Position.Sequence <= _state.Sequence && NonceAt(place.Position.Sequence) == place.Nonce);

    private bool IsVisible(RemoteItem item) =>
        (!on.HasFlag(Safeguards.Generation) || item.Fill.Generation == _state.Generation) && !IsMarked(MarkStrength.Invalid, item) && !IsMarked(MarkStrength.Hard, item);

    private bool IsMarked(MarkStrength strength, RemoteItem item) =>
        _state.All[(int)strength] > item.Fill.Sequence || item.Tags.Any(t => Newest(strength, t) > item.Fill.Sequence);

    private long Newest(MarkStrength strength, Tag tag) =>
        Math.Min(_state.Slots[(int)strength][_slots.SlotOf(tag, 0)], _state.Slots[(int)strength][_slots.SlotOf(tag, 1)]);

    internal sealed class State(int bits)
    {
        public ulong Generation { get; set; }

        public ulong Nonce { get; set; }

        public long Sequence { get; set; }

        public long? NodesSince { get; set; }

        public long[] All { get; private init; } = new long[4];

        public long[][] Slots { get; private init; } = [[], new long[2 << bits], new long[2 << bits], new long[2 << bits]];

        public List<OrderEntry> Stream { get; private init; } = [];

        public Dictionary<string, (Position Applied, long Heard, long Number)> Nodes { get; private init; } = [];

        public Dictionary<Tag, (long Token, long Until, long Given)> Leases { get; private init; } = [];

        public Dictionary<string, RemoteItem> Items { get; private init; } = [];

        public State Copy() => new(bits)
        {
            Generation = Generation,
            Nonce = Nonce,
            Sequence = Sequence,
            NodesSince = NodesSince,
            All = [.. All],
            Slots = [.. Slots.Select(s => s.ToArray())],
            Stream = [.. Stream],
            Nodes = new(Nodes),
            Leases = new(Leases),
            Items = new(Items),
        };
    }
}
