using System.Collections.Frozen;
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
    private const string ForwardedFor = "X-Forwarded-For";

    /// <summary>
    /// Fields by which origins and their frameworks are known to take another host, path, scheme or client than the request's own; and
    /// Proxy, which CGI programs take for the environment's HTTP_PROXY. Besides these, all that begin with one of
    /// <see cref="OverridePrefixes"/>.
    /// </summary>
    private static readonly FrozenSet<string> Overrides = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "Forwarded", "X-Forwarded", "X-Host", "X-HTTP-Host-Override", "X-Url-Scheme", "X-Scheme", "X-Script-Name", "Front-End-Https", "Proxy",
        "Base-Url", "Request-Uri", "X-Matched-Path", "X-Now-Route-Matches");

    private static readonly string[] OverridePrefixes = ["CacheProxy-", "X-Forwarded-", "X-Original-", "X-Rewrite-", "X-Middleware-", "X-Invoke-"];

    private static readonly FrozenSet<string> MethodOverrides = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase, "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override");

    /// <summary>
    /// Fields that claim a client's address. What is fetched for all is not to depend on one client's: X-Forwarded-For, set anew by YARP,
    /// tells it to the origin. A passed request keeps them.
    /// </summary>
    private static readonly FrozenSet<string> ClientAddresses = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "X-Real-IP", "X-Client-IP", "Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Cluster-Client-IP", "X-Originating-IP",
        "X-Remote-IP", "X-Remote-Addr", "X-Custom-IP-Authorization");

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
        // Kestrel lets control characters through; an origin may answer them with an error page that others would get to see.
        List<string>? found = null;
        foreach (var (name, lines) in fields)
            if (IsRemoved(name, Dashed(name), lines, isSafe))
                (found ??= []).Add(name);
        foreach (var name in found ?? [])
            fields.Remove(name);
    }

    /// <summary>
    /// The fields of a fetch for the store: a client's own conditions and range are left out, so that the whole comes back; Accept-Encoding
    /// is forwarded as it is keyed; the validators of a stored response and our own name in CDN-Loop go along.
    /// </summary>
    public static Dictionary<string, StringValues> ForFetch(IDictionary<string, StringValues> client, ValidationConditions? validating, string loopName)
    {
        var fields = new Dictionary<string, StringValues>(client.Count + 2, StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in client)
        {
            var dashed = Dashed(name);
            if (!Conditions.Contains(name) && !ClientAddresses.Contains(dashed) && !IsRemoved(name, dashed, value, isSafe: true))
                fields[name] = value;
        }
        if (fields.TryGetValue(HeaderNames.AcceptEncoding, out var codings))
            SetOrRemove(fields, HeaderNames.AcceptEncoding, AcceptEncoding.Normalise(codings));
        CdnLoop.Add(fields, loopName);
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
            if (option is "keep-alive" or "close")
                continue; // all that most clients say, at no cost
            var name = option.ToString();
            // Connection and Upgrade themselves are YARP's business: it drops them, or makes them anew for a websocket.
            if (!HopByHop.IsEndToEnd(name) && !name.Equals(HeaderNames.Upgrade, StringComparison.OrdinalIgnoreCase))
                fields.Remove(name);
        }
    }

    /// <summary>Whether a response's Vary on this field says nothing, because a client's own never reaches the origin.</summary>
    public static bool IsNeverForwarded(string name) =>
        Dashed(name) is var dashed && (IsOverride(name, dashed) || MethodOverrides.Contains(dashed) || ClientAddresses.Contains(dashed));

    /// <summary>
    /// Whether the origin sees the client's own address in this field: what varies by it is for one client, whatever the requests' fields
    /// say.
    /// </summary>
    public static bool TellsClientAddress(string name) =>
        name.Equals(ForwardedFor, StringComparison.OrdinalIgnoreCase) || name.Equals("Forwarded", StringComparison.OrdinalIgnoreCase);

    private static bool IsRemoved(string name, string dashed, StringValues lines, bool isSafe) =>
        IsOverride(name, dashed) || (isSafe && MethodOverrides.Contains(dashed)) || FieldValue.HasControls(lines);

    private static bool IsOverride(string name, string dashed)
    {
        if (Overrides.Contains(dashed))
            return true;
        // YARP sets it anew; but a route may let it append to what a trusted proxy said.
        if (name.Equals(ForwardedFor, StringComparison.OrdinalIgnoreCase))
            return false;
        foreach (var prefix in OverridePrefixes)
            if (dashed.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
                return true;
        return false;
    }

    /// <summary>CGI and its heirs (WSGI, PHP, Rack) cannot tell an underscore in a name from a dash. The same instance when there is none.</summary>
    private static string Dashed(string name) => name.Replace('_', '-');

    private static void SetOrRemove(Dictionary<string, StringValues> fields, string name, StringValues value)
    {
        if (StringValues.IsNullOrEmpty(value))
            fields.Remove(name);
        else
            fields[name] = value;
    }
}
