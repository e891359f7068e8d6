using Microsoft.EntityFrameworkCore;

namespace CacheProxy.Origin.Outbox;

/// <summary>
/// A write that was committed, from its commit until every level has been told of it. Written in the transaction of the write itself, so that one
/// cannot be without the other.
/// </summary>
public sealed class OutboxRow
{
    /// <summary>Made by the writer; grows with time, roughly.</summary>
    public Guid Id { get; private set; }

    /// <summary>The groups that were written, as a JSON array.</summary>
    public string Tags { get; private set; } = "";

    /// <summary>The rows' groups and versions, as a JSON object, for the operator: what was late, and how far it had come.</summary>
    public string Versions { get; private set; } = "";

    /// <summary>When, by the writer's clock. Nothing is decided by it.</summary>
    public DateTimeOffset Created { get; private set; }
}

public static class OutboxModel
{
    /// <summary>Adds the table <c>cache_outbox</c> to a model. A migration makes it.</summary>
    public static ModelBuilder HasCacheOutbox(this ModelBuilder model)
    {
        var row = model.Entity<OutboxRow>();
        row.ToTable("cache_outbox").HasKey(r => r.Id);
        row.Property(r => r.Id).HasColumnName("id").ValueGeneratedNever();
        row.Property(r => r.Tags).HasColumnName("tags");
        row.Property(r => r.Versions).HasColumnName("versions");
        row.Property(r => r.Created).HasColumnName("created");
        return model;
    }
}
