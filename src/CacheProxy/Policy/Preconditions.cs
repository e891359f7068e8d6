using CacheProxy.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Policy;

/// <summary>
/// A client's own conditions and range, evaluated on a stored response (RFC 9110 sections 13 and 14; RFC 9111 section 4.3.2).
/// </summary>
internal static class Preconditions
{
    /// <summary>
    /// The whole, the satisfiable ranges, 304 or 416. Conditions come before the range, If-None-Match before
    /// If-Modified-Since; anything unreadable is ignored. Only a 200 has ranges and 304s here.
    /// </summary>
    /// <remarks>If-Match and If-Unmodified-Since are the origin's to evaluate (<see cref="RequestHead.HasOriginPreconditions"/>).</remarks>
    /// <param name="request">The request.</param>
    /// <param name="stored">The stored response's head.</param>
    /// <param name="entityTag">Its entity tag; empty when it has none.</param>
    /// <param name="bodyLength">The length of the whole body, in bytes.</param>
    public static Selection Evaluate(in RequestHead request, in HeadFacts stored, ReadOnlySpan<char> entityTag, long bodyLength)
    {
        var whole = new Selection(stored.StatusCode, 0, bodyLength);
        if (stored.StatusCode != 200)
            return whole;

        // RFC 9110 section 13.2.2, steps 3 and 4.
        var isNotModified = request.IfNoneMatch.Count > 0
            ? EntityTag.ListNames(request.IfNoneMatch, entityTag)
            : request.IfModifiedSince.Count > 0 && !IsModifiedSince(request.IfModifiedSince, stored);
        if (isNotModified)
            return new Selection(304, 0, 0);

        // Step 5. Only GET has ranges (section 14.2).
        if (!request.HasRange || request.Method != "GET" || !MayRange(request.IfRange, stored, entityTag))
            return whole;
        var range = ByteRange.Parse(request.Range, bodyLength);
        ByteRange[] ranges = range.Kind == ByteRangeKind.None ? ByteRange.ParseSeveral(request.Range, bodyLength) : [];
        if (ranges.Length == 1)
            range = ranges[0];
        return range.Kind switch
        {
            ByteRangeKind.Satisfiable => new Selection(206, range.Offset, range.Length),
            ByteRangeKind.Unsatisfiable => new Selection(416, 0, 0),
            _ => ranges.Length > 1 ? new Selection(206, 0, ranges.Sum(part => part.Length), ranges) : whole,
        };
    }

    /// <inheritdoc cref="Evaluate(in RequestHead, in HeadFacts, ReadOnlySpan{char}, long)"/>
    public static Selection Evaluate(in RequestHead request, ResponseHead response, long bodyLength) =>
        Evaluate(request, response.Facts, response.EntityTag, bodyLength);

    /// <summary>RFC 9111 section 4.3.2: against Last-Modified, else Date, else the time of receipt.</summary>
    private static bool IsModifiedSince(StringValues ifModifiedSince, in HeadFacts stored)
    {
        if (ifModifiedSince.Count != 1 || HttpDate.Parse(ifModifiedSince[0], stored.ReceivedAt) is not { } since)
            return true;
        return (stored.LastModified ?? stored.Date ?? stored.ReceivedAt) > since;
    }

    /// <summary>RFC 9110 section 13.1.5: without If-Range, or when it names exactly the stored response by a strong validator.</summary>
    private static bool MayRange(StringValues ifRange, in HeadFacts stored, ReadOnlySpan<char> entityTag)
    {
        if (ifRange.Count == 0)
            return true;
        var validator = ifRange.Count == 1 ? ifRange[0].AsSpan().Trim(FieldList.Whitespace) : default;
        if (EntityTag.IsValid(validator))
            return EntityTag.StrongEquals(validator, entityTag);

        // Section 8.8.2.2: a date is strong when the origin's clock had moved on since the last change.
        return HttpDate.Parse(validator, stored.ReceivedAt) is { } date
            && stored.LastModified == date
            && stored.Date - stored.LastModified >= TimeSpan.FromSeconds(1);
    }
}

/// <param name="StatusCode">The status code to answer with: the stored one, 206, 304 or 416.</param>
/// <param name="Offset">The first byte of the body to send.</param>
/// <param name="Length">How many bytes of the body to send.</param>
/// <param name="Parts">Several ranges, for multipart/byteranges (RFC 9110 section 14.6); <c>null</c> for one.</param>
internal readonly record struct Selection(int StatusCode, long Offset, long Length, ByteRange[]? Parts = null);
