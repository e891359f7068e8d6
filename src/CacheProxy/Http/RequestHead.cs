using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace CacheProxy.Http;

/// <summary>What the cache reads of a request's head, parsed once. Borrowed from the request: not to be kept beyond it.</summary>
internal readonly struct RequestHead
{
    /// <param name="method">The method, in its own case.</param>
    /// <param name="fields">The fields.</param>
    /// <param name="credentialFields">Names of fields that mean what Authorization means.</param>
    public RequestHead(string method, IDictionary<string, StringValues> fields, ReadOnlySpan<string> credentialFields = default)
    {
        Method = method;
        Fields = fields;
        CacheControl = fields.TryGetValue(HeaderNames.CacheControl, out var cacheControl) ? CacheControl.Parse(cacheControl) : default;
        IsPragmaNoCache = !CacheControl.IsPresent && fields.TryGetValue(HeaderNames.Pragma, out var pragma) && HasNoCache(pragma);
        fields.TryGetValue(HeaderNames.IfNoneMatch, out var ifNoneMatch);
        IfNoneMatch = ifNoneMatch;
        fields.TryGetValue(HeaderNames.IfModifiedSince, out var ifModifiedSince);
        IfModifiedSince = ifModifiedSince;
        fields.TryGetValue(HeaderNames.Range, out var range);
        Range = range;
        fields.TryGetValue(HeaderNames.IfRange, out var ifRange);
        IfRange = ifRange;
        HasAuthorization = fields.ContainsKey(HeaderNames.Authorization);
        HasCookie = fields.ContainsKey(HeaderNames.Cookie);
        foreach (var name in credentialFields)
            HasAuthorization |= fields.ContainsKey(name);
        HasOriginPreconditions = fields.ContainsKey(HeaderNames.IfMatch) || fields.ContainsKey(HeaderNames.IfUnmodifiedSince);
    }

    public string Method { get; }

    /// <summary>All fields as the client sent them, names compared without case.</summary>
    public IDictionary<string, StringValues> Fields { get; }

    public CacheControl CacheControl { get; }

    /// <summary><c>Pragma: no-cache</c> where no Cache-Control speaks (RFC 9111 section 5.4).</summary>
    public bool IsPragmaNoCache { get; }

    public StringValues IfNoneMatch { get; }

    public StringValues IfModifiedSince { get; }

    public StringValues Range { get; }

    public bool HasRange => Range.Count > 0;

    public StringValues IfRange { get; }

    /// <summary>Authorization, or a field that the operator says is as good as that.</summary>
    public bool HasAuthorization { get; }

    public bool HasCookie { get; }

    /// <summary>Whether the answer may be meant for one user.</summary>
    public bool HasCredentials => HasAuthorization || HasCookie;

    public bool HasConditionsOrRange => IfNoneMatch.Count + IfModifiedSince.Count + Range.Count > 0;

    /// <summary>If-Match or If-Unmodified-Since, which only the origin may evaluate (RFC 9111 section 4.3.2).</summary>
    public bool HasOriginPreconditions { get; }

    private static bool HasNoCache(StringValues pragma)
    {
        foreach (var member in new FieldList(pragma))
            if (member.Equals("no-cache", StringComparison.OrdinalIgnoreCase))
                return true;
        return false;
    }
}
