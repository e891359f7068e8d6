using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace CacheProxy.Origin.Groups;

/// <summary>The groups of an entity type, as its model says.</summary>
/// <param name="All">The group of the set: what depends on which rows there are.</param>
/// <param name="Row">The group of one row.</param>
/// <param name="Version">The row's version; <c>null</c> where it has none.</param>
internal sealed record EntityGroups(string All, Func<object, string> Row, Func<object, long>? Version)
{
    public const string Annotation = "CacheProxy:Groups";

    /// <summary>What a reader of one row is fenced by.</summary>
    public Group[] OfRow(object entity) => [new Group(Row(entity), All), new Group(Group.EveryRowOf(All), All)];

    /// <summary>The nearest declaration, on the type or one that it derives from.</summary>
    public static EntityGroups? Find(IReadOnlyEntityType? type)
    {
        for (; type is not null; type = type.BaseType)
            if (type.FindAnnotation(Annotation)?.Value is EntityGroups groups)
                return groups;
        return null;
    }
}

public static class EntityGroupsExtensions
{
    /// <summary>
    /// Declares which groups the rows of an entity belong to. What the interceptors see to be read or written is named by them; an entity without a
    /// declaration is not.
    /// </summary>
    /// <param name="entity">The entity.</param>
    /// <param name="item">The group of one row, of values that do not change while it lives, or whose old and new value both matter: <c>item => $"item:{item.Id}"</c>.</param>
    /// <param name="all">The group of the set, which every write names: <c>items</c>.</param>
    /// <param name="version">The row's version, for the outbox's records. <c>null</c>: none.</param>
    public static EntityTypeBuilder<T> HasCacheGroups<T>(
        this EntityTypeBuilder<T> entity, Func<T, string> item, string all, Func<T, long>? version = null)
        where T : class
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(all);
        if (all.AsSpan().ContainsAny('\r', '\n') || all.EndsWith('*'))
            throw new ArgumentException($"'{all}' is not the name of a set's group: it must not have line ends, nor end with '*'.", nameof(all));
        if (EF.IsDesignTime)
            return entity; // a migration cannot write functions down, and no table depends on them
        return entity.HasAnnotation(EntityGroups.Annotation, new EntityGroups(all, row => item((T)row), version is null ? null : row => version((T)row)));
    }
}
