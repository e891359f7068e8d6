using CacheProxy.Keys;

namespace CacheProxy.Invalidation;

/// <summary>
/// The order of invalidations, in process. A fetch notes <see cref="Current"/> before it begins; an invalidation takes the next number and
/// marks its URL with it. A response whose fetch began before its URL's newest mark is not stored and not waited for.
/// </summary>
/// <remarks>
/// Marks lie in a fixed number of slots by the key's hash, so nothing a client sends makes them grow. Two URLs in one slot can only
/// refuse a fill too many, never too few. Stored responses are removed under the lock of the same slot (<see cref="Storage.ResponseStore"/>),
/// so the marks matter only to fetches under way.
/// </remarks>
internal sealed class Marks
{
    private const int Slots = 1 << 16;

    private readonly long[] _slots = new long[Slots];
    private long _sequence;

    /// <summary>The newest number given out.</summary>
    public long Current => Volatile.Read(ref _sequence);

    /// <summary>One for all keys of one URI.</summary>
    public static int SlotOf(ReadOnlySpan<char> key) => string.GetHashCode(CacheKey.UriOf(key)) & (Slots - 1); // seeded anew in each process

    /// <summary>Whether a fetch that began at <paramref name="fillSequence"/> has been overtaken by an invalidation.</summary>
    public bool Hides(int slot, long fillSequence) => Volatile.Read(ref _slots[slot]) > fillSequence;

    /// <summary>Takes the next number for a slot, under that slot's lock.</summary>
    public long Set(int slot)
    {
        var number = Interlocked.Increment(ref _sequence);
        Volatile.Write(ref _slots[slot], number);
        return number;
    }
}
