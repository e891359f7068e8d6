using System.Text;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Keys;

/// <summary>
/// Who may wait for one fetch: requests with the same cache key, all with credentials or all without, and with the same values in the
/// fields that the resource is known to vary by.
/// </summary>
internal static class CollapseKey
{
    /// <param name="cacheKey">The cache key.</param>
    /// <param name="hasCredentials">Whether the request has credentials of any kind.</param>
    /// <param name="varyFields">The fields that the resource is known to vary by; empty when nothing is known.</param>
    /// <param name="requestFields">The request's fields.</param>
    public static string Of(string cacheKey, bool hasCredentials, string[] varyFields, IDictionary<string, StringValues> requestFields)
    {
        if (!hasCredentials && varyFields.Length == 0)
            return cacheKey;
        // A request target has no blank, so what follows one cannot be part of it; lengths keep the values apart.
        var text = new StringBuilder(cacheKey).Append(hasCredentials ? " credentials" : " ");
        foreach (var value in Vary.Values(varyFields, requestFields))
            text.Append(' ').Append(value?.Length ?? -1).Append(':').Append(value);
        return text.ToString();
    }
}
