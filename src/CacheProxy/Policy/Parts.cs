using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Storage;
using Microsoft.Net.Http.Headers;

namespace CacheProxy.Policy;

/// <summary>
/// Parts of responses that are too large to be stored whole: which may be stored, and which put together (RFC 9111 sections 3.3 and 3.4; RFC 9110
/// section 15.3.7.3). Nothing but the same strong entity tag and the same complete length makes two of them one.
/// </summary>
internal static class Parts
{
    /// <summary>Sizes of parts are multiples of this.</summary>
    private const int Unit = 64 << 10;

    /// <summary>Large enough that few requests make a large body, small enough that one byte in the middle is not far from where its part begins.</summary>
    private const int Largest = 1 << 20;

    /// <summary>Far beyond any file; sums of places stay numbers.</summary>
    private const long LongestBody = 1L << 50;

    /// <summary>The size of the parts where bodies up to a limit are stored; 0: nothing is stored in parts.</summary>
    public static int SizeFor(long maxBodyBytes) => maxBodyBytes < Unit ? 0 : (int)Math.Min(Largest, maxBodyBytes - (maxBodyBytes % Unit));

    /// <summary>Whether a 200 that may be stored but for its size may be stored in parts: its length is known, and a strong entity tag holds them together.</summary>
    public static bool MayDivide(ResponseHead whole, long maxBodyBytes) =>
        whole.StatusCode == 200 && whole.ContentLength is > 0 and <= LongestBody && SizeFor(maxBodyBytes) is > 0 and var size && whole.ContentLength > size
        && whole.EntityTag is { } tag && !EntityTag.IsWeak(tag)
        && whole[HeaderNames.ContentRange].Count == 0 && !RefusesRanges(whole) && !VariesByRange(whole);

    /// <summary>Why a 206 is not the part that was asked for; <c>null</c>: it is, and belongs to the whole that is stored.</summary>
    /// <param name="part">The 206's head.</param>
    /// <param name="whole">The head of what is stored.</param>
    /// <param name="asked">What was asked for.</param>
    public static StoreReason? Refusal(ResponseHead part, ResponseHead whole, ContentRange asked)
    {
        // RFC 9110 section 15.3.7.1: a single part says where it belongs; and a length that says otherwise says that one of them is a lie.
        if (ContentRange.Parse(part[HeaderNames.ContentRange]) is not { } range || part.ContentLength != range.Length || IsMultipart(part))
            return StoreReason.ContentRange;
        // RFC 9111 section 3.4.
        if (part.EntityTag is not { } tag || EntityTag.IsWeak(tag))
            return StoreReason.NoValidator;
        if (!IsSame(tag, range.CompleteLength, whole, asked.CompleteLength) || OtherCoding(part, whole))
            return StoreReason.Changed;
        return range == asked ? null : StoreReason.ContentRange;
    }

    /// <summary>Whether two heads are of the same bytes.</summary>
    public static bool IsSame(string? tag, long completeLength, ResponseHead whole, long wholeLength) =>
        tag is not null && whole.EntityTag is { } wholeTag && EntityTag.StrongEquals(tag, wholeTag) && completeLength == wholeLength;

    /// <summary>Whether a stored part may be used for an answer. What is purged is not used again, though it be unchanged; all else the whole's head was asked about.</summary>
    /// <param name="part">What is stored for the place.</param>
    /// <param name="mark">The strongest invalidation that came after the part.</param>
    /// <param name="whole">The head that the answer will have.</param>
    /// <param name="range">The bytes that are wanted of it.</param>
    public static bool MayCombine(StoredResponse part, MarkStrength mark, ResponseHead whole, ContentRange range) =>
        mark < MarkStrength.Hard
        && (!part.RequestWasAuthorized || Storability.AllowsAuthorized(whole.CacheControl))
        && part.BodyLength == range.Length
        && part.ReadField(HeaderNames.ContentRange) == range.ToString()
        && IsSame(part.ReadField(HeaderNames.ETag), range.CompleteLength, whole, range.CompleteLength);

    /// <summary>With If-Range a 206 need not repeat the coding; one that is another shows what its tag is worth.</summary>
    private static bool OtherCoding(ResponseHead part, ResponseHead whole) =>
        part[HeaderNames.ContentEncoding] is { Count: > 0 } coding && !coding.Equals(whole[HeaderNames.ContentEncoding]);

    private static bool IsMultipart(ResponseHead part) =>
        part[HeaderNames.ContentType] is { Count: > 0 } types && types[0].AsSpan().TrimStart(FieldList.Whitespace).StartsWith("multipart/byteranges", StringComparison.OrdinalIgnoreCase);

    /// <summary>Then no request for a part selects what is stored of the whole.</summary>
    private static bool VariesByRange(ResponseHead whole)
    {
        foreach (var name in new FieldList(whole.Vary))
            if (name.Equals(HeaderNames.Range, StringComparison.OrdinalIgnoreCase) || name.Equals(HeaderNames.IfRange, StringComparison.OrdinalIgnoreCase))
                return true;
        return false;
    }

    /// <summary>RFC 9110 section 14.3.</summary>
    private static bool RefusesRanges(ResponseHead whole)
    {
        foreach (var unit in new FieldList(whole[HeaderNames.AcceptRanges]))
            if (unit.Equals("none", StringComparison.OrdinalIgnoreCase))
                return true;
        return false;
    }
}
