using Microsoft.Extensions.Logging.Abstractions;

namespace CacheProxy.Coherence.Tests.Checker;

/// <summary>
/// One seeded run: three nodes, two keys of one group, clients that read, write and purge, and some faults; every answer is held against the rules.
/// </summary>
/// <remarks>
/// An invalidation is in effect on the node that asked for it once it is answered; on nodes that the receipt names as having applied it, too; on every
/// other one <see cref="Staleness"/> after the order had it. What the order itself forgot in a fail-over holds where it was heard, and elsewhere
/// <see cref="Staleness"/> after somebody noticed.
/// </remarks>
internal sealed class Schedule
{
    private const int Nodes = 3;
    private const int Bits = 8;
    private static readonly string[] Keys = ["a", "b"];
    private static readonly long Staleness = Simulation.Milliseconds(100);
    private static readonly long Horizon = Simulation.Milliseconds(450);

    private readonly Simulation _simulation;
    private readonly ModelRedis _redis;
    private readonly ModelOrigin _origin;
    private readonly ModelLink[] _links = new ModelLink[Nodes];
    private readonly ModelNode[] _nodes = new ModelNode[Nodes];
    private readonly List<Mark> _marks = [];
    private readonly Session[] _sessions = [new(), new(), new()];
    private readonly int _seed;
    private string? _violation;
    private Action<string>? _trace;

    private Schedule(int seed, Safeguards on)
    {
        _seed = seed;
        _simulation = new Simulation(seed);
        _origin = new ModelOrigin(_simulation);
        _redis = new ModelRedis(_simulation, on, Bits, 2 * Staleness)
        {
            Wasted = Fail,
            Appended = i =>
            {
                _trace?.Invoke($"{_simulation.Now}: the order has {i.Strength} {i.Tags[0]}");
                Of(i)?.IsAppended(_simulation.Now + Staleness);
            },
            Forgotten = i => Of(i)?.IsForgotten(),
            Began = () => _marks.ForEach(m => m.IsNoticed(_simulation.Now + Staleness)),
        };
        var options = new CoherenceOptions { Staleness = TimeSpan.FromTicks(Staleness), CallTimeout = TimeSpan.FromMilliseconds(10) };
        for (var i = 0; i < Nodes; i++)
        {
            var link = _links[i] = new ModelLink(_simulation, _redis, i, Simulation.Milliseconds(20));
            var store = new ModelStore(_simulation, _redis, link, on, Simulation.Milliseconds(60));
            options.NodeName = $"{i}";
            store.Node = new CoherenceNode(link, options, _simulation.ClockOf(i), NullLogger.Instance, marks: new Marks(Bits), id: $"{i}~");
            var name = i;
            store.Node.OnApplied += v => _trace?.Invoke($"{_simulation.Now}: node {name} at {_nodes[name].Node.Standing} has applied {v.Strength} {v.Tags[0]}");
            _nodes[i] = new ModelNode(_simulation, i, store.Node, store, _origin, on);
        }
        _redis.Bell = name =>
        {
            for (var i = 0; i < Nodes; i++)
                if (name is null || name == $"{i}~")
                    _links[i].Bell();
        };
    }

    /// <summary>Operations that clients began, over all runs.</summary>
    public static long Operations;

    /// <returns>What went wrong; <c>null</c>: nothing.</returns>
    public static string? Run(int seed, Safeguards on, Action<string>? trace = null) => new Schedule(seed, on) { _trace = trace }.Run();

    private string? Run()
    {
        foreach (var node in _nodes)
            _simulation.In(0, -1, () => _ = node.Node.StartAsync(CancellationToken.None).AsTask());
        var random = _simulation.Random;
        for (var i = random.Next(10, 30); i > 0; i--)
            _simulation.In(Simulation.Milliseconds(5) + random.NextInt64(Horizon), -1, Operate);
        for (var i = random.Next(4); i > 0; i--)
            _simulation.In(Simulation.Milliseconds(5) + random.NextInt64(Horizon * 3 / 4), -1, Break);
        _simulation.RunUntil(Horizon + Simulation.Milliseconds(5));
        if (_violation is null)
            Converge();
        return _violation is null ? null : $"seed {_seed}: {_violation}";
    }

    private void Operate()
    {
        Interlocked.Increment(ref Operations);
        var random = _simulation.Random;
        var (session, node, key) = (_sessions[random.Next(_sessions.Length)], random.Next(Nodes), Keys[random.Next(Keys.Length)]);
        var url = "url:" + key;
        _ = random.Next(20) switch
        {
            < 12 => ReadAsync(session, node, key),
            < 16 => MarkAsync(session, node, key, new Invalidation(MarkStrength.Invalid, [url]), isWrite: true),
            < 17 => MarkAsync(session, node, key, new Invalidation(MarkStrength.Invalid, ["group"]), isWrite: true),
            < 18 => MarkAsync(session, node, key, new Invalidation(MarkStrength.Soft, [url]), isWrite: false),
            < 19 => MarkAsync(session, node, key, new Invalidation(MarkStrength.Hard, [url]), isWrite: false),
            _ => MarkAsync(session, node, null, new Invalidation(MarkStrength.Hard, [random.Next(2) == 0 ? "group" : Tag.All]), isWrite: false),
        };
    }

    private async Task ReadAsync(Session session, int node, string key)
    {
        if (session.IsPinned)
            return; // passes the caches by until its write is in the order
        var (began, need) = (_simulation.Now, session.Token);
        var answer = await _nodes[node].ReadAsync(key, need);
        _trace?.Invoke($"{_simulation.Now}: node {node} answers the read of {key} from {began}, need {need}: {answer}");
        if (answer.IsError)
            return;
        if (answer.Version > _origin.VersionOf(key))
            Fail($"R6: version {answer.Version} of {key} was never written");
        foreach (var mark in _marks)
        {
            var isOwn = need is { } token && mark.Token is { } its && its.Generation == token.Generation && its.Sequence <= token.Sequence && !mark.Lost[node];
            if ((mark.Key is not null && mark.Key != key) || (!isOwn && mark.EffectiveAt[node] > began) || mark.Strength < MarkStrength.Invalid)
                continue;
            var rule = isOwn ? "R1" : "R3/R4";
            if (answer.ValidAt < mark.Began)
                Fail($"{rule}: node {node} answered a read of {key} from {began} with what was valid at {answer.ValidAt}, invalidated at {mark.Began}");
            if (mark.IsWrite && mark.Key == key && answer.Version < mark.Version)
                Fail($"{rule}: node {node} answered a read of {key} from {began} with version {answer.Version}, written was {mark.Version}");
            if (mark.Strength == MarkStrength.Hard && answer.BodyAt < mark.Began)
                Fail($"R9: node {node} answered a read of {key} from {began} with bytes of {answer.BodyAt}, purged at {mark.Began}");
        }
    }

    private async Task MarkAsync(Session session, int node, string? key, Invalidation invalidation, bool isWrite)
    {
        if (isWrite)
            _origin.Write(key!);
        var mark = new Mark(invalidation, invalidation.Tags[0] is "group" or Tag.All ? null : key, _simulation.Now, isWrite ? _origin.VersionOf(key!) : 0, isWrite);
        _marks.Add(mark);
        _trace?.Invoke($"{_simulation.Now}: node {node} invalidates {invalidation.Strength} {invalidation.Tags[0]}, {(isWrite ? "written" : "purged")} {mark.Version}");
        if (isWrite)
            session.IsPinned = true;
        var receipt = await _nodes[node].Node.InvalidateAsync(invalidation, TimeSpan.FromMilliseconds(40), CancellationToken.None);
        _trace?.Invoke($"{_simulation.Now}: node {node} has invalidated what began at {mark.Began}: {receipt.Position}, {string.Join(", ", receipt.Nodes)}");
        mark.IsAnswered(_simulation.Now, node, receipt);
        if (isWrite && receipt.Position is { } position)
            (session.IsPinned, session.Token) = (false, position);
    }

    private void Break()
    {
        var random = _simulation.Random;
        var (node, time) = (random.Next(Nodes), Simulation.Milliseconds(random.Next(10, 250)));
        var fault = random.Next(9);
        _trace?.Invoke($"{_simulation.Now}: fault {fault} at node {node} for {time}");
        switch (fault)
        {
            case 0 or 1:
                _links[node].IsCut = true;
                _simulation.In(time, -1, () => _links[node].IsCut = false);
                break;
            case 2:
                foreach (var link in _links)
                    link.Loss = 0.3;
                _simulation.In(time, -1, () => Array.ForEach(_links, l => l.Loss = 0));
                break;
            case 3:
                _simulation.Pause(node, time);
                break;
            case 4:
                var older = _redis.Copy();
                _simulation.In(Simulation.Milliseconds(random.Next(1, 40)), -1, () => _redis.FailOver(older));
                break;
            case 5:
                _redis.RestartEmpty();
                break;
            case 6:
                _redis.Trim();
                break;
            case 7:
                _simulation.WallError += TimeSpan.FromHours(random.Next(2) == 0 ? 1 : -1);
                break;
            default:
                _origin.IsDown = true;
                _simulation.In(time, -1, () => _origin.IsDown = false);
                break;
        }
    }

    /// <summary>R5: after all is healed and quiet, every node is in touch and returns the last version.</summary>
    private void Converge()
    {
        foreach (var link in _links)
            (link.IsCut, link.Loss) = (false, 0);
        _origin.IsDown = false;
        _simulation.RunUntil(_simulation.Now + (5 * Staleness));
        for (var i = 0; i < Nodes; i++)
        {
            if (!_nodes[i].Node.IsInTouch)
                Fail($"R5: node {i} is still out of touch");
            foreach (var key in Keys)
            {
                var node = i;
                _simulation.In(0, -1, async () =>
                {
                    var answer = await _nodes[node].ReadAsync(key, null);
                    if (answer.Version != _origin.VersionOf(key))
                        Fail($"R5: node {node} ends with version {answer.Version} of {key}, the last is {_origin.VersionOf(key)}");
                });
            }
        }
        _simulation.RunUntil(_simulation.Now + (5 * Staleness));
    }

    private void Fail(string violation) => _violation ??= violation;

    private Mark? Of(Invalidation invalidation) => _marks.Find(m => ReferenceEquals(m.Invalidation, invalidation));

    private sealed class Session
    {
        public Position? Token { get; set; }

        public bool IsPinned { get; set; }
    }

    /// <summary>An invalidation, and from when on each node has to honour it.</summary>
    private sealed class Mark(Invalidation invalidation, string? key, long began, long version, bool isWrite)
    {
        private readonly bool[] _heard = new bool[Nodes];
        private bool _isForgotten;

        public Invalidation Invalidation => invalidation;

        public MarkStrength Strength => invalidation.Strength;

        public string? Key => key;

        public long Began => began;

        public long Version => version;

        public bool IsWrite => isWrite;

        public Position? Token { get; private set; }

        public long[] EffectiveAt { get; } = [long.MaxValue, long.MaxValue, long.MaxValue];

        /// <summary>The order forgot it, and this node had not heard it.</summary>
        public bool[] Lost { get; } = new bool[Nodes];

        public void IsAppended(long effective)
        {
            for (var i = 0; i < Nodes; i++)
                (Lost[i], EffectiveAt[i]) = (false, Lost[i] ? effective : Math.Min(EffectiveAt[i], effective));
        }

        public void IsAnswered(long now, int node, InvalidationReceipt receipt)
        {
            Token = receipt.Position;
            (_heard[node], Lost[node], EffectiveAt[node]) = (true, false, now);
            if (_isForgotten)
                return;
            foreach (var other in receipt.Nodes.Where(n => n.State == NodeState.Applied).Select(n => n.Node[0] - '0'))
                (_heard[other], EffectiveAt[other]) = (true, Math.Min(EffectiveAt[other], now));
            if (receipt.Nodes.Count > 0 && receipt.IsComplete) // who has not applied it has fenced itself
                for (var i = 0; i < Nodes; i++)
                    EffectiveAt[i] = Math.Min(EffectiveAt[i], now);
        }

        public void IsForgotten()
        {
            _isForgotten = true;
            for (var i = 0; i < Nodes; i++)
                if (!_heard[i])
                    (Lost[i], EffectiveAt[i]) = (true, long.MaxValue);
        }

        public void IsNoticed(long effective)
        {
            for (var i = 0; i < Nodes && _isForgotten; i++)
                EffectiveAt[i] = Math.Min(EffectiveAt[i], effective);
        }
    }
}
