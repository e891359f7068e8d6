using CacheProxy.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Policy;

/// <summary>Validating a stored response with the origin, and freshening it from a 304 (RFC 9111 sections 4.3.1, 4.3.3, 4.3.4).</summary>
internal static class Validation
{
    public static bool HasValidator(ResponseHead stored) => stored.EntityTag is not null || stored.LastModified is not null;

    /// <summary>Whether a 304 speaks of this stored response: its validators, where it has any, agree (section 4.3.4).</summary>
    public static bool Selects(ResponseHead notModified, ResponseHead stored) => throw new NotSupportedException();

    /// <summary>The stored head updated by the 304's fields (section 3.2; Content-Encoding, Content-Type, Content-Range, Content-Length stay).</summary>
    public static ResponseHead Freshen(ResponseHead stored, ResponseHead notModified, DateTimeOffset now) => throw new NotSupportedException();

    /// <summary>Fields to leave out when a response is stored: hop-by-hop, named by Connection, private="f", no-cache="f", Set-Cookie, Age.</summary>
    public static KeyValuePair<string, StringValues>[] StoredFields(ResponseHead received) => throw new NotSupportedException();
}
