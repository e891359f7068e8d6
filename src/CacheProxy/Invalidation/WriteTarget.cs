using CacheProxy.Keys;

namespace CacheProxy.Invalidation;

/// <summary>What a write invalidates by itself.</summary>
/// <param name="Uri">The target URI as it is keyed.</param>
/// <param name="Rules">What makes a key of the other URIs that an answer names; <c>null</c> for nothing.</param>
internal readonly record struct WriteTarget(TargetUri Uri, QueryRules? Rules = null);
