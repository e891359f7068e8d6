namespace CacheProxy.Origin.Groups;

/// <summary>Groups as they are collected. Any number of threads.</summary>
internal sealed class GroupSet
{
    /// <summary>Beyond this many rows of one set, the set is named in their place: it can only invalidate too much.</summary>
    public const int MostRows = 16;

    private static readonly Dictionary<string, string?> None = [];
    private static readonly HashSet<string> Nobody = [];

    private readonly Lock _lock = new();
    private Dictionary<string, string?>? _groups; // most sets of most requests stay empty

    public bool IsEmpty
    {
        get { lock (_lock) return _groups is null; }
    }

    public bool Contains(string name)
    {
        lock (_lock)
            return _groups?.ContainsKey(name) is true;
    }

    public void Add(Group group) => Add([group]);

    public void Add(ReadOnlySpan<Group> groups)
    {
        if (groups.IsEmpty)
            return;
        lock (_lock)
        {
            _groups ??= new(StringComparer.Ordinal);
            foreach (var group in groups)
                _groups[group.Name] = group.Set;
        }
    }

    public void CopyTo(GroupSet other)
    {
        Group[] groups;
        lock (_lock)
            groups = [.. Groups_NeedsLock.Select(pair => new Group(pair.Key, pair.Value))];
        other.Add(groups);
    }

    /// <summary>
    /// What fences a reader: a row is left out when its set is there, for every write to a row names the set; and many rows become their set.
    /// </summary>
    public Group[] AsRead()
    {
        lock (_lock)
        {
            if (_groups is null)
                return [];
            foreach (var set in Crowded_NeedsLock())
                _groups[set] = null;
            var read = new List<Group>(_groups.Count);
            foreach (var (name, set) in _groups)
                if (set is null || !_groups.ContainsKey(set))
                    read.Add(new Group(name, set));
            read.Sort(static (one, other) => string.CompareOrdinal(one.Name, other.Name));
            return [.. read];
        }
    }

    /// <summary>What a writer names: its rows and their sets; many rows become every row of their set.</summary>
    public string[] AsWritten()
    {
        lock (_lock)
        {
            var crowded = Crowded_NeedsLock();
            return [.. Groups_NeedsLock
                .SelectMany(pair => pair.Value is not { } set ? [pair.Key] : crowded.Contains(set) ? [Group.EveryRowOf(set), set] : new[] { pair.Key, set })
                .Distinct().Order(StringComparer.Ordinal)];
        }
    }

    /// <summary>What an entry of one of the written rows is fenced by: the rows without their sets, which others' writes name as well.</summary>
    public string[] AsFences()
    {
        lock (_lock)
            return [.. Groups_NeedsLock.SelectMany(pair => pair.Value is { } set ? [pair.Key, Group.EveryRowOf(set)] : new[] { pair.Key }).Distinct()];
    }

    private Dictionary<string, string?> Groups_NeedsLock => _groups ?? None;

    private HashSet<string> Crowded_NeedsLock() => _groups is not { Count: > MostRows } ? Nobody
        : [.. _groups.Values.OfType<string>().GroupBy(set => set).Where(rows => rows.Count() > MostRows).Select(rows => rows.Key)];
}
