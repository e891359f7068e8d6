using Microsoft.Extensions.Primitives;

namespace CacheProxy.Http;

/// <summary>Whether the end of a response can be told in one way only (RFC 9112 section 6.3).</summary>
internal static class ResponseFraming
{
    /// <summary>More digits than any body needs, and none that overflow.</summary>
    private const int MaxLengthDigits = 18;

    /// <summary>
    /// <c>false</c> for more than one Content-Length, be they equal, for one that is not digits alone, for one beside a Transfer-Encoding,
    /// and for chunks within or around another coding.
    /// </summary>
    /// <remarks>
    /// A coding that is not chunked, alone, leaves the end of the connection as the end of the body.
    /// </remarks>
    /// <param name="contentLength">All lines of Content-Length.</param>
    /// <param name="transferEncoding">All lines of Transfer-Encoding.</param>
    public static bool IsClear(StringValues contentLength, StringValues transferEncoding)
    {
        if (transferEncoding.Count == 0)
            return contentLength.Count == 0 || (contentLength.Count == 1 && IsLength(contentLength[0]));
        return contentLength.Count == 0 && (!Mentions(transferEncoding, "chunked") || IsChunkedAlone(transferEncoding));
    }

    /// <summary>Whether the body is in a coding that changes its bytes, which .NET does not take off (RFC 9112 section 7.2).</summary>
    public static bool IsCompressed(StringValues transferEncoding) =>
        Mentions(transferEncoding, "gzip") || Mentions(transferEncoding, "deflate") || Mentions(transferEncoding, "compress");

    private static bool IsLength(ReadOnlySpan<char> text)
    {
        text = text.Trim(FieldList.Whitespace);
        return text.Length is > 0 and <= MaxLengthDigits && !text.ContainsAnyExceptInRange('0', '9');
    }

    private static bool Mentions(StringValues lines, string coding)
    {
        foreach (var line in lines)
            if (line?.Contains(coding, StringComparison.OrdinalIgnoreCase) is true)
                return true;
        return false;
    }

    private static bool IsChunkedAlone(StringValues lines) =>
        lines.Count == 1 && lines[0].AsSpan().Trim(FieldList.Whitespace).Equals("chunked", StringComparison.OrdinalIgnoreCase);
}
