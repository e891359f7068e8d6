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

    /// <summary>Whether it is computed from the very bytes of one message (RFC 9530 section 2): a part of them, or none, has another.</summary>
    public static bool IsDigest(string name) =>
        name.Equals("Content-Digest", StringComparison.OrdinalIgnoreCase) || name.Equals(HeaderNames.ContentMD5, StringComparison.OrdinalIgnoreCase);
}
