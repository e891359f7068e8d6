namespace CacheProxy.Coherence.Tests.Checker;

/// <summary>What the checker can switch off, to prove that it finds what each is for.</summary>
[Flags]
internal enum Safeguards
{
    None = 0,

    /// <summary>A fill remembers where the node stood before it began, not when it ended.</summary>
    FenceAtFillStart = 1,

    /// <summary>An order that has been lost or has gone back has another generation.</summary>
    Generation = 2,

    /// <summary>A node that has not heard from the order does not trust itself.</summary>
    Heartbeat = 4,

    /// <summary>A request joins only a fetch that began after every invalidation the request may rely on.</summary>
    JoinRule = 8,

    /// <summary>An invalidation takes away the leases on what it names.</summary>
    LeaseVoid = 16,

    /// <summary>The shared store refuses fills that an invalidation has overtaken.</summary>
    SetCheck = 32,

    /// <summary>What is hard is never served again: not for an error, not after a 304.</summary>
    HardRule = 64,

    All = 127,
}
