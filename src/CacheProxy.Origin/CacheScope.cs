using CacheProxy.Coherence;
using CacheProxy.Origin.Groups;

namespace CacheProxy.Origin;

/// <summary>
/// What one piece of work, usually a request, read and wrote, and what it must not be behind of. Found by everything that runs within it.
/// </summary>
public sealed class CacheScope : IDisposable
{
    private static readonly AsyncLocal<CacheScope?> Ambient = new();

    private readonly CacheScope? _outer;
    private PublishedWrite? _lastWrite;

    private CacheScope(CacheScope? outer) => _outer = outer;

    /// <summary>The scope one is in; <c>null</c> outside of any.</summary>
    public static CacheScope? Current => Ambient.Value;

    /// <summary>Begins a scope for what the caller goes on to do, until it is disposed of.</summary>
    public static CacheScope Begin() => Ambient.Value = new CacheScope(Ambient.Value);

    /// <summary>The last write of this scope that was committed and published; <c>null</c> when there was none.</summary>
    public PublishedWrite? LastWrite
    {
        get => Volatile.Read(ref _lastWrite);
        internal set => Volatile.Write(ref _lastWrite, value);
    }

    /// <summary>A place that nothing which is kept, or on its way, is known to have reached: only what is read from now on will do.</summary>
    internal static readonly Position Unreachable = new(0, long.MaxValue);

    /// <summary>
    /// A place in the order that this node has not reached: what the process keeps may be older, and is not read. <c>null</c>: nothing of the kind.
    /// </summary>
    public Position? Need { get; set; }

    internal GroupSet Read { get; } = new();

    internal GroupSet Written { get; } = new();

    public void Dispose()
    {
        if (Ambient.Value == this)
            Ambient.Value = _outer;
    }
}

/// <summary>A write that was committed, and what became of its invalidation.</summary>
/// <param name="Position">Its place in the order; <c>null</c> when the order could not be reached: the outbox sees to it.</param>
public sealed record PublishedWrite(Position? Position)
{
    /// <summary>Names of the groups that were written.</summary>
    internal IReadOnlyCollection<string> Groups { get; init; } = [];

    /// <summary>
    /// Where a remote entry with the written value stands; <c>null</c> when another write of the same rows may have come between, so that the value
    /// may not be the newest.
    /// </summary>
    internal Position? RemoteFill { get; init; }

    /// <summary>As <see cref="RemoteFill"/>, in this process.</summary>
    internal long? LocalFill { get; init; }
}
