using Microsoft.Extensions.Caching.Hybrid;

namespace CacheProxy.Origin;

/// <summary>What one call asks: the policy of its entry with what its options say, and which levels it may use.</summary>
/// <param name="Policy">How the entry lives.</param>
/// <param name="Kind">The kind's name, for metrics; <c>other</c> for none.</param>
/// <param name="Local">How long the process keeps what is made or found.</param>
/// <param name="Remote">How long the remote level does.</param>
/// <param name="Flags">Levels that are left out.</param>
internal readonly record struct Terms(EntryPolicy Policy, string Kind, TimeSpan Local, TimeSpan Remote, HybridCacheEntryFlags Flags)
{
    public const string NoKind = "other";

    public bool ReadsLocal => (Flags & HybridCacheEntryFlags.DisableLocalCacheRead) == 0;

    public bool WritesLocal => (Flags & HybridCacheEntryFlags.DisableLocalCacheWrite) == 0;

    public bool ReadsRemote => (Flags & HybridCacheEntryFlags.DisableDistributedCacheRead) == 0;

    public bool WritesRemote => (Flags & HybridCacheEntryFlags.DisableDistributedCacheWrite) == 0;

    public bool MakesValue => (Flags & HybridCacheEntryFlags.DisableUnderlyingData) == 0;

    public static Terms Of(EntryPolicy policy, string kind, bool hasRemote)
    {
        var local = policy.LocalLifetime ?? (hasRemote ? policy.Lifetime / 2 : policy.Lifetime);
        return new Terms(policy, kind, local, policy.Lifetime - local, HybridCacheEntryFlags.None);
    }

    /// <summary>
    /// As HybridCache documents its options: <c>Expiration</c> is the remote level's, and a copy in the process lives for the shorter of it and
    /// <c>LocalCacheExpiration</c> from when it was fetched.
    /// </summary>
    public static Terms Of(EntryPolicy policy, HybridCacheEntryOptions? options, bool hasRemote)
    {
        if (options is null)
            return Of(policy, NoKind, hasRemote);
        var flags = options.Flags ?? HybridCacheEntryFlags.None;
        if (options is { Expiration: null, LocalCacheExpiration: null })
            return Of(policy, NoKind, hasRemote) with { Flags = flags };
        var remote = options.Expiration ?? policy.Lifetime;
        var local = options.LocalCacheExpiration is { } own && own < remote ? own : remote;
        return new Terms(policy, NoKind, local, remote, flags);
    }
}
