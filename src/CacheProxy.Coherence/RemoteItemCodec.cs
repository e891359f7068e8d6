using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace CacheProxy.Coherence;

/// <summary>A <see cref="RemoteItem"/> as bytes. The scripts read all but the value and the checksum.</summary>
/// <remarks>
/// <code>
/// offset  length  what (numbers are big-endian)
/// 0       4       "CPI1": what it is, and layout 1; others are unreadable
/// 4       16      generation of the fill, hexadecimal digits
/// 20      8       sequence of the fill
/// 28      8       version
/// 36      2       number of tags
/// 38      4       length of the value
/// 42      4       CRC-32C of everything else
/// 46      8 each  tags
/// ...             value
/// </code>
/// </remarks>
internal static class RemoteItemCodec
{
    private const int HeadBytes = 46;
    private const int ChecksumAt = 42;

    public static byte[] Write(RemoteItem item)
    {
        var bytes = new byte[HeadBytes + (item.Tags.Length * 8) + item.Value.Length];
        "CPI1"u8.CopyTo(bytes);
        Encoding.ASCII.GetBytes(item.Fill.Generation.ToString("x16", CultureInfo.InvariantCulture), bytes.AsSpan(4));
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(20), item.Fill.Sequence);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(28), item.Version);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(36), checked((ushort)item.Tags.Length));
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(38), item.Value.Length);
        var rest = bytes.AsSpan(HeadBytes);
        foreach (var tag in item.Tags)
        {
            BinaryPrimitives.WriteUInt64BigEndian(rest, tag.Hash);
            rest = rest[8..];
        }
        item.Value.Span.CopyTo(rest);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(ChecksumAt), Checksum(bytes));
        return bytes;
    }

    /// <returns><c>null</c> for bytes that no node has written. The value is a part of <paramref name="bytes"/>, not a copy.</returns>
    public static RemoteItem? Read(string name, byte[] bytes, bool isSoft)
    {
        if (bytes.Length < HeadBytes || !bytes.AsSpan().StartsWith("CPI1"u8)
            || !ulong.TryParse(bytes.AsSpan(4, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var generation))
            return null;
        var sequence = BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(20));
        var version = BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(28));
        var tags = new Tag[BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(36))];
        var length = BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(38));
        var valueAt = HeadBytes + (tags.Length * 8);
        if (sequence < 0 || version < 0 || length < 0 || bytes.Length - length != valueAt
            || BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(ChecksumAt)) != Checksum(bytes))
            return null;
        for (var i = 0; i < tags.Length; i++)
            tags[i] = new Tag(BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(HeadBytes + (i * 8))));
        return new RemoteItem(name, bytes.AsMemory(valueAt, length), tags, new Position(generation, sequence), version, isSoft);
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes) => Crc(Crc(~0u, bytes[..ChecksumAt]), bytes[(ChecksumAt + 4)..]);

    private static uint Crc(uint crc, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= 8; bytes = bytes[8..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var b in bytes)
            crc = BitOperations.Crc32C(crc, b);
        return crc;
    }
}
