using CacheProxy.Coherence;
using CacheProxy.Invalidation;

namespace CacheProxy.Fetching;

/// <summary>
/// The flights under way by key, so that any number of clients make one fetch; and which keys turned out not to be shareable, so that
/// nobody waits for those.
/// </summary>
/// <remarks>The lock guards the dictionary. The memory of uncacheable keys is a fixed number of slots, each replaced whole.</remarks>
internal sealed class Coalescer(CoherenceNode node, TimeSpan uncacheableMemory)
{
    private const int Slots = 4096;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Flight> _flights = new(StringComparer.Ordinal);
    private readonly Uncacheable?[] _uncacheable = new Uncacheable?[Slots];

    public TimeSpan UncacheableMemory => uncacheableMemory;

    /// <summary>How many fetches are under way.</summary>
    public int Count
    {
        get { lock (_lock) return _flights.Count; }
    }

    /// <summary>
    /// Boards the flight of that key, or begins one. A flight that an invalidation has overtaken is left to those who are on it: a request
    /// that came after the invalidation must not see what was read before it.
    /// </summary>
    /// <param name="key">What the flight is found by.</param>
    /// <param name="need">What the caller has written before: a flight that began before it is not for the caller.</param>
    /// <param name="begin">
    /// Makes the flight, or <c>null</c> when what the caller found in the store is no longer what is there: a flight stores before it goes,
    /// so who finds neither flight nor stored response has just missed both, and is to look again.
    /// </param>
    /// <returns>The flight, the caller's reader, and whether the caller is to run the fetch; <c>null</c> when it is to look again.</returns>
    public Boarding? JoinOrLead(string key, in Need need, Func<string, Standing, Flight?> begin)
    {
        lock (_lock)
        {
            if (_flights.TryGetValue(key, out var flight) && !flight.IsOvertaken(node) && need.IsMetAt(flight.Fill.Shared)
                && flight.TryBoard() is { } reader)
                return new Boarding(flight, reader, Leads: false);
            if (begin(key, node.Standing) is not { } mine)
                return null;
            _flights[key] = mine;
            return new Boarding(mine, mine.TryBoard(leads: true)!, Leads: true);
        }
    }

    /// <summary>Nobody may board any more.</summary>
    public void Remove(Flight flight)
    {
        lock (_lock)
            if (_flights.TryGetValue(flight.Key, out var current) && ReferenceEquals(current, flight))
                _flights.Remove(flight.Key);
    }

    /// <summary>Whether the last fetch of that key, not long ago, came back with something that cannot be shared.</summary>
    /// <remarks>
    /// Told by the key's hash alone, whose seed nobody knows: keys are of the clients' length and would not count in any budget, and a
    /// mistake costs no more than a fetch that is not shared.
    /// </remarks>
    public bool IsUncacheable(string key, DateTimeOffset now) =>
        Volatile.Read(ref SlotOf(key)) is { } known && known.Hash == string.GetHashCode(key) && now < known.Until;

    public void RememberUncacheable(string key, DateTimeOffset now)
    {
        if (uncacheableMemory > TimeSpan.Zero)
            Volatile.Write(ref SlotOf(key), new Uncacheable(string.GetHashCode(key), now + uncacheableMemory));
    }

    private ref Uncacheable? SlotOf(string key) => ref _uncacheable[string.GetHashCode(key) & (Slots - 1)];

    /// <summary>One request aboard a flight.</summary>
    internal sealed record Boarding(Flight Flight, RecordingReader Reader, bool Leads);

    private sealed record Uncacheable(int Hash, DateTimeOffset Until);
}
