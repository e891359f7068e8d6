using CacheProxy.Origin.Groups;
using CacheProxy.Origin.Outbox;
using Items.Api.Caching;
using Items.Api.Catalog;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Items.Api.Database;

/// <summary>The tables. One set of migrations serves one provider, and a set belongs to a context: hence the two below.</summary>
internal abstract class ItemsContext(DbContextOptions options) : DbContext(options)
{
    public DbSet<Item> Items => Set<Item>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        var item = modelBuilder.Entity<Item>();
        item.ToTable("items").HasKey(i => i.Id);
        item.Property(i => i.Id).HasColumnName("id").ValueGeneratedOnAdd();
        item.Property(i => i.Name).HasColumnName("name").HasMaxLength(ItemInput.LongestName);
        item.Property(i => i.Description).HasColumnName("description").HasMaxLength(ItemInput.LongestDescription);
        ConfigurePrice(item.Property(i => i.Price).HasColumnName("price"));
        item.Property(i => i.CreatedAt).HasColumnName("created_at");
        item.Property(i => i.UpdatedAt).HasColumnName("updated_at");
        item.Property(i => i.Version).HasColumnName("version").IsConcurrencyToken();
        item.Ignore(i => i.EntityTag);
        item.HasCacheGroups(ItemKinds.GroupOf, ItemKinds.AllItems, i => i.Version);
        modelBuilder.HasCacheOutbox();
    }

    /// <summary>Until the end of the transaction, nobody else writes items.</summary>
    public abstract Task LockItemsAsync(CancellationToken cancellation);

    protected abstract void ConfigurePrice(PropertyBuilder<decimal> price);
}

/// <summary>
/// SQLite has no decimal: EF would keep it as text, which sorts "10.00" before "9.00". So the price is a whole number of cents.
/// </summary>
internal sealed class SqliteItemsContext(DbContextOptions<SqliteItemsContext> options) : ItemsContext(options)
{
    /// <summary>The transaction is it already: Microsoft.Data.Sqlite begins with BEGIN IMMEDIATE, the lock of all writers.</summary>
    public override Task LockItemsAsync(CancellationToken cancellation) => Task.CompletedTask;

    protected override void ConfigurePrice(PropertyBuilder<decimal> price) =>
        price.HasConversion(amount => (long)(amount * 100), cents => cents / 100m + 0.00m);
}

internal sealed class PostgreSqlItemsContext(DbContextOptions<PostgreSqlItemsContext> options) : ItemsContext(options)
{
    public override Task LockItemsAsync(CancellationToken cancellation) =>
        Database.ExecuteSqlAsync($"LOCK TABLE items IN SHARE ROW EXCLUSIVE MODE", cancellation);

    protected override void ConfigurePrice(PropertyBuilder<decimal> price) => price.HasPrecision(12, 2);
}
