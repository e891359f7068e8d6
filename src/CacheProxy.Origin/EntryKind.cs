using CacheProxy.Origin.Groups;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Origin;

/// <summary>
/// Entries that are made in one way and live by one policy, such as "an item by its id". Because the cache can make them by itself, it can also
/// refresh them before they end, and read them at the start.
/// </summary>
public abstract class EntryKind
{
    private protected EntryKind(string name, EntryPolicy policy)
    {
        if (name.Length == 0 || name.Contains(':'))
            throw new ArgumentException($"'{name}' is not a name of a kind; it must not be empty, nor have a colon.", nameof(name));
        var complaints = string.Join(' ', policy.Complaints(name));
        if (complaints.Length > 0)
            throw new ArgumentException(complaints, nameof(policy));
        (Name, Policy) = (name, policy);
    }

    /// <summary>What its keys begin with, before a colon.</summary>
    public string Name { get; }

    public EntryPolicy Policy { get; }

    internal string KeyOf(string id) => $"{Name}:{id}";

    /// <summary>Reads an entry as a request would, and makes it when it is not there.</summary>
    internal abstract ValueTask WarmAsync(OriginCache cache, string id, CancellationToken cancellation);

    /// <summary>Makes an entry anew if it is due; costs nothing if not.</summary>
    internal abstract bool Refresh(OriginCache cache, string id);
}

/// <param name="name">What its keys begin with; no colon in it.</param>
/// <param name="policy">How its entries live.</param>
/// <param name="load">Makes the value of an id, with services of a scope of its own: it may outlive the request that asked first.</param>
/// <param name="groups">What invalidates the entry of an id, besides what the loader is seen to read. Also fences "there is none".</param>
public sealed class EntryKind<T>(
    string name, EntryPolicy policy, Func<IServiceProvider, string, CancellationToken, ValueTask<T>> load, Func<string, Group[]> groups)
    : EntryKind(name, policy)
{
    internal Group[] GroupsOf(string id) => groups(id);

    internal async ValueTask<T> LoadAsync(IServiceScopeFactory scopes, string id, CancellationToken cancellation)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await load(scope.ServiceProvider, id, cancellation);
    }

    internal override async ValueTask WarmAsync(OriginCache cache, string id, CancellationToken cancellation) => await cache.GetAsync(this, id, cancellation);

    internal override bool Refresh(OriginCache cache, string id) => cache.RefreshIfDue(this, id);
}
