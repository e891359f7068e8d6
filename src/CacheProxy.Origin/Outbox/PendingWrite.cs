using System.Text.Json;
using CacheProxy.Coherence;
using CacheProxy.Origin.Groups;

namespace CacheProxy.Origin.Outbox;

/// <summary>What a transaction has written so far. It belongs to one context, which one thread uses at a time.</summary>
/// <param name="transaction">The transaction's id.</param>
/// <param name="began">Where the node stood before the first row changed.</param>
internal sealed class PendingWrite(Guid transaction, Standing began)
{
    private readonly List<Guid> _rows = [];

    public Guid Transaction => transaction;

    public Standing Began => began;

    public GroupSet Groups { get; } = new();

    public Dictionary<string, long> Versions { get; } = new(StringComparer.Ordinal);

    /// <summary>A savepoint was undone: what is named may be more than what stands.</summary>
    public bool IsUncertain { get; set; }

    /// <summary>Its rows in the outbox.</summary>
    public IReadOnlyList<Guid> Rows => _rows;

    public string VersionsText => JsonSerializer.Serialize(Versions);

    /// <summary>The row that says all of it; a later save of the same transaction adds its own.</summary>
    public FormattableString InsertRow(GroupSet groups, IReadOnlyDictionary<string, long> versions, DateTimeOffset now)
    {
        var id = Guid.CreateVersion7(now);
        _rows.Add(id);
        return $"INSERT INTO cache_outbox (id, tags, versions, created) VALUES ({id}, {JsonSerializer.Serialize(groups.AsWritten())}, {JsonSerializer.Serialize(versions)}, {now})";
    }
}
