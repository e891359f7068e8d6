using CacheProxy.Coherence;
using Microsoft.Extensions.Options;

namespace CacheProxy.Origin.Groups;

/// <summary>Tells all levels of what was written, after the commit.</summary>
internal sealed class Publisher(CoherenceNode node, IOptions<CoherenceOptions> coherence, IOptions<OriginCacheOptions> options)
{
    private readonly string[] _httpPrefixes = [.. options.Value.PublicOrigins.Select(origin => $"group:{origin} ")];

    /// <summary>Taken before the rows change: who else's invalidation came later may be of a newer value.</summary>
    public Standing Begin() => node.Standing;

    /// <summary>
    /// Invalidates groups in one call, here before it returns, and waits for the other nodes as <see cref="CoherenceOptions.WriteWait"/> says.
    /// </summary>
    /// <remarks>
    /// Whether a written value may be cached as the newest: only if no mark of its rows was set from before the rows changed until our own. Who changed
    /// a row after us publishes after <paramref name="began"/>: before our own place, then we see the mark, or a gap in the order; or after it, then
    /// the mark hides what stands at our place.
    /// </remarks>
    /// <param name="written">What was written.</param>
    /// <param name="began">From <see cref="Begin"/>.</param>
    public async ValueTask<PublishedWrite> PublishAsync(GroupSet written, Standing began)
    {
        var groups = written.AsWritten();
        var before = node.Standing;
        var isAlone = before.Shared.Generation == began.Shared.Generation
            && node.Marks.Find("", [.. written.AsFences().Select(name => Tag.Of(Group.TagOf(name)))], began.Local) == MarkStrength.None;
        var position = (await InvalidateAsync(groups)).Position;
        var after = node.Standing;
        isAlone &= position == before.Shared with { Sequence = before.Shared.Sequence + 1 };
        return new PublishedWrite(position)
        {
            Groups = groups,
            RemoteFill = isAlone ? position : null,
            LocalFill = isAlone && after.Shared == position && after.Local == before.Local + 1 ? after.Local : null,
        };
    }

    /// <summary>Not to be cancelled: the commit stands, whether or not anybody still waits for its answer.</summary>
    public ValueTask<InvalidationReceipt> InvalidateAsync(IEnumerable<string> groups)
    {
        var tags = groups.SelectMany(name => _httpPrefixes.Select(prefix => prefix + Http.GroupField.OnTheWire(name)).Prepend(Group.TagOf(name)));
        return node.InvalidateAsync(new Invalidation(MarkStrength.Invalid, [.. tags]), coherence.Value.WriteWait, CancellationToken.None);
    }
}
