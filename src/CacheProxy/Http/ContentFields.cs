using Microsoft.Net.Http.Headers;

namespace CacheProxy.Http;

/// <summary>Fields that describe the body.</summary>
internal static class ContentFields
{
    /// <summary>Whether a 304 does not repeat it (RFC 9110 section 15.4.5).</summary>
    public static bool Contains(string name) =>
        name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase)
        && !name.Equals(HeaderNames.ContentLocation, StringComparison.OrdinalIgnoreCase)
        && !name.Equals(HeaderNames.ContentSecurityPolicy, StringComparison.OrdinalIgnoreCase);
}
