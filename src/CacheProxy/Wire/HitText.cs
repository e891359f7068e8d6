using System.Buffers;
using System.Buffers.Text;
using System.Text;
using CacheProxy.Keys;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace CacheProxy.Wire;

/// <summary>An answer from the store as Kestrel would send it, but for the order of its fields.</summary>
internal static class HitText
{
    /// <summary>Our own lines and the status line, without reason phrase and Cache-Status.</summary>
    private const int OwnBytes = 128;

    /// <summary>Of anything else Kestrel's encoding or its checks would have a word to say.</summary>
    private static readonly SearchValues<byte> Plain = SearchValues.Create([.. "\r\n\t"u8, .. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (byte)c)]);

    /// <summary>
    /// Whether the answer to a plain request is the whole of it, with nothing for Kestrel to add: the head plain ASCII with a Date, and nothing
    /// but Accept-Encoding selects it. While held.
    /// </summary>
    public static bool CanWrite(StoredResponse stored) =>
        (stored.VaryFields.Length == 0 || AcceptEncoding.IsAllOf(stored.VaryFields))
        && stored is { Trailers: null, IsIncomplete: false, Facts.Date: not null }
        && stored.Facts.StatusCode is >= 200 and < 600 and not (204 or 205 or 206 or 304)
        && Ascii.IsValid(stored.ReasonPhrase) && !stored.Lines.ContainsAnyExcept(Plain);

    /// <summary>Writes the head, and the body where it lies in the block, or a 304 instead of them, and returns their length. While held.</summary>
    public static int Write(IBufferWriter<byte> output, StoredResponse stored, bool isNotModified, TimeSpan age, string cacheStatus)
    {
        var status = isNotModified ? StatusCodes.Status304NotModified : stored.Facts.StatusCode;
        var reason = (isNotModified ? null : stored.ReasonPhrase) ?? ReasonPhrases.GetReasonPhrase(status);
        var lines = isNotModified ? stored.LinesOfNotModified : stored.Lines;
        var body = isNotModified || stored.LargeBody is not null ? default : stored.BlockBody;
        var text = new Text(output.GetSpan(OwnBytes + reason.Length + cacheStatus.Length + lines.Length + body.Length));
        text.Add("HTTP/1.1 "u8);
        text.Add(status);
        text.Add(" "u8);
        text.Add(reason);
        text.Add("\r\n"u8);
        if (!isNotModified)
        {
            text.Add("Content-Length: "u8);
            text.Add(stored.BodyLength);
            text.Add("\r\n"u8);
        }
        text.Add(lines);
        text.Add("Cache-Status: "u8);
        text.Add(cacheStatus);
        text.Add("\r\nAge: "u8);
        text.Add(Math.Clamp(age.Ticks / TimeSpan.TicksPerSecond, 0, int.MaxValue));
        text.Add("\r\n\r\n"u8);
        text.Add(body);
        output.Advance(text.Length);
        return text.Length;
    }

    private ref struct Text(Span<byte> span)
    {
        private readonly Span<byte> _span = span;

        public int Length { get; private set; }

        public void Add(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(_span[Length..]);
            Length += bytes.Length;
        }

        public void Add(string ascii)
        {
            Ascii.FromUtf16(ascii, _span[Length..], out var written);
            Length += written;
        }

        public void Add(long number)
        {
            Utf8Formatter.TryFormat(number, _span[Length..], out var written);
            Length += written;
        }
    }
}
