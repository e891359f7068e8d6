using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using CacheProxy.Http;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Pipeline;

/// <summary>Several ranges of a stored body in one answer: multipart/byteranges (RFC 9110 section 14.6).</summary>
internal static class ByteRangeParts
{
    /// <summary>Writes length, type and body of a 206 whose other fields are set.</summary>
    /// <param name="response">The client's.</param>
    /// <param name="parts">Which ranges.</param>
    /// <param name="stored">Has to be held until this returns: what lies in its block is copied before the first wait.</param>
    public static async Task WriteAsync(HttpResponse response, ByteRange[] parts, StoredResponse stored)
    {
        var boundary = RandomNumberGenerator.GetHexString(32); // 128 bits: no body has them by chance, and nobody knows them before
        var type = response.ContentType;
        var heads = Array.ConvertAll(parts, part => Encoding.Latin1.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"\r\n--{boundary}\r\n{(type is null ? "" : $"Content-Type: {type}\r\n")}Content-Range: bytes {part.Offset}-{part.Offset + part.Length - 1}/{stored.BodyLength}\r\n\r\n")));
        var end = Encoding.Latin1.GetBytes($"\r\n--{boundary}--\r\n");

        response.ContentType = $"multipart/byteranges; boundary={boundary}";
        response.ContentLength = heads.Sum(head => (long)head.Length) + parts.Sum(part => part.Length) + end.Length;
        var cancellation = response.HttpContext.RequestAborted;
        var writer = response.BodyWriter;
        for (var i = 0; i < parts.Length; i++)
        {
            writer.Write(heads[i]);
            if (stored.LargeBody is null)
                writer.Write(stored.BlockBody.Slice((int)parts[i].Offset, (int)parts[i].Length));
            foreach (var piece in stored.LargeBody?.Pieces(parts[i].Offset, parts[i].Length) ?? [])
                if (await writer.WriteAsync(piece, cancellation) is { IsCompleted: true } or { IsCanceled: true })
                    return;
        }
        writer.Write(end);
        await writer.FlushAsync(cancellation);
    }
}
