using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace CacheProxy.Fetching;

/// <summary>
/// The content of a QUERY request, read whole: part of the key (RFC 10008), and sent with the fetch. A feature of the client's context.
/// </summary>
internal sealed class RequestContent
{
    private RequestContent(byte[] bytes, string digest) => (Bytes, Digest) = (bytes, digest);

    public byte[] Bytes { get; }

    /// <summary>SHA-256 of the content and of the fields that say what it is: two contents do not meet in one.</summary>
    public string Digest { get; }

    /// <returns><c>null</c> when it is longer than <paramref name="maxBytes"/>; then it is there to be read still.</returns>
    public static async Task<RequestContent?> ReadAsync(HttpContext context, int maxBytes)
    {
        var content = context.Features.Get<RequestContent>() ?? await ReadNewAsync(context, maxBytes);
        if (content is not null)
        {
            context.Features.Set(content);
            context.Request.Body = new MemoryStream(content.Bytes, writable: false); // for whoever passes the request on
        }
        return content;
    }

    private static async Task<RequestContent?> ReadNewAsync(HttpContext context, int maxBytes)
    {
        var request = context.Request;
        if (request.ContentLength > maxBytes)
            return null;
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody is false)
            return new RequestContent([], DigestOf(request, []));
        var read = await request.BodyReader.ReadAtLeastAsync(maxBytes + 1, context.RequestAborted);
        if (read.Buffer.Length > maxBytes)
        {
            request.BodyReader.AdvanceTo(read.Buffer.Start);
            return null;
        }
        var bytes = read.Buffer.ToArray();
        request.BodyReader.AdvanceTo(read.Buffer.End);
        return new RequestContent(bytes, DigestOf(request, bytes));
    }

    private static string DigestOf(HttpRequest request, ReadOnlySpan<byte> bytes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var field in new[] { request.Headers.ContentType, request.Headers.ContentEncoding, request.Headers.ContentLanguage })
            Append(hash, Encoding.UTF8.GetBytes(field.ToString()));
        Append(hash, bytes);
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    /// <summary>With its length, so that the parts cannot run into each other.</summary>
    private static void Append(IncrementalHash hash, ReadOnlySpan<byte> part)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, part.Length);
        hash.AppendData(length);
        hash.AppendData(part);
    }
}
