using CacheProxy.Keys;

namespace CacheProxy.Invalidation;

/// <summary>What a write invalidates by itself.</summary>
/// <param name="Uri">The target URI as it is keyed.</param>
/// <param name="Rules">What makes a key of the other URIs that an answer names; <c>null</c> for nothing.</param>
/// <param name="Token">How the client is told the place of its write.</param>
internal readonly record struct WriteTarget(TargetUri Uri, QueryRules? Rules = null, ReadYourWrites Token = ReadYourWrites.None);
