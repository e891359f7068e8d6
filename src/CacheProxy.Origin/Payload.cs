using System.Buffers;
using System.Text;
using CacheProxy.Origin.Groups;

namespace CacheProxy.Origin;

/// <summary>
/// A value and its groups as the remote store keeps them. Strings are a 7-bit encoded length and UTF-8.
/// <code>
/// byte     version, 1; any other is unreadable
/// byte     1 a value follows, 0 "there is none"
/// int      number of groups (7-bit encoded), and for each: name, set ("" for none)
/// bytes    the value, up to the end
/// </code>
/// What cannot be read is a miss.
/// </summary>
internal static class Payload
{
    private const byte Version = 1;
    private const int MostGroups = 10_000;

    public static ReadOnlyMemory<byte> Write(ReadOnlySpan<Group> groups, SerializedValue? value)
    {
        using var stream = new MemoryStream((value?.Bytes.Length ?? 0) + 64);
        using var writer = new BinaryWriter(stream, Encoding.UTF8);
        writer.Write(Version);
        writer.Write(value is not null);
        writer.Write7BitEncodedInt(groups.Length);
        foreach (var (name, set) in groups)
        {
            writer.Write(name);
            writer.Write(set ?? "");
        }
        if (value is not null)
            writer.Write(value.Bytes.Span);
        writer.Flush();
        return stream.GetBuffer().AsMemory(0, (int)stream.Length);
    }

    public static bool TryRead(ReadOnlyMemory<byte> payload, out Group[] groups, out SerializedValue? value)
    {
        (groups, value) = ([], null);
        var bytes = payload.ToArray();
        using var reader = new BinaryReader(new MemoryStream(bytes, writable: false), Encoding.UTF8);
        try
        {
            if (reader.ReadByte() != Version)
                return false;
            var hasValue = reader.ReadByte();
            var count = reader.Read7BitEncodedInt();
            if (hasValue > 1 || count is < 0 or > MostGroups)
                return false;
            groups = new Group[count];
            for (var i = 0; i < count; i++)
                groups[i] = new Group(reader.ReadString(), reader.ReadString() is { Length: > 0 } set ? set : null);
            if (hasValue == 1)
                value = new SerializedValue(bytes.AsMemory((int)reader.BaseStream.Position));
            return true;
        }
        catch (Exception unreadable) when (unreadable is IOException or FormatException or ArgumentException)
        {
            return false;
        }
    }
}
