using System.Globalization;
using System.IO.Pipelines;
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
    public static async Task WriteAsync(HttpResponse response, ByteRange[] parts, Body body)
    {
        var boundary = RandomNumberGenerator.GetHexString(32); // 128 bits: no body has them by chance, and nobody knows them before
        var type = response.ContentType;
        var heads = Array.ConvertAll(parts, part => Encoding.Latin1.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"\r\n--{boundary}\r\n{(type is null ? "" : $"Content-Type: {type}\r\n")}Content-Range: bytes {part.Offset}-{part.Offset + part.Length - 1}/{body.Length}\r\n\r\n")));
        var end = Encoding.Latin1.GetBytes($"\r\n--{boundary}--\r\n");

        response.ContentType = $"multipart/byteranges; boundary={boundary}";
        response.ContentLength = heads.Sum(head => (long)head.Length) + parts.Sum(part => part.Length) + end.Length;
        var cancellation = response.HttpContext.RequestAborted;
        for (var i = 0; i < parts.Length; i++)
        {
            await response.BodyWriter.WriteAsync(heads[i], cancellation);
            if ((await body.WriteToAsync(response.BodyWriter, parts[i].Offset, parts[i].Length, cancellation)) is { IsCompleted: true } or { IsCanceled: true })
                return;
        }
        await response.BodyWriter.WriteAsync(end, cancellation);
    }
}
