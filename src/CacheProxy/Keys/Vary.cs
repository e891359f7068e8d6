using Microsoft.Extensions.Primitives;

namespace CacheProxy.Keys;

/// <summary>Which stored response a request selects (RFC 9111 section 4.1).</summary>
internal static class Vary
{
    /// <summary>The field names of all lines, without duplicates (names compared without case); <c>null</c> when a <c>*</c> is among them.</summary>
    public static string[]? Fields(StringValues lines) => throw new NotSupportedException();

    /// <summary>The values that select a variant: all lines joined, white space around list commas outside quotes taken out; <c>null</c> for an absent field.</summary>
    public static string?[] Values(string[] fields, IDictionary<string, StringValues> request) => throw new NotSupportedException();

    /// <summary>Whether a request has those values. Allocates nothing in the plain case of equal text.</summary>
    public static bool Matches(string[] fields, string?[] values, IDictionary<string, StringValues> request) => throw new NotSupportedException();
}
