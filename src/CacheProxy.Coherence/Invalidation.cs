namespace CacheProxy.Coherence;

/// <summary>One invalidation, as it travels to every node.</summary>
/// <param name="Strength">What is asked of the entries; not <see cref="MarkStrength.None"/>.</param>
/// <param name="Tags">Texts of tags; an entry with any of them is meant. <see cref="Tag.All"/> means every entry.</param>
/// <param name="Ban">A rule on keys, besides the tags; <c>null</c> for none.</param>
public sealed record Invalidation(MarkStrength Strength, IReadOnlyList<string> Tags, Ban? Ban = null);

/// <summary>What became of an invalidation.</summary>
/// <param name="Position">
/// Its place in the order; <c>null</c> when the order could not be reached: this node has applied it, and sends it on as soon as it can.
/// </param>
/// <param name="Nodes">The nodes heard of within the last hour, and what is known of each. Empty when nobody waited.</param>
public sealed record InvalidationReceipt(Position? Position, IReadOnlyList<NodeReceipt> Nodes)
{
    /// <summary>It has a place, and no node that was waited for still trusts what is from before it.</summary>
    public bool IsComplete => Position is not null && Nodes.All(node => node.State != NodeState.Lagging);
}

/// <param name="Node">
/// The node's name. <c>?</c> stands for nodes that may exist and are not known: a Redis that has lost its memory has not heard of all yet.
/// </param>
/// <param name="State">How far it is.</param>
public sealed record NodeReceipt(string Node, NodeState State);

public enum NodeState
{
    /// <summary>It has said that it has applied the invalidation.</summary>
    Applied,

    /// <summary>It has not, and may still trust what it holds.</summary>
    Lagging,

    /// <summary>
    /// It has not, and nothing was heard of it for twice <see cref="CoherenceOptions.Staleness"/>: it is gone, or has stopped trusting what it holds, and
    /// applies the invalidation before it does again.
    /// </summary>
    OutOfTouch,
}
