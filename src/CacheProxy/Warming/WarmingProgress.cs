namespace CacheProxy.Warming;

/// <summary>How far it is, at one moment.</summary>
/// <param name="State">What goes on.</param>
/// <param name="Total">URLs known so far; a sitemap adds to them.</param>
/// <param name="Stored">Put into memory, from the origin or from the store that nodes share.</param>
/// <param name="Skipped">In memory already, or not for a cache.</param>
/// <param name="Failed">Given up: no whole answer after several attempts, no route, or not a URL.</param>
/// <param name="Retried">Requests that were put off because the origin failed.</param>
internal sealed record WarmingProgress(WarmingState State, long Total, long Stored, long Skipped, long Failed, long Retried)
{
    public long Done => Stored + Skipped + Failed;
}

internal enum WarmingState
{
    /// <summary>Nothing is to be warmed.</summary>
    Off,

    /// <summary>The proxy does not listen yet.</summary>
    Waiting,

    Running,

    /// <summary>The origin fails; it is asked again later.</summary>
    Paused,

    Done,

    /// <summary>The process was asked to stop before it was done.</summary>
    Stopped,
}
