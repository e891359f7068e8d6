using System.Buffers;
using System.Buffers.Text;
using System.Text;
using CacheProxy.Http;
using CacheProxy.Storage;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace CacheProxy.Wire;

/// <summary>The head of an answer from the store as Kestrel would send it, but for the order of its fields.</summary>
internal static class HitHead
{
    private const int MaxBytes = 16 << 10;

    /// <summary>
    /// Whether the answer to a plain request is the whole of it, with nothing for Kestrel to add: a body of one piece behind a head of ASCII with a
    /// Date, for everyone alike.
    /// </summary>
    public static bool CanWrite(StoredResponse stored) =>
        stored.Head.StatusCode is >= 200 and < 600 and not (204 or 205 or 206 or 304)
        && stored is { VaryFields.Length: 0, Trailers: null, Body.IsOnePiece: true }
        && stored.Head[HeaderNames.Date].Count == 1 && Bound(stored.Head) <= MaxBytes && IsAscii(stored.Head);

    /// <summary>Writes the head, and returns its length.</summary>
    public static int Write(IBufferWriter<byte> output, StoredResponse stored, TimeSpan age, string cacheStatus)
    {
        var head = stored.Head;
        var line = new Line(output.GetSpan(Bound(head) + cacheStatus.Length));
        line.Add("HTTP/1.1 "u8);
        line.Add(head.StatusCode);
        line.Add(" "u8);
        line.Add(head.ReasonPhrase ?? ReasonPhrases.GetReasonPhrase(head.StatusCode));
        line.Add("\r\nContent-Length: "u8);
        line.Add(stored.Body.Length);
        line.Add("\r\n"u8);
        foreach (ref readonly var field in head.Fields)
        {
            if (ResponseHead.IsMadeAnew(field.Key))
                continue;
            foreach (var value in field.Value)
            {
                line.Add(field.Key);
                line.Add(": "u8);
                line.Add(value ?? "");
                line.Add("\r\n"u8);
            }
        }
        line.Add("Cache-Status: "u8);
        line.Add(cacheStatus);
        line.Add("\r\nAge: "u8);
        line.Add(Math.Clamp(age.Ticks / TimeSpan.TicksPerSecond, 0, int.MaxValue));
        line.Add("\r\n\r\n"u8);
        output.Advance(line.Length);
        return line.Length;
    }

    /// <summary>The most bytes that the head takes, without Cache-Status.</summary>
    private static int Bound(ResponseHead head)
    {
        var bound = 160 + (head.ReasonPhrase?.Length ?? 0);
        foreach (ref readonly var field in head.Fields)
            foreach (var value in field.Value)
                bound += field.Key.Length + (value?.Length ?? 0) + 4;
        return bound;
    }

    private static bool IsAscii(ResponseHead head)
    {
        foreach (ref readonly var field in head.Fields)
            foreach (var value in field.Value)
                if (!Ascii.IsValid(field.Key) || !Ascii.IsValid(value))
                    return false;
        return Ascii.IsValid(head.ReasonPhrase);
    }

    private ref struct Line(Span<byte> span)
    {
        private readonly Span<byte> _span = span;

        public int Length { get; private set; }

        public void Add(ReadOnlySpan<byte> text)
        {
            text.CopyTo(_span[Length..]);
            Length += text.Length;
        }

        public void Add(string text)
        {
            Ascii.FromUtf16(text, _span[Length..], out var written);
            Length += written;
        }

        public void Add(long number)
        {
            Utf8Formatter.TryFormat(number, _span[Length..], out var written);
            Length += written;
        }
    }
}
