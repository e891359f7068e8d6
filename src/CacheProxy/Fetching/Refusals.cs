using CacheProxy.Policy;

namespace CacheProxy.Fetching;

/// <summary>Why the last response for a key was not stored: for operators who ask, and for nothing else.</summary>
/// <remarks>
/// A fixed number of slots, each replaced whole, found by the key's hash, whose seed nobody knows: a mistake costs a wrong line in an
/// explanation. Safe for use by many threads.
/// </remarks>
internal sealed class Refusals
{
    private const int Slots = 4096;

    private readonly Refusal?[] _slots = new Refusal?[Slots];

    public void Remember(string key, StoreReason reason, int statusCode, DateTimeOffset at) =>
        Volatile.Write(ref SlotOf(key), new Refusal(string.GetHashCode(key), reason, statusCode, at));

    /// <summary>A response was stored since.</summary>
    public void Forget(string key)
    {
        ref var slot = ref SlotOf(key);
        if (Volatile.Read(ref slot) is { } known && known.Hash == string.GetHashCode(key))
            Volatile.Write(ref slot, null);
    }

    /// <returns><c>null</c> when the last response was stored, when there was none, or when others came since.</returns>
    public Refusal? Find(string key) => Volatile.Read(ref SlotOf(key)) is { } known && known.Hash == string.GetHashCode(key) ? known : null;

    private ref Refusal? SlotOf(string key) => ref _slots[string.GetHashCode(key) & (Slots - 1)];

    /// <param name="Hash">Of the key.</param>
    /// <param name="Reason">Why it was not stored.</param>
    /// <param name="StatusCode">The response's.</param>
    /// <param name="At">When that was decided.</param>
    internal sealed record Refusal(int Hash, StoreReason Reason, int StatusCode, DateTimeOffset At);
}
