using CacheProxy.Coherence;
using CacheProxy.Origin.Groups;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Caching.Memory;

namespace CacheProxy.Origin;

public sealed partial class OriginCache
{
    /// <summary>
    /// Keeps a value that the caller knows to be the newest. Everything older under the key is invalidated first, on every node, also what is still
    /// being made. For what a database write has produced, <see cref="SetIfNewerAsync{T}(string, long, T, IEnumerable{string}?, CancellationToken)"/>
    /// is the one that cannot be overtaken.
    /// </summary>
    public override async ValueTask SetAsync<T>(
        string key, T value, HybridCacheEntryOptions? options = null, IEnumerable<string>? tags = null, CancellationToken cancellationToken = default)
    {
        var groups = GroupsOf(tags);
        if (!IsUsable(key))
            return;
        var terms = Terms.Of(_options.Default, options, HasRemote);
        var receipt = await _node.InvalidateAsync(new Invalidation(MarkStrength.Hard, [EntryTags.OfKey(key)]), _writeWait, cancellationToken);
        var standing = _node.Standing;
        var kept = Keep(value, HasRemote && terms.WritesRemote, out var bytes);
        if (kept is null && value is not null)
            return;
        var entry = NewEntry(key, kept, groups, standing.Local, terms);
        if (terms.WritesLocal)
            KeepLocal(key, entry);
        if (_remote is null || !terms.WritesRemote)
            return;
        var lifetime = Shortened(value is null && terms.Policy.NegativeLifetime < terms.Remote ? terms.Policy.NegativeLifetime : terms.Remote, terms.Policy);
        var item = new RemoteItem("", Payload.Write(groups, bytes), EntryTags.Of(key, groups), receipt.Position ?? standing.Shared);
        if (lifetime > TimeSpan.Zero && !await _remote.StoreAsync(RemoteKey(key), item, null, lifetime, cancellationToken))
            _metrics.NotStored("remote");
    }

    /// <summary>
    /// Write-through: keeps what the last write of this <see cref="CacheScope"/> has produced, on both levels, unless a newer version is there or
    /// another write of the same rows may have come between.
    /// </summary>
    /// <param name="key">The entry's key.</param>
    /// <param name="version">Of the row, growing with each change of it.</param>
    /// <param name="value">What was written; <c>null</c> for a row that was deleted: a tombstone, which keeps older versions out.</param>
    /// <param name="tags">The entry's tags; one at least is a group of the write.</param>
    /// <param name="cancellation">Gives the wait for the remote store up.</param>
    /// <returns>Whether it is kept. If not, the next read makes the value: nothing is lost but the saving.</returns>
    public ValueTask<bool> SetIfNewerAsync<T>(string key, long version, T? value, IEnumerable<string>? tags, CancellationToken cancellation) =>
        SetIfNewerAsync(key, version, value, GroupsOf(tags), Terms.Of(_options.Default, Terms.NoKind, HasRemote), cancellation);

    /// <summary>The same for an entry of a kind. Does nothing where the kind's policy is not <see cref="WritePolicy.WriteThrough"/>.</summary>
    public ValueTask<bool> SetIfNewerAsync<T>(EntryKind<T> kind, string id, long version, T? value, CancellationToken cancellation) =>
        kind.Policy.Writes == WritePolicy.WriteThrough
            ? SetIfNewerAsync(kind.KeyOf(id), version, value, kind.GroupsOf(id), Terms.Of(kind.Policy, kind.Name, HasRemote), cancellation)
            : new ValueTask<bool>(false);

    private async ValueTask<bool> SetIfNewerAsync<T>(
        string key, long version, T? value, Group[] groups, Terms terms, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(version);
        if (!IsUsable(key) || CacheScope.Current?.LastWrite is not { RemoteFill: { } fill } write || !groups.Any(group => write.Groups.Contains(group.Name)))
        {
            _metrics.WriteThrough("overtaken");
            return false;
        }
        var kept = Keep(value, HasRemote, out var bytes);
        if (kept is null && value is not null)
            return false;
        if (_remote is not null)
        {
            var payload = value is null ? default : Payload.Write(groups, bytes);
            var item = new RemoteItem("", payload, EntryTags.Of(key, groups), fill, version);
            if (!await _remote.StoreIfNewerAsync(RemoteKey(key), item, Shortened(terms.Remote, terms.Policy), cancellation))
            {
                _metrics.WriteThrough("older");
                return false;
            }
        }
        if (write.LocalFill is { } local)
        {
            var entry = NewEntry(key, kept, groups, local, terms, version);
            lock (_versions)
            {
                if (_local.TryGetValue(key, out Entry? there) && there!.Version >= version && there.Check(_node) == MarkStrength.None)
                {
                    _metrics.WriteThrough("older");
                    return false;
                }
                KeepLocal(key, entry);
            }
        }
        else if (_remote is null)
        {
            _metrics.WriteThrough("overtaken");
            return false;
        }
        _metrics.WriteThrough("stored");
        return true;
    }

    /// <inheritdoc/>
    public override ValueTask RemoveAsync(string key, CancellationToken cancellationToken = default) => RemoveAsync([key], cancellationToken);

    /// <summary>Removes several keys in one call: they are gone on every node together.</summary>
    public override ValueTask RemoveAsync(IEnumerable<string> keys, CancellationToken cancellationToken = default)
    {
        var all = keys.ToArray();
        foreach (var key in all)
            if (IsUsable(key))
                _local.Remove(key);
        return InvalidateAsync([.. all.Select(EntryTags.OfKey)], cancellationToken);
    }

    /// <inheritdoc/>
    public override ValueTask RemoveByTagAsync(string tag, CancellationToken cancellationToken = default) => RemoveByTagAsync([tag], cancellationToken);

    /// <summary>Removes what has any of the tags, in one call. <c>*</c> means every entry.</summary>
    public override ValueTask RemoveByTagAsync(IEnumerable<string> tags, CancellationToken cancellationToken = default) =>
        InvalidateAsync([.. tags.Select(tag => tag == Tag.All ? EntryTags.Everything : Group.TagOf(tag))], cancellationToken);

    private async ValueTask InvalidateAsync(string[] tags, CancellationToken cancellation)
    {
        if (tags.Length > 0)
            await _node.InvalidateAsync(new Invalidation(MarkStrength.Hard, tags), _writeWait, cancellation);
    }
}
