using System.Globalization;

namespace CacheProxy.Checker;

/// <summary>
/// Compares a history with the rules. Versions of an item are totally ordered by the database, so nothing is searched for: sorting the writes is all
/// the work there is. A deletion counts as the last version.
/// </summary>
internal sealed class Rules(IReadOnlyList<Operation> history, IReadOnlyList<Purge> purges, Func<int, Fill> fillOf,
    Dictionary<int, (int Version, int Write)> final, TimeSpan bound)
{
    private const int Gone = int.MaxValue;

    private readonly Dictionary<int, Register> _registers = [];
    private readonly Dictionary<int, Operation> _writes = [];
    private readonly Dictionary<int, Seen> _brought = [];
    private readonly SortedDictionary<string, List<string>> _violations = [];
    private readonly List<double> _staleness = [];
    private int[] _ids = [];

    /// <summary>Of each rule, what broke it.</summary>
    public IReadOnlyDictionary<string, List<string>> Violations => _violations;

    /// <summary>Of each item seen: milliseconds behind the oldest newer write that had been completed before the read began.</summary>
    public List<double> Staleness => _staleness;

    public long NotMonotonic { get; private set; }

    /// <summary>Reads of items beyond the bound because of a write that was acknowledged as "pending": it had no place in the order yet.</summary>
    public long BeyondOfPending { get; private set; }

    public void Check()
    {
        CollectWrites();
        foreach (var session in history.GroupBy(operation => operation.Session))
            CheckSession(session.OrderBy(operation => operation.Start));
        CheckPurges();
        _staleness.Sort();
    }

    private void CollectWrites()
    {
        for (var item = 1; item <= Load.Seeded; item++)
            Of(item).Created(null, long.MinValue);
        foreach (var write in history.Where(operation => operation.IsWrite && (operation.Succeeded || operation.IsUnknown)))
        {
            _writes[write.Write] = write;
            if (write.IsUnknown)
            {
                if (write.Act == Act.Delete && !final.ContainsKey(write.Target))
                    Of(write.Target).DeletedFrom = Math.Min(Of(write.Target).DeletedFrom, write.Start);
                continue;
            }
            if (write.Act == Act.Delete)
            {
                Of(write.Target).DeletedFrom = Math.Min(Of(write.Target).DeletedFrom, write.Start);
                Of(write.Target).Add(Gone, write);
                continue;
            }
            var seen = write.Items[0];
            if (write.Act == Act.Create)
                Of(seen.Item).Created(write, write.End);
            Of(seen.Item).Add(seen.Version, write);
            if (write.Condition > 0 && seen.Version != write.Condition + 1)
                Report("If-Match", $"{write.Condition} was named, {seen.Version} was written", write);
        }
        foreach (var register in _registers.Values)
            foreach (var twice in register.Seal())
                Report("R6 phantom", $"version {twice.Version} was given twice", twice.Write);
        _ids = [.. _registers.Keys.Order()];
        foreach (var (item, register) in _registers)
            // What a deletion without an answer took away is not lost.
            if (register.Newest is { } newest && (newest.Version == Gone) == final.ContainsKey(item) && (newest.Version == Gone || register.DeletedFrom == long.MaxValue))
                Report("R5 lost write", "the database does not agree", newest.Write);
            else if (register.Newest is { Version: not Gone } last && final.TryGetValue(item, out var row) && row.Version < last.Version)
                Report("R5 lost write", $"the database has {row.Version}", last.Write);
    }

    private Register Of(int item)
    {
        if (!_registers.TryGetValue(item, out var register))
            _registers[item] = register = new Register();
        return register;
    }

    private void CheckSession(IEnumerable<Operation> session)
    {
        var own = new Dictionary<int, (int Version, Operation Write)>();
        var last = new Dictionary<int, int>();
        foreach (var operation in session)
        {
            if (operation.IsWrite)
            {
                if (operation.Succeeded)
                    own[operation.Act == Act.Delete ? operation.Target : operation.Items[0].Item] =
                        (operation.Act == Act.Delete ? Gone : operation.Items[0].Version, operation);
                continue;
            }
            if (operation.Act == Act.Read && operation.Status is not (200 or 404))
                continue;
            if (operation.Act == Act.List && operation.Status != 200)
                continue;
            foreach (var seen in operation.Items)
                CheckOrigin(operation, seen);
            foreach (var (item, version) in Observations(operation))
            {
                if (own.TryGetValue(item, out var written) && version < written.Version && Load.SendsTokens(operation.Session))
                    Report("R1 own write", $"shows {item}@{version}, written before by this session: {written.Write}", operation);
                if (last.TryGetValue(item, out var before) && version < before)
                    NotMonotonic++;
                last[item] = version;
                CheckStaleness(operation, item, version);
            }
        }
    }

    /// <summary>R6: it was written, by whom it says, and as what it says.</summary>
    private void CheckOrigin(Operation read, Seen seen)
    {
        if (seen.Version == 0)
            return;
        if (seen.Write == 0)
        {
            if (seen.Item > Load.Seeded || seen.Version != 1)
                Report("R6 phantom", $"{seen} was never written", read);
            return;
        }
        if (!_writes.TryGetValue(seen.Write, out var write) || write.Start > read.End || (write.Act != Act.Create && write.Target != seen.Item))
        {
            Report("R6 phantom", $"{seen} was never written", read);
            return;
        }
        var brought = write.IsUnknown ? _brought.TryGetValue(seen.Write, out var first) ? first : _brought[seen.Write] = seen : write.Items[0];
        if (brought != seen)
            Report("R6 phantom", $"{seen} is said to be {brought}", read);
    }

    /// <summary>The version of each item that an answer tells of: also that an item is not where it would have to be.</summary>
    private IEnumerable<(int Item, int Version)> Observations(Operation read)
    {
        if (read.Act == Act.Read)
        {
            yield return (read.Target, read.Status == 404 ? VersionOfNone(read.Target, read.End) : read.Items[0].Version);
            yield break;
        }
        foreach (var seen in read.Items)
            yield return (seen.Item, seen.Version);
        if (read.Items.Length == 0)
            yield break;
        var shown = read.Items.Select(seen => seen.Item).ToHashSet();
        var (from, to) = (read.Target == 1 ? 1 : read.Items[0].Item, read.Items.Length < Load.PageSize ? int.MaxValue : read.Items[^1].Item);
        var at = Array.BinarySearch(_ids, from);
        for (at = at < 0 ? ~at : at; at < _ids.Length && _ids[at] <= to; at++)
        {
            // What was created after the answer says nothing; ids are in the order of creation, more or less.
            if (shown.Contains(_ids[at]) || _registers[_ids[at]].CreatedAt >= read.Start)
            {
                if (_ids[at] > read.Items[^1].Item + 1000)
                    yield break;
                continue;
            }
            yield return (_ids[at], VersionOfNone(_ids[at], read.End));
        }
    }

    private int VersionOfNone(int item, long at) => _registers.TryGetValue(item, out var register) && register.DeletedFrom <= at ? Gone : 0;

    private void CheckStaleness(Operation read, int item, int version)
    {
        if (!_registers.TryGetValue(item, out var register) || register.FirstAfter(version) is not { } newer || newer.End >= read.Start)
        {
            _staleness.Add(0);
            return;
        }
        var behind = read.Start - newer.End;
        _staleness.Add(Clock.Milliseconds(behind));
        if (behind <= Clock.Ticks(bound))
            return;
        if (newer.Token == "pending")
            BeyondOfPending++;
        else
            Report("R3 staleness", string.Create(CultureInfo.InvariantCulture, $"shows {item}@{version}, {Clock.Milliseconds(behind):0} ms after {newer}"), read);
    }

    /// <summary>R4, R9: what was asked of the origin before a purge began is not served to who asks after its acknowledgement.</summary>
    private void CheckPurges()
    {
        var everything = Ordered(purges.Where(purge => purge.Path is null));
        var byPath = purges.Where(purge => purge.Path is not null).GroupBy(purge => purge.Path!).ToDictionary(group => group.Key, group => Ordered(group));
        foreach (var read in history)
        {
            if (read.IsWrite || read.Status != 200 || read.Fill == 0)
                continue;
            var path = Load.PathOf(read.Act, read.Target);
            Check(read, everything);
            if (byPath.TryGetValue(path, out var own))
                Check(read, own);
        }

        void Check(Operation read, (Purge[] Purges, long[] Hard, long[] Any) of)
        {
            var (low, high) = (0, of.Purges.Length);
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (of.Purges[middle].Effective < read.Start)
                    low = middle + 1;
                else
                    high = middle;
            }
            if (low == 0)
                return;
            if (fillOf(read.Fill).Arrived < of.Hard[low - 1])
                Report("R4 resurrection", $"filled at {Clock.Text(fillOf(read.Fill).Arrived)}, purged from {Clock.Text(of.Hard[low - 1])}", read);
            else if (fillOf(Math.Max(read.Fill, read.Checked)).Arrived < of.Any[low - 1])
                Report("R9 not validated", $"asked for at {Clock.Text(fillOf(read.Checked).Arrived)}, invalid from {Clock.Text(of.Any[low - 1])}", read);
        }
    }

    /// <summary>By the time they were acknowledged; and the latest beginning among the hard ones, and among all, up to each.</summary>
    private static (Purge[] Purges, long[] Hard, long[] Any) Ordered(IEnumerable<Purge> purges)
    {
        var ordered = purges.OrderBy(purge => purge.Effective).ToArray();
        var (hard, any) = (new long[ordered.Length], new long[ordered.Length]);
        for (var i = 0; i < ordered.Length; i++)
        {
            any[i] = Math.Max(i == 0 ? long.MinValue : any[i - 1], ordered[i].Start);
            hard[i] = Math.Max(i == 0 ? long.MinValue : hard[i - 1], ordered[i].IsHard ? ordered[i].Start : long.MinValue);
        }
        return (ordered, hard, any);
    }

    public void Report(string rule, string what, Operation? operation = null)
    {
        if (!_violations.TryGetValue(rule, out var list))
            _violations[rule] = list = [];
        list.Add(operation is null ? what : $"{operation}\n    {what}{(operation.Fill > 0 ? $"\n    API {fillOf(operation.Fill).Api + 1} was asked at {Clock.Text(fillOf(operation.Fill).Arrived)}" : "")}");
    }

    /// <summary>The acknowledged versions of one item.</summary>
    private sealed class Register
    {
        private readonly List<(int Version, Operation? Write)> _writes = [];
        private Operation?[] _firstDone = [];

        public long CreatedAt { get; private set; } = long.MaxValue;

        /// <summary>From when on it may be gone.</summary>
        public long DeletedFrom { get; set; } = long.MaxValue;

        public (int Version, Operation Write)? Newest => _writes.Count > 0 && _writes[^1] is (var version, { } write) ? (version, write) : null;

        public void Created(Operation? write, long at) => CreatedAt = at;

        public void Add(int version, Operation write) => _writes.Add((version, write));

        public IEnumerable<(int Version, Operation Write)> Seal()
        {
            _writes.Sort((one, other) => one.Version.CompareTo(other.Version));
            _firstDone = new Operation?[_writes.Count];
            for (var i = _writes.Count - 1; i >= 0; i--)
            {
                var after = i + 1 < _writes.Count ? _firstDone[i + 1] : null;
                _firstDone[i] = after is null || _writes[i].Write!.End < after.End ? _writes[i].Write : after;
            }
            for (var i = 1; i < _writes.Count; i++)
                if (_writes[i].Version == _writes[i - 1].Version)
                    yield return (_writes[i].Version, _writes[i].Write!);
        }

        /// <summary>Of the writes of a later version, the one that was completed first.</summary>
        public Operation? FirstAfter(int version)
        {
            var (low, high) = (0, _writes.Count);
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (_writes[middle].Version <= version)
                    low = middle + 1;
                else
                    high = middle;
            }
            return low < _writes.Count ? _firstDone[low] : null;
        }
    }
}
