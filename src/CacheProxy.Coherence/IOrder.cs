namespace CacheProxy.Coherence;

/// <summary>
/// The one order that nodes share. A node tells where it stands and what it adds, and hears what came after: asking, adding, acknowledging and
/// showing that it lives are one exchange.
/// </summary>
internal interface IOrder : IAsyncDisposable
{
    /// <summary>It is kept in this process for one node: never out of touch, and every exchange has ended when the call returns.</summary>
    bool IsInProcess { get; }

    /// <summary>Whether an exchange has a chance just now; when not, nobody should wait for one.</summary>
    bool IsReachable { get; }

    /// <summary>Begins to connect. <paramref name="ring"/> is called whenever something may be new; too often is harmless, never is too.</summary>
    ValueTask StartAsync(string node, Action ring);

    /// <summary>One exchange.</summary>
    /// <returns><c>null</c> when there was no answer in time: what was to be added may have been, and is not added twice when sent again.</returns>
    ValueTask<OrderAnswer?> ExchangeAsync(OrderQuestion question);

    /// <summary>
    /// The newest invalidation of every slot of <see cref="Marks"/>, as big-endian 64-bit sequence numbers; missing ones at the end are 0.
    /// <c>null</c> when there was no answer in time.
    /// </summary>
    ValueTask<byte[]?> ReadMarksAsync(MarkStrength strength);

    /// <summary>Says that this node goes, so that nobody waits for it.</summary>
    ValueTask LeaveAsync(string node);
}

/// <param name="Position">The place.</param>
/// <param name="Nonce">Random number of the entry there: tells two histories apart that have the same numbers.</param>
internal readonly record struct OrderPlace(Position Position, ulong Nonce);

/// <param name="Node">Who asks: a name no other process ever had.</param>
/// <param name="At">What it has applied; a generation of 0 before it has heard anything.</param>
/// <param name="Append">What it adds, in this order; their <see cref="OrderEntry.Number"/>s grow by 1.</param>
/// <param name="Acknowledge">Nodes that wait to hear that this one stands there.</param>
/// <param name="WantsNodes">It asks how far the others are.</param>
internal sealed record OrderQuestion(
    string Node, OrderPlace At, IReadOnlyList<OrderEntry> Append, IReadOnlyCollection<string> Acknowledge, bool WantsNodes);

/// <param name="Place">Where it stands; <c>default</c> for one that is yet to be added.</param>
/// <param name="Origin">The node that added it.</param>
/// <param name="Number">That node's own count.</param>
/// <param name="IsAwaited">The node waits until all have applied it.</param>
/// <param name="Invalidation">What it says.</param>
internal sealed record OrderEntry(OrderPlace Place, string Origin, long Number, bool IsAwaited, Invalidation Invalidation);

/// <param name="Kind">How the asker's place relates to the order.</param>
/// <param name="Now">Where the order stood, what was added included.</param>
/// <param name="Entries">For <see cref="OrderAnswerKind.Next"/>: what came after the asker's place, without gaps.</param>
/// <param name="HasMore">There are further ones.</param>
/// <param name="All">The newest invalidation of everything, by strength (index 1 to 3).</param>
/// <param name="Bans">The newest ban, by strength.</param>
/// <param name="Nodes">The nodes heard of within the last hour that have not left; empty unless asked for.</param>
internal sealed record OrderAnswer(
    OrderAnswerKind Kind, OrderPlace Now, IReadOnlyList<OrderEntry> Entries, bool HasMore, long[] All, long[] Bans, IReadOnlyList<NodePlace> Nodes);

/// <param name="Node">The node.</param>
/// <param name="Applied">What it has said that it has applied.</param>
/// <param name="Silent">Since it was heard of, by the order's own clock.</param>
internal readonly record struct NodePlace(string Node, Position Applied, TimeSpan Silent);

internal enum OrderAnswerKind
{
    /// <summary>The order goes on from where the asker stands.</summary>
    Next,

    /// <summary>It does, but does not remember all of what came between: the marks tell.</summary>
    Gap,

    /// <summary>It is another order: nothing from before can be trusted unchecked.</summary>
    Lost,
}
