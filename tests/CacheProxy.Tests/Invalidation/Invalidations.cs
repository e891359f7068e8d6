using CacheProxy.Coherence;

namespace CacheProxy.Tests.Invalidation;

internal static class Invalidations
{
    /// <summary>As a write to that key would.</summary>
    public static void Invalidate(this CoherenceNode node, string key, MarkStrength strength = MarkStrength.Hard) =>
        node.InvalidateAsync(new Coherence.Invalidation(strength, [Tag.Key(key)]), TimeSpan.Zero, default).AsTask().IsCompletedSuccessfully.ShouldBeTrue();
}
