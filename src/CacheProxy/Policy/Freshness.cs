using CacheProxy.Http;

namespace CacheProxy.Policy;

/// <summary>Age and freshness lifetime (RFC 9111 section 4.2).</summary>
internal static class Freshness
{
    /// <summary>corrected_initial_age: the larger of apparent_age and corrected_age_value (section 4.2.3).</summary>
    /// <param name="response">The response's head.</param>
    /// <param name="receivedAt">The wall clock at receipt, to compare with Date.</param>
    /// <param name="responseDelay">The time from sending the request to receiving the head.</param>
    public static TimeSpan InitialAge(ResponseHead response, DateTimeOffset receivedAt, TimeSpan responseDelay) =>
        throw new NotSupportedException();
}
