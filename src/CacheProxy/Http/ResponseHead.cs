using Microsoft.Extensions.Primitives;

namespace CacheProxy.Http;

/// <summary>A final response's head, parsed once; immutable.</summary>
internal sealed class ResponseHead
{
    private readonly KeyValuePair<string, StringValues>[] _fields;

    /// <param name="statusCode">The final status code.</param>
    /// <param name="reasonPhrase">The reason phrase of HTTP/1.1; <c>null</c> means the standard one.</param>
    /// <param name="fields">The fields to keep, in their order; owned by this object from now on.</param>
    /// <param name="now">The time of receipt, for the two-digit years of obsolete dates.</param>
    public ResponseHead(int statusCode, string? reasonPhrase, KeyValuePair<string, StringValues>[] fields, DateTimeOffset now)
    {
        StatusCode = statusCode;
        ReasonPhrase = reasonPhrase;
        _fields = fields;
        throw new NotSupportedException();
    }

    public int StatusCode { get; }

    public string? ReasonPhrase { get; }

    public ReadOnlySpan<KeyValuePair<string, StringValues>> Fields => _fields;

    public CacheControl CacheControl { get; }

    /// <summary>The Date field; <c>null</c> when absent or unreadable.</summary>
    public DateTimeOffset? Date { get; }

    /// <summary>The first member of Age; <see cref="TimeSpan.Zero"/> when absent or unreadable (RFC 9111 section 5.1).</summary>
    public TimeSpan Age { get; }

    public bool HasExpires { get; }

    /// <summary>The Expires field; <c>null</c> when absent or unreadable: see <see cref="HasExpires"/>.</summary>
    public DateTimeOffset? Expires { get; }

    public DateTimeOffset? LastModified { get; }

    /// <summary>The entity tag as sent, with its <c>W/</c> and quotes; <c>null</c> when absent or not a single tag.</summary>
    public string? EntityTag { get; }

    /// <summary><c>null</c> when absent or unreadable.</summary>
    public long? ContentLength { get; }

    public bool HasSetCookie { get; }

    public bool HasPragma { get; }

    /// <summary>All lines of Vary as received; empty when absent.</summary>
    public StringValues Vary { get; }

    /// <summary>All lines of a field; empty when absent.</summary>
    public StringValues this[string name]
    {
        get
        {
            foreach (var field in _fields)
                if (string.Equals(field.Key, name, StringComparison.OrdinalIgnoreCase))
                    return field.Value;
            return default;
        }
    }
}
