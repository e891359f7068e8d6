using System.Buffers.Binary;
using System.Text;

namespace CacheProxy.Coherence;

/// <summary>An invalidation as bytes.</summary>
/// <remarks>
/// <code>
/// offset  length  what
/// 0       1       layout: 1; others are unreadable
/// 1       1       strength, 1 to 3
/// 2       1       ban: 0 none, 1 prefix, 2 pattern
/// 3       1       0
/// 4       4       number of texts, big-endian: the tags, then the ban's if there is one
/// 8       ...     for each: 4 bytes of length, big-endian, and as many of UTF-8
/// </code>
/// </remarks>
internal static class InvalidationCodec
{
    private const byte Layout = 1;
    private const int HeadBytes = 8;

    public static byte[] Write(Invalidation invalidation)
    {
        var texts = invalidation.Ban is { } ban ? [.. invalidation.Tags, ban.Text] : invalidation.Tags;
        var bytes = new byte[HeadBytes + texts.Sum(t => 4 + Encoding.UTF8.GetByteCount(t))];
        bytes[0] = Layout;
        bytes[1] = (byte)invalidation.Strength;
        bytes[2] = (byte)(invalidation.Ban is null ? 0 : invalidation.Ban.Kind + 1);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4), texts.Count);
        var rest = bytes.AsSpan(HeadBytes);
        foreach (var text in texts)
        {
            var length = Encoding.UTF8.GetBytes(text, rest[4..]);
            BinaryPrimitives.WriteInt32BigEndian(rest, length);
            rest = rest[(4 + length)..];
        }
        return bytes;
    }

    /// <returns><c>null</c> for bytes that no node has written.</returns>
    public static Invalidation? Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeadBytes || bytes[0] != Layout || bytes[1] is < (byte)MarkStrength.Soft or > (byte)MarkStrength.Hard || bytes[2] > 2 || bytes[3] != 0)
            return null;
        var count = BinaryPrimitives.ReadInt32BigEndian(bytes[4..]);
        var rest = bytes[HeadBytes..];
        if (count < 0 || count > rest.Length / 4 || (bytes[2] > 0 && count == 0))
            return null;
        var texts = new string[count];
        for (var i = 0; i < count; i++)
        {
            if (rest.Length < 4)
                return null;
            var length = BinaryPrimitives.ReadInt32BigEndian(rest);
            if (length < 0 || length > rest.Length - 4)
                return null;
            texts[i] = Encoding.UTF8.GetString(rest.Slice(4, length));
            rest = rest[(4 + length)..];
        }
        if (rest.Length > 0)
            return null;
        try
        {
            return bytes[2] == 0
                ? new Invalidation((MarkStrength)bytes[1], texts)
                : new Invalidation((MarkStrength)bytes[1], texts[..^1], new Ban((BanKind)(bytes[2] - 1), texts[^1]));
        }
        catch (ArgumentException) // a ban that is none
        {
            return null;
        }
    }
}
