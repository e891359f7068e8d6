using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Storage;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Tests.Storage;

/// <summary>Stored responses made for a test.</summary>
internal static class Responses
{
    public static StoredResponse Make(
        byte[] body, long fill = 1, string[]? varyFields = null, string?[]? varyValues = null,
        IReadOnlyList<KeyValuePair<string, StringValues>>? trailers = null, string key = "a") => new(new ResponseHead(200, null, [], default), new Body([body], body.Length))
        {
            Trailers = trailers,
            ResponseTime = default,
            InitialAge = TimeSpan.Zero,
            FreshnessLifetime = TimeSpan.FromSeconds(60),
            VaryFields = varyFields ?? [],
            VaryValues = varyValues ?? [],
            Fence = new Fence(key, Array.Empty<string>(), fill),
        };

    /// <summary>A body that says which key it belongs to, and whether all of it is there.</summary>
    public static byte[] SignedBody(string key, int length)
    {
        var text = new StringBuilder(key).Append('|');
        while (text.Length < length)
            text.Append(length.ToString(CultureInfo.InvariantCulture)).Append(',');
        var bytes = Encoding.UTF8.GetBytes(text.ToString());
        return [.. SHA256.HashData(bytes), .. bytes];
    }

    public static byte[] Bytes(Body body)
    {
        var bytes = new byte[body.Length];
        body.CopyTo(bytes);
        return bytes;
    }

    /// <summary>Of a stored response that is held, or of a test alone.</summary>
    public static byte[] Bytes(StoredResponse stored) => Bytes(stored.ReadBody());

    public static string KeyOfSignedBody(byte[] bytes)
    {
        bytes.AsSpan(0, 32).SequenceEqual(SHA256.HashData(bytes.AsSpan(32))).ShouldBeTrue();
        return Encoding.UTF8.GetString(bytes.AsSpan(32)).Split('|')[0];
    }
}
