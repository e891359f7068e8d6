namespace CacheProxy.Coherence;

/// <summary>
/// Where a node stood at one moment. Taken <em>before</em> something is read for the cache: what is invalidated after it hides what was read.
/// </summary>
/// <param name="Local">This process's own count of what it has applied. Grows, compares within the process only; never 0.</param>
/// <param name="Shared">The same place in the order that all nodes share.</param>
public sealed record Standing(long Local, Position Shared);
