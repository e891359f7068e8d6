using System.Collections.Frozen;
using CacheProxy.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace CacheProxy.Policy;

/// <summary>Validating a stored response with the origin, and freshening it from a 304 (RFC 9111 sections 4.3.1, 4.3.3, 4.3.4).</summary>
internal static class Validation
{
    /// <summary>What describes the stored body stays when a 304 says otherwise (section 3.2).</summary>
    private static readonly FrozenSet<string> NotFreshened = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        HeaderNames.ContentEncoding, HeaderNames.ContentRange, HeaderNames.ContentLength, HeaderNames.ContentMD5, "Content-Digest");

    public static bool HasValidator(in HeadFacts stored) => stored.HasEntityTag || stored.LastModified is not null;

    /// <summary>The validators to send, exactly as the origin wrote them (section 4.3.1).</summary>
    public static ValidationConditions Conditions(ResponseHead stored) =>
        new(stored.EntityTag, stored.LastModified is null ? null : stored[HeaderNames.LastModified][0]);

    /// <summary>Whether a 304 speaks of this stored response: its validators, where it has any, agree (section 4.3.4).</summary>
    public static bool Selects(ResponseHead notModified, ResponseHead stored)
    {
        // Weak comparison: origins and the compressors before them are not at one on W/ in a 304, and the bytes are the stored ones
        // either way.
        if (notModified.EntityTag is { } tag && stored.EntityTag is { } storedTag)
            return EntityTag.WeakEquals(tag, storedTag);
        // First clause: a strong validator that nothing stored has.
        if (notModified.EntityTag is { } strong && !EntityTag.IsWeak(strong))
            return false;
        return notModified.LastModified is null || stored.LastModified is null || notModified.LastModified == stored.LastModified;
    }

    /// <summary>
    /// The stored head updated by the 304's fields (section 3.2; what describes the stored bytes stays).
    /// </summary>
    /// <remarks>
    /// Its Age and cookies are not merged, nor its tag where one is stored: the stored one may be weak for a reason. The result is to be
    /// put to <see cref="Storability"/> again, with the 304's own initial age.
    /// </remarks>
    public static ResponseHead Freshen(ResponseHead stored, ResponseHead notModified, DateTimeOffset now, bool keepCookies = false)
    {
        var fields = new List<KeyValuePair<string, StringValues>>(stored.Fields.Length + 4);
        foreach (var field in stored.Fields)
            if (!Replaces(notModified, field.Key, stored, keepCookies))
                fields.Add(field);
        foreach (var field in notModified.Fields)
            if (Replaces(notModified, field.Key, stored, keepCookies))
                fields.Add(field);

        // The stored Date would make the 304 as old as the response it freshens.
        if (notModified[HeaderNames.Date].Count == 0)
        {
            fields.RemoveAll(static field => field.Key.Equals(HeaderNames.Date, StringComparison.OrdinalIgnoreCase));
            fields.Add(new(HeaderNames.Date, HttpDate.Format(now)));
        }
        var merged = new ResponseHead(stored.StatusCode, stored.ReasonPhrase, [.. fields], now);
        return new ResponseHead(stored.StatusCode, stored.ReasonPhrase, StoredFields(merged, keepCookies), now);
    }

    /// <summary>The head as it is stored; the very one when nothing is to be left out.</summary>
    public static ResponseHead StoredHead(ResponseHead received, bool keepCookies = false)
    {
        var connection = received[HeaderNames.Connection];
        var isWhole = received[HeaderNames.Date].Count > 0;
        foreach (var field in received.Fields)
            isWhole &= IsStored(received, connection, field.Key, keepCookies);
        return isWhole ? received : new ResponseHead(received.StatusCode, received.ReasonPhrase, StoredFields(received, keepCookies), received.ReceivedAt);
    }

    /// <summary>
    /// Fields to leave out when a response is stored: hop-by-hop, named by Connection, private="f", no-cache="f", Age (section 5.1: it is
    /// part of the stored response's times), and cookies unless the policy keeps them.
    /// </summary>
    /// <remarks>
    /// Everything else stays, Cache-Status of caches further up too. A response without Date gets one (RFC 9110 section 6.6.1).
    /// </remarks>
    public static KeyValuePair<string, StringValues>[] StoredFields(ResponseHead received, bool keepCookies = false)
    {
        var connection = received[HeaderNames.Connection];
        var fields = new List<KeyValuePair<string, StringValues>>(received.Fields.Length + 1);
        foreach (var field in received.Fields)
            if (IsStored(received, connection, field.Key, keepCookies))
                fields.Add(field);
        if (received[HeaderNames.Date].Count == 0)
            fields.Add(new(HeaderNames.Date, HttpDate.Format(received.ReceivedAt)));
        return [.. fields];
    }

    /// <summary>Whether a field of that name in this response, or in its trailers, may go to others than the client that asked.</summary>
    public static bool IsStored(ResponseHead received, string name, bool keepCookies) => IsStored(received, received[HeaderNames.Connection], name, keepCookies);

    private static bool IsStored(ResponseHead received, StringValues connection, string name, bool keepCookies) =>
        !name.Equals(HeaderNames.Age, StringComparison.OrdinalIgnoreCase) && (keepCookies || !name.Equals(HeaderNames.SetCookie, StringComparison.OrdinalIgnoreCase)) && !HopByHop.Contains(connection, name)
        && !Names(received.CacheControl.PrivateFields, name) && !Names(received.CacheControl.NoCacheFields, name);

    /// <summary>
    /// Whether the 200 to a HEAD speaks of this stored response (section 4.3.5): every validator and the length that it has are the stored
    /// ones.
    /// </summary>
    public static bool SelectsByHead(ResponseHead head, ResponseHead stored, long bodyLength) =>
        (head.EntityTag is null || head.EntityTag == stored.EntityTag)
        && (head.LastModified is null || head.LastModified == stored.LastModified)
        && (head.ContentLength ?? bodyLength) == bodyLength;

    private static bool Replaces(ResponseHead notModified, string name, ResponseHead stored, bool keepCookies)
    {
        if (!keepCookies && name.Equals("Set-Cookie2", StringComparison.OrdinalIgnoreCase))
            return false; // of the client that validated
        if (NotFreshened.Contains(name) || HopByHop.Contains(notModified[HeaderNames.Connection], name))
            return false;
        if (stored.EntityTag is not null && name.Equals(HeaderNames.ETag, StringComparison.OrdinalIgnoreCase))
            return false;
        return notModified[name].Count > 0;
    }

    private static bool Names(IReadOnlyList<string>? fields, string name)
    {
        for (var i = 0; i < fields?.Count; i++)
            if (fields[i].Equals(name, StringComparison.OrdinalIgnoreCase))
                return true;
        return false;
    }
}

/// <summary>The conditions of a validation request.</summary>
/// <param name="IfNoneMatch">The stored tag; <c>null</c> when there is none.</param>
/// <param name="IfModifiedSince">The stored Last-Modified as its text; <c>null</c> when there is none.</param>
internal readonly record struct ValidationConditions(string? IfNoneMatch, string? IfModifiedSince);
