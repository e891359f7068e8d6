using Microsoft.Extensions.Primitives;

namespace CacheProxy.Keys;

/// <summary>Reduces Accept-Encoding to the codings that origins know, for what is forwarded and for the key alike.</summary>
internal static class AcceptEncoding
{
    /// <summary>
    /// <c>br, gzip</c> and the like: the known codings (br, deflate, gzip, zstd) that are accepted, sorted; an empty value when none is.
    /// Weights other than 0 and 1, <c>*</c> and a refused identity say more than a set can: then the text comes back as it is, trimmed.
    /// </summary>
    public static StringValues Normalise(StringValues lines) => throw new NotSupportedException();
}
