using CacheProxy.Http;
using CacheProxy.Policy;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace CacheProxy.Keys;

/// <summary>
/// Which request fields go to the origin. What could change the origin's answer without being part of the key or of Vary does not.
/// </summary>
internal static class ForwardedFields
{
    /// <summary>
    /// Fields by which origins are known to take another host, path or scheme than the request's own. YARP sets X-Forwarded-For, -Host,
    /// -Proto and -Prefix anew.
    /// </summary>
    private static readonly string[] Overrides =
    [
        "Forwarded", "X-Forwarded-Host", "X-Forwarded-Scheme", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix",
        "X-Forwarded-Server", "X-Forwarded-Path", "X-Forwarded-Uri", "X-Forwarded-Ssl", "X-Host", "X-Original-Host", "X-Original-URL",
        "X-Original-URI", "X-Original-For", "X-Original-Proto", "X-Original-Prefix", "X-Rewrite-URL", "X-Url-Scheme", "Front-End-Https",
    ];

    private static readonly string[] MethodOverrides = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"];

    private static readonly HashSet<string> Conditions = new(StringComparer.OrdinalIgnoreCase)
    {
        HeaderNames.IfNoneMatch, HeaderNames.IfModifiedSince, HeaderNames.IfMatch, HeaderNames.IfUnmodifiedSince, HeaderNames.IfRange,
        HeaderNames.Range, HeaderNames.Expect, HeaderNames.ContentLength,
    };

    /// <summary>Takes out of the request what must not be forwarded.</summary>
    /// <param name="fields">The request's fields; changed in place.</param>
    /// <param name="isSafe">The method is GET or HEAD: then a method override is taken out as well.</param>
    public static void Clean(IDictionary<string, StringValues> fields, bool isSafe)
    {
        if (fields.TryGetValue(HeaderNames.Connection, out var connection))
            RemoveNamed(connection, fields);
        foreach (var name in Overrides)
            fields.Remove(name);
        if (isSafe)
            foreach (var name in MethodOverrides)
                fields.Remove(name);
    }

    /// <summary>
    /// The fields of a fetch for the store: a client's own conditions and range are left out, so that the whole comes back; Accept-Encoding
    /// is forwarded as it is keyed; the validators of a stored response go along.
    /// </summary>
    public static Dictionary<string, StringValues> ForFetch(IDictionary<string, StringValues> client, ValidationConditions? validating)
    {
        var fields = new Dictionary<string, StringValues>(client.Count + 2, StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in client)
            if (!Conditions.Contains(name))
                fields[name] = value;
        Clean(fields, isSafe: true);
        if (fields.TryGetValue(HeaderNames.AcceptEncoding, out var codings))
            SetOrRemove(fields, HeaderNames.AcceptEncoding, AcceptEncoding.Normalise(codings));
        if (validating is { } conditions)
        {
            SetOrRemove(fields, HeaderNames.IfNoneMatch, conditions.IfNoneMatch);
            SetOrRemove(fields, HeaderNames.IfModifiedSince, conditions.IfModifiedSince);
        }
        return fields;
    }

    /// <summary>Removes the fields that Connection names: they are for the next hop alone (RFC 9110 section 7.6.1).</summary>
    public static void RemoveNamed(StringValues connection, IDictionary<string, StringValues> fields)
    {
        foreach (var option in new FieldList(connection))
        {
            var name = option.ToString();
            // Connection and Upgrade themselves are YARP's business: it drops them, or makes them anew for a websocket.
            if (!HopByHop.IsEndToEnd(name) && !name.Equals(HeaderNames.Upgrade, StringComparison.OrdinalIgnoreCase))
                fields.Remove(name);
        }
    }

    /// <summary>Whether a response's Vary on this field says nothing, because it never reaches the origin as the client sent it.</summary>
    public static bool IsNeverForwarded(string name) =>
        Overrides.Contains(name, StringComparer.OrdinalIgnoreCase) || MethodOverrides.Contains(name, StringComparer.OrdinalIgnoreCase);

    private static void SetOrRemove(Dictionary<string, StringValues> fields, string name, StringValues value)
    {
        if (StringValues.IsNullOrEmpty(value))
            fields.Remove(name);
        else
            fields[name] = value;
    }
}
