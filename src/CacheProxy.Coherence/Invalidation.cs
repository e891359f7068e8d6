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
/// <param name="Nodes">The nodes that were known, and whether each has applied it by now. Empty when nobody waited.</param>
public sealed record InvalidationReceipt(Position? Position, IReadOnlyList<NodeReceipt> Nodes);

/// <param name="Node">
/// The node's name. <c>?</c> stands for nodes that may exist and are not known: a Redis that has lost its memory has not heard of all yet.
/// </param>
/// <param name="Applied">
/// It has applied the invalidation. One that has not ("lagging") is either behind for a moment or out of touch; then it has stopped trusting
/// itself after <see cref="CoherenceOptions.Staleness"/>.
/// </param>
public sealed record NodeReceipt(string Node, bool Applied);
