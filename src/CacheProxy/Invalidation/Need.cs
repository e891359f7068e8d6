using CacheProxy.Coherence;

namespace CacheProxy.Invalidation;

/// <summary>How far a request's answer must have come: what its client has written before. <c>default</c>: nothing is asked.</summary>
/// <param name="Position">The place in the order of invalidations that its last write took.</param>
/// <param name="IsPending">Its last write has no place yet: only the origin can answer.</param>
internal readonly record struct Need(Position Position, bool IsPending = false)
{
    public bool IsNone => Position.Generation == 0 && !IsPending;

    /// <summary>Whether what was read at that place, or after it, will do.</summary>
    public bool IsMetAt(Position place) =>
        IsNone || (!IsPending && place.Generation == Position.Generation && place.Sequence >= Position.Sequence);

    /// <summary>Reads a token. Whatever is none asks nothing: tokens come from clients.</summary>
    public static Need Parse(ReadOnlySpan<char> token) =>
        Position.TryParse(token, out var position) ? new Need(position) : new Need(default, token.SequenceEqual(SequenceFields.Pending));
}
