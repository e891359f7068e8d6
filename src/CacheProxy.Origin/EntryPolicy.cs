namespace CacheProxy.Origin;

/// <summary>What a write does to entries of a kind.</summary>
public enum WritePolicy
{
    /// <summary>Nothing: an entry holds until its lifetime ends. Reads may be as old as that, also one's own writes.</summary>
    Ttl,

    /// <summary>
    /// The write's invalidation hides every older entry, on every node, before the write is answered; the next read asks the database.
    /// </summary>
    WriteInvalidate,

    /// <summary>
    /// As <see cref="WriteInvalidate"/>, and then the written value is put in its place, so that the next read need not ask the database. Left out
    /// where another write came between: the guarantee is the same.
    /// </summary>
    WriteThrough,
}

/// <summary>How entries of one kind live. Lengths of time hold for every level together.</summary>
public sealed record EntryPolicy
{
    /// <summary>What a write does to them. Default <see cref="WritePolicy.WriteInvalidate"/>.</summary>
    public WritePolicy Writes { get; init; } = WritePolicy.WriteInvalidate;

    /// <summary>How old a value may be when it is served, the remote level included. Default 5 min; at most 365 days; 0: nothing is kept.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The part of <see cref="Lifetime"/> that a value may spend in one process; the rest is the remote level's, so that the two together keep to
    /// it and no clocks are compared. <c>null</c> (default): half of it, and all of it where there is no remote level. Up to the lifetime.
    /// </summary>
    public TimeSpan? LocalLifetime { get; init; }

    /// <summary>
    /// By which part of it each lifetime is shortened at most, at random, so that what was stored together does not end together. Default 0.1; 0 to 0.9.
    /// </summary>
    public double Jitter { get; init; } = 0.1;

    /// <summary>
    /// After which part of its time in the process a read refreshes an entry in the background. 1 (default): never. 0.1 to 1. The factory then
    /// outlives its caller: it must not use what belongs to a request. <see cref="EntryKind{T}"/> takes care of that.
    /// </summary>
    public double RefreshAt { get; init; } = 1;

    /// <summary>
    /// How long after its lifetime a value may stand in for one that cannot be made, because the factory failed. Never after a hard or invalid mark,
    /// nor while the node is out of touch. Default 0: the failure is the caller's. Up to 365 days.
    /// </summary>
    public TimeSpan StaleIfError { get; init; }

    /// <summary>How long <c>null</c> is kept as an answer. Default 10 s; 0: it is not kept. No longer than the lifetime.</summary>
    public TimeSpan NegativeLifetime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Names each value that is out of its range; empty when all is well.</summary>
    /// <param name="key">How the policy is called in the configuration.</param>
    public IEnumerable<string> Complaints(string key)
    {
        var longest = TimeSpan.FromDays(365);
        if (!Enum.IsDefined(Writes))
            yield return $"{key}:Writes is '{Writes}'; it must be Ttl, WriteInvalidate or WriteThrough.";
        if (Lifetime < TimeSpan.Zero || Lifetime > longest)
            yield return $"{key}:Lifetime is '{Lifetime}'; it must be from 00:00:00 to 365.00:00:00.";
        if (LocalLifetime is { } local && (local < TimeSpan.Zero || local > Lifetime))
            yield return $"{key}:LocalLifetime is '{local}'; it must be from 00:00:00 to Lifetime ({Lifetime}).";
        if (Jitter is not (>= 0 and <= 0.9))
            yield return $"{key}:Jitter is '{Jitter}'; it must be from 0 to 0.9.";
        if (RefreshAt is not (>= 0.1 and <= 1))
            yield return $"{key}:RefreshAt is '{RefreshAt}'; it must be from 0.1 to 1.";
        if (StaleIfError < TimeSpan.Zero || StaleIfError > longest)
            yield return $"{key}:StaleIfError is '{StaleIfError}'; it must be from 00:00:00 to 365.00:00:00.";
        if (NegativeLifetime < TimeSpan.Zero || NegativeLifetime > longest)
            yield return $"{key}:NegativeLifetime is '{NegativeLifetime}'; it must be from 00:00:00 to 365.00:00:00.";
    }
}
