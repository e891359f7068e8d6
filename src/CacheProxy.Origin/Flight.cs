using CacheProxy.Coherence;
using Microsoft.Extensions.Caching.Hybrid;

namespace CacheProxy.Origin;

/// <summary>
/// One making of a value for any number of callers. Nobody owns it but they together: when the last of them leaves, it is cancelled.
/// <see cref="Join_NeedsLock"/> and <see cref="Leave_NeedsLock"/> run under the lock of <see cref="Flights"/>.
/// </summary>
#pragma warning disable CA1001 // the token source has no timer: there is nothing to free
internal sealed class Flight(Standing standing, Position? need, long began)
#pragma warning restore CA1001
{
    private readonly TaskCompletionSource<Entry> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _abandoned = new();
    private int _callers;

    /// <summary>Where the node stood before anything was read.</summary>
    public Standing Standing => standing;

    /// <summary>When, as a timestamp.</summary>
    public long Began => began;

    /// <summary>A place in the order that whoever began it knew of, though the node had not reached it.</summary>
    public Position? Need => need;

    /// <summary>Cancelled when no caller is left.</summary>
    public CancellationToken Abandoned => _abandoned.Token;

    public Task<Entry> Result => _result.Task;

    public void Succeed(Entry entry) => _result.TrySetResult(entry);

    public void Fail(Exception exception)
    {
        _result.TrySetException(exception);
        _ = _result.Task.Exception; // a refresh has nobody who looks
    }

    public void Join_NeedsLock() => _callers++;

    public bool Leave_NeedsLock() => --_callers == 0;

    public void Abandon() => _abandoned.Cancel();
}

/// <summary>What a flight is for: only calls that are alike in all of it share one.</summary>
internal readonly record struct FlightId(string Key, Type Type, HybridCacheEntryFlags Flags);

/// <summary>What is being made now. The lock guards the table and the callers' count of each flight; nothing waits under it.</summary>
internal sealed class Flights
{
    private readonly Lock _lock = new();
    private readonly Dictionary<FlightId, Flight> _flying = [];

    /// <summary>
    /// Joins the flight for a key if it began after every fence that the caller can know to concern it, else begins one that takes its place.
    /// </summary>
    /// <param name="id">The key, the type of the value, and the levels to use.</param>
    /// <param name="state">What the two functions need.</param>
    /// <param name="isInTime">Whether the caller may take what a flight brings.</param>
    /// <param name="begin">
    /// Makes the flight; called under the lock. <c>null</c> when the entry is no longer the one that the caller has found, or not found: a flight keeps
    /// its entry before it lands, so who finds neither has just missed both.
    /// </param>
    /// <returns>The flight, and whether the caller has begun it and has to run it; <c>null</c> when <paramref name="begin"/> made none.</returns>
    public (Flight Flight, bool IsOwn)? JoinOrBegin<TState>(
        FlightId id, TState state, Func<Flight, TState, bool> isInTime, Func<TState, Flight?> begin)
    {
        lock (_lock)
        {
            if (_flying.TryGetValue(id, out var flight) && isInTime(flight, state))
            {
                flight.Join_NeedsLock();
                return (flight, false);
            }
            flight = begin(state);
            if (flight is null)
                return null;
            flight.Join_NeedsLock();
            _flying[id] = flight;
            return (flight, true);
        }
    }

    /// <summary>A caller does not wait any longer.</summary>
    public void Leave(FlightId id, Flight flight)
    {
        lock (_lock)
        {
            if (!flight.Leave_NeedsLock())
                return;
            Remove_NeedsLock(id, flight);
        }
        flight.Abandon();
    }

    /// <summary>It has landed: who comes now begins another, or finds what it left.</summary>
    public void Land(FlightId id, Flight flight)
    {
        lock (_lock)
            Remove_NeedsLock(id, flight);
    }

    private void Remove_NeedsLock(FlightId id, Flight flight)
    {
        if (_flying.TryGetValue(id, out var current) && current == flight)
            _flying.Remove(id);
    }
}
