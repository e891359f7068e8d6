namespace CacheProxy.Origin.Groups;

/// <summary>Groups as they are collected. Any number of threads.</summary>
internal sealed class GroupSet
{
    /// <summary>Beyond this many rows of one set, the set is named in their place: it can only invalidate too much.</summary>
    public const int MostRows = 16;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, string?> _groups = new(StringComparer.Ordinal);

    public bool IsEmpty
    {
        get { lock (_lock) return _groups.Count == 0; }
    }

    public bool Contains(string name)
    {
        lock (_lock)
            return _groups.ContainsKey(name);
    }

    public void Add(Group group)
    {
        lock (_lock)
            _groups[group.Name] = group.Set;
    }

    public void Add(ReadOnlySpan<Group> groups)
    {
        if (groups.IsEmpty)
            return;
        lock (_lock)
            foreach (var group in groups)
                _groups[group.Name] = group.Set;
    }

    public void CopyTo(GroupSet other)
    {
        Group[] groups;
        lock (_lock)
            groups = [.. _groups.Select(pair => new Group(pair.Key, pair.Value))];
        other.Add(groups);
    }

    /// <summary>
    /// What fences a reader: a row is left out when its set is there, for every write to a row names the set; and many rows become their set.
    /// </summary>
    public Group[] AsRead()
    {
        lock (_lock)
        {
            foreach (var set in Crowded_NeedsLock())
                _groups[set] = null;
            return [.. from pair in _groups
                       where pair.Value is null || !_groups.ContainsKey(pair.Value)
                       orderby pair.Key
                       select new Group(pair.Key, pair.Value)];
        }
    }

    /// <summary>What a writer names: its rows and their sets; many rows become every row of their set.</summary>
    public string[] AsWritten()
    {
        lock (_lock)
        {
            var crowded = Crowded_NeedsLock();
            return [.. _groups
                .SelectMany(pair => pair.Value is not { } set ? [pair.Key] : crowded.Contains(set) ? [Group.EveryRowOf(set), set] : new[] { pair.Key, set })
                .Distinct().Order(StringComparer.Ordinal)];
        }
    }

    /// <summary>What an entry of one of the written rows is fenced by: the rows without their sets, which others' writes name as well.</summary>
    public string[] AsFences()
    {
        lock (_lock)
            return [.. _groups.SelectMany(pair => pair.Value is { } set ? [pair.Key, Group.EveryRowOf(set)] : new[] { pair.Key }).Distinct()];
    }

    private HashSet<string> Crowded_NeedsLock() =>
        [.. _groups.Values.OfType<string>().GroupBy(set => set).Where(rows => rows.Count() > MostRows).Select(rows => rows.Key)];
}
