using CacheProxy.Http;

namespace CacheProxy.Keys;

/// <summary>
/// Which rule the responses of a path last gave for its queries. A fixed number of places, each replaced whole; safe for use by many threads.
/// </summary>
/// <remarks>
/// A path is told by its hash alone, whose seed nobody knows: paths are of the clients' length and would not count in any budget. A rule that is
/// forgotten, or another path's, costs a miss and no more: what is stored says by which rule it may be found.
/// </remarks>
internal sealed class SearchRules
{
    private const int Slots = 1024;

    private readonly Known?[] _known = new Known?[Slots];

    /// <summary>The rule for the queries of the URI's path; <c>null</c> when none is known, or when it has no query.</summary>
    public SearchRule? Find(in TargetUri uri)
    {
        if (!uri.Target.Contains('?') || uri.Qualifier is not null)
            return null;
        var path = PathOf(CacheKey.Text(uri));
        return Volatile.Read(ref SlotOf(path)) is { } known && known.Hash == string.GetHashCode(path) ? known.Rule : null;
    }

    /// <summary>Hears a successful response.</summary>
    public void Learn(string cacheKey, ResponseHead head)
    {
        var path = PathOf(cacheKey);
        ref var slot = ref SlotOf(path);
        var hash = string.GetHashCode(path);
        var known = Volatile.Read(ref slot);
        if (known?.Hash == hash && known.Rule.Text == SearchRule.TextOf(head[SearchRule.FieldName]))
            return;
        if (SearchRule.Parse(head[SearchRule.FieldName]) is { } rule)
            Volatile.Write(ref slot, new Known(hash, rule));
        else if (known?.Hash == hash)
            Volatile.Write(ref slot, null);
    }

    /// <summary>A URI without its query.</summary>
    public static ReadOnlySpan<char> PathOf(string uri) => uri.IndexOf('?') is >= 0 and var mark ? uri.AsSpan(0, mark) : uri;

    private ref Known? SlotOf(ReadOnlySpan<char> path) => ref _known[string.GetHashCode(path) & (Slots - 1)];

    private sealed record Known(int Hash, SearchRule Rule);
}
