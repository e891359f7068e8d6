namespace CacheProxy.Origin.Groups;

/// <summary>A name for data that changes together: one row, or a set of rows. What was read is fenced by it, a write names it.</summary>
/// <param name="Name">Such as <c>item:42</c> or <c>items</c>. The same text is an entry's tag and a member of <c>Cache-Groups</c>.</param>
/// <param name="Set">
/// The group of the set it belongs to, which every write to one of its rows names too; <c>null</c> for a set, or where there is none.
/// </param>
public readonly record struct Group(string Name, string? Set = null)
{
    /// <summary>What every row of a set belongs to, and only a write names that cannot say which rows it changed.</summary>
    public static string EveryRowOf(string set) => set + "*";

    /// <summary>The tag of a group on entries of the API's own cache; apart from those of stored HTTP responses.</summary>
    public static string TagOf(string name) => "data:" + name;
}
