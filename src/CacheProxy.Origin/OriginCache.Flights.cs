using System.Buffers;
using CacheProxy.Coherence;
using CacheProxy.Origin.Groups;
using Microsoft.Extensions.Caching.Memory;

namespace CacheProxy.Origin;

public sealed partial class OriginCache
{
    private static readonly TimeSpan FirstLook = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LastLook = TimeSpan.FromMilliseconds(50);

    /// <summary>One flight from its begin to its landing. Its trouble is its callers', never thrown here.</summary>
    private async Task FlyAsync<TState, T>(
        Flight flight, FlightId id, TState state, Func<TState, CancellationToken, ValueTask<T>> factory, Terms terms, Group[] groups, bool isRefresh)
    {
        try
        {
            using var reads = CacheScope.Begin(); // what the factory reads is the entry's, and through it each caller's
            reads.Need = flight.Need;
            var key = id.Key;
            var found = isRefresh ? null : await FindRemoteAsync(key, terms, flight);
            if (found is { Kind: RemoteFindKind.Found } && FromRemote<T>(key, found.Value, groups, terms, flight) is { } entry)
            {
                _metrics.Read(terms.Kind, "remote");
                Land(id, flight, entry, terms);
                return;
            }
            if (!terms.MakesValue)
            {
                _metrics.Read(terms.Kind, "none");
                _flights.Land(id, flight);
                flight.Succeed(new Entry(key, null, [], flight.Standing.Local));
                return;
            }
            await MakeAsync(flight, id, state, factory, terms, groups, reads, found, isRefresh);
        }
        catch (Exception fault)
        {
            _flights.Land(id, flight);
            flight.Fail(fault);
        }
    }

    private async Task MakeAsync<TState, T>(
        Flight flight, FlightId id, TState state, Func<TState, CancellationToken, ValueTask<T>> factory, Terms terms, Group[] groups,
        CacheScope reads, RemoteFind? found, bool isRefresh)
    {
        T value;
        var began = _time.GetTimestamp();
        try
        {
            value = await factory(state, flight.Abandoned);
            _metrics.Factory(terms.Kind, _time.GetElapsedTime(began));
        }
        catch (Exception failure)
        {
            if (found?.Lease is { } unused)
                await _remote!.ReleaseAsync(RemoteKey(id.Key), unused, CancellationToken.None);
            var isAbandoned = failure is OperationCanceledException && flight.Abandoned.IsCancellationRequested;
            var standIn = isAbandoned ? null : StandIn(id.Key, flight);
            _flights.Land(id, flight);
            if (isRefresh && !isAbandoned)
                Log.RefreshFailed(_log, terms.Kind, failure);
            else if (standIn is not null)
                Log.ServedStale(_log, terms.Kind, failure);
            if (!isAbandoned)
                _metrics.Read(terms.Kind, standIn is null ? "failed" : "stale");
            if (standIn is null)
                flight.Fail(failure);
            else
                flight.Succeed(standIn);
            return;
        }

        if (terms.Policy.Writes == WritePolicy.Ttl)
        {
            groups = [];
        }
        else
        {
            reads.Read.Add(groups);
            groups = reads.Read.AsRead();
        }
        var kept = Keep(value, HasRemote && terms.WritesRemote, out var bytes);
        var entry = NewEntry(id.Key, kept ?? value, groups, flight.Standing.Local, terms);
        if (!isRefresh)
            _metrics.Read(terms.Kind, "factory");
        var isKept = kept is not null || value is null;
        if (isKept)
            Land(id, flight, entry, terms);
        else
            LandUnkept(id, flight, entry);
        await StoreRemoteAsync(id.Key, entry, bytes, found, isKept && (value is not null || terms.Policy.NegativeLifetime > TimeSpan.Zero), flight, terms);
    }

    /// <summary>Asks the remote store; waits a little for another node that is making the value. <c>null</c>: it is not to be asked.</summary>
    private async ValueTask<RemoteFind?> FindRemoteAsync(string key, Terms terms, Flight flight)
    {
        if (_remote is null || !terms.ReadsRemote)
            return null;
        var name = RemoteKey(key);
        var lease = terms is { WritesRemote: true, MakesValue: true } ? EntryTags.OfKey(key) : null; // a removal of the key takes it away
        var began = _time.GetTimestamp();
        for (var pause = FirstLook; ; pause = pause < LastLook ? pause * 2 : LastLook)
        {
            var found = await _remote.FindAsync(name, lease, flight.Abandoned);
            if (found.Kind != RemoteFindKind.Held || _time.GetElapsedTime(began) >= _options.LeaseWait)
                return found;
            await Task.Delay(pause, _time, flight.Abandoned);
        }
    }

    /// <summary>The entry of what was found, unless it cannot be read, or may be behind what the flight must see.</summary>
    private Entry? FromRemote<T>(string key, RemoteFind found, Group[] declared, Terms terms, Flight flight)
    {
        if (flight.Need is { } need && !(found.Position.Generation == need.Generation && found.Position.Sequence >= need.Sequence))
            return null;
        var item = found.Items.FirstOrDefault(item => item.Name.Length == 0 && !item.IsSoft);
        if (item is null)
            return null;
        if (item.Value.IsEmpty) // a tombstone
            return NewEntry(key, null, declared, flight.Standing.Local, terms, item.Version);
        if (!Payload.TryRead(item.Value, out var groups, out var bytes))
            return null;
        var entry = NewEntry(key, bytes, groups, flight.Standing.Local, terms, item.Version);
        if (!Immutable<T>.Is || bytes is null)
            return TryGive<T>(entry, out _) ? entry : null;
        return TryGive<T>(entry, out var value) ? NewEntry(key, value, groups, flight.Standing.Local, terms, item.Version) : null;
    }

    private void Land(FlightId id, Flight flight, Entry entry, in Terms terms)
    {
        if (terms.WritesLocal)
            KeepLocal(id.Key, entry);
        LandUnkept(id, flight, entry);
    }

    private void LandUnkept(FlightId id, Flight flight, Entry entry)
    {
        _flights.Land(id, flight);
        flight.Succeed(entry);
    }

    /// <summary>Keeps an entry unless something has overtaken it: what is kept still would be hidden, but would take the place of a better one.</summary>
    private void KeepLocal(string key, Entry entry)
    {
        if (entry.Check(_node) != MarkStrength.None)
        {
            _metrics.NotStored("fenced");
            return;
        }
        var now = _time.GetTimestamp();
        var left = _time.GetElapsedTime(now, Math.Max(entry.FreshUntil, entry.StaleUntil));
        if (left > TimeSpan.Zero)
            _local.Set(key, entry, new MemoryCacheEntryOptions { AbsoluteExpirationRelativeToNow = left, Size = 1 });
    }

    private Entry NewEntry(string key, object? value, Group[] groups, long fill, in Terms terms, long version = 0)
    {
        var lifetime = value is null && terms.Policy.NegativeLifetime < terms.Local ? terms.Policy.NegativeLifetime : terms.Local;
        var now = _time.GetTimestamp();
        var length = Ticks(Shortened(lifetime, terms.Policy));
        return new Entry(key, value, groups, fill, version)
        {
            FreshUntil = now + length,
            StaleUntil = now + length + (value is null ? 0 : Ticks(terms.Policy.StaleIfError)),
            RefreshAt = terms.Policy.RefreshAt < 1 && value is not null ? now + (long)(length * terms.Policy.RefreshAt) : long.MaxValue,
        };
    }

    private static TimeSpan Shortened(TimeSpan lifetime, EntryPolicy policy) =>
        policy.Jitter > 0 ? lifetime * (1 - (policy.Jitter * Random.Shared.NextDouble())) : lifetime;

    /// <summary>An entry that may stand in for a value that cannot be made. For a while it is fresh again, so that not each caller learns anew.</summary>
    private Entry? StandIn(string key, Flight flight)
    {
        if (flight.Need is not null || !_node.IsInTouch || !_local.TryGetValue(key, out Entry? entry) || entry!.Check(_node) > MarkStrength.Soft)
            return null;
        var now = _time.GetTimestamp();
        if (now >= entry.StaleUntil)
            return null;
        entry.FreshUntil = Math.Max(entry.FreshUntil, Math.Min(now + Ticks(RetryAfter), entry.StaleUntil));
        return entry;
    }

    /// <summary>What an entry holds of a value: itself, or its bytes. <c>null</c>: it cannot be kept, or is <c>null</c>.</summary>
    /// <param name="value">The value.</param>
    /// <param name="wantsBytes">Bytes are wanted also where the object itself is kept.</param>
    /// <param name="bytes">The bytes, where they were made.</param>
    private object? Keep<T>(T value, bool wantsBytes, out SerializedValue? bytes)
    {
        bytes = null;
        if (value is null)
            return null;
        if (Immutable<T>.Is && !wantsBytes)
            return value is string { Length: var length } && length > _options.MaxPayloadBytes ? TooLong() : value;
        var buffer = new ArrayBufferWriter<byte>(256);
        try
        {
            _serializers.For<T>().Serialize(value, buffer);
        }
        catch (Exception unserializable) when (unserializable is not OutOfMemoryException)
        {
            _metrics.NotStored("unserializable");
            Log.Unserializable(_log, typeof(T), unserializable);
            return null;
        }
        if (buffer.WrittenCount > _options.MaxPayloadBytes)
            return TooLong();
        bytes = new SerializedValue(buffer.WrittenMemory);
        return Immutable<T>.Is ? value : bytes;

        object? TooLong()
        {
            _metrics.NotStored("too_long");
            return null;
        }
    }

    /// <summary>After the callers have their answer. Gives the lease back where there is nothing to store.</summary>
    private async ValueTask StoreRemoteAsync(
        string key, Entry entry, SerializedValue? bytes, RemoteFind? found, bool isKept, Flight flight, Terms terms)
    {
        if (_remote is null || !terms.WritesRemote || found is { Kind: RemoteFindKind.Unavailable or RemoteFindKind.Held })
            return;
        var name = RemoteKey(key);
        var lifetime = entry.Value is null && terms.Policy.NegativeLifetime < terms.Remote ? terms.Policy.NegativeLifetime : terms.Remote;
        lifetime = Shortened(lifetime, terms.Policy);
        if (!isKept || lifetime <= TimeSpan.Zero || entry.Check(_node) != MarkStrength.None)
        {
            if (found?.Lease is { } unused)
                await _remote.ReleaseAsync(name, unused, CancellationToken.None);
            return;
        }
        var fill = found is { Kind: RemoteFindKind.Missing } missing ? missing.Position : flight.Standing.Shared;
        var item = new RemoteItem("", Payload.Write(entry.Groups, bytes), EntryTags.Of(key, entry.Groups), fill);
        if (!await _remote.StoreAsync(name, item, found?.Lease, lifetime, CancellationToken.None))
            _metrics.NotStored("remote");
    }

    private static string RemoteKey(string key) => "data:" + key;
}
