namespace CacheProxy.Http;

/// <summary>Writes the Cache-Status field (RFC 9211).</summary>
internal static class CacheStatus
{
}
