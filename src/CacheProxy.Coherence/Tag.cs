using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace CacheProxy.Coherence;

/// <summary>
/// What an invalidation names and an entry carries, such as <c>key:https://a/b</c> or <c>group:https://a items</c>: the first 64 bits of the
/// text's SHA-256, the same on every node. Two texts that share them can only invalidate too much, never too little.
/// </summary>
/// <param name="Hash">The bits.</param>
public readonly record struct Tag(ulong Hash)
{
    /// <summary>Every entry has this one, unsaid.</summary>
    public const string All = "*";

    /// <summary>The text of the tag that an entry has by its key.</summary>
    public static string Key(string key) => "key:" + key;

    /// <summary>The tag of a text. Upper and lower case differ.</summary>
    public static Tag Of(string text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        var length = Encoding.UTF8.GetMaxByteCount(text.Length);
        if (length <= 512)
        {
            Span<byte> bytes = stackalloc byte[512];
            SHA256.HashData(bytes[..Encoding.UTF8.GetBytes(text, bytes)], hash);
        }
        else
        {
            SHA256.HashData(Encoding.UTF8.GetBytes(text), hash);
        }
        return new Tag(BinaryPrimitives.ReadUInt64BigEndian(hash));
    }
}
