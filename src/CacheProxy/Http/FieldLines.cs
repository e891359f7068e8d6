using System.Text;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Http;

/// <summary>Fields as HTTP/1.1 writes them: <c>Name: value</c> and the end of the line, in Latin-1, for a field value's bytes stand for themselves.</summary>
internal static class FieldLines
{
    private const int Around = 4; // ": " and CR LF

    /// <summary>The bytes that a field takes; zero when it has no line.</summary>
    public static int Length(string name, StringValues lines)
    {
        var length = lines.Count * (name.Length + Around);
        foreach (var line in lines)
            length += line?.Length ?? 0;
        return length;
    }

    /// <summary>Writes a field and returns what is left of the target. Neither name nor value may have a control character.</summary>
    public static Span<byte> Write(string name, StringValues lines, Span<byte> target)
    {
        foreach (var line in lines)
        {
            target = target[Encoding.Latin1.GetBytes(name, target)..];
            ": "u8.CopyTo(target);
            target = target[2..];
            target = target[Encoding.Latin1.GetBytes(line ?? "", target)..];
            "\r\n"u8.CopyTo(target);
            target = target[2..];
        }
        return target;
    }

    /// <summary>Reads what was written; lines of one field, one after the other, are put together again.</summary>
    public static KeyValuePair<string, StringValues>[] Read(ReadOnlySpan<byte> bytes)
    {
        var fields = new List<KeyValuePair<string, StringValues>>(16);
        for (var rest = bytes; !rest.IsEmpty;)
        {
            var line = new Line(rest);
            rest = line.Rest;
            var value = Encoding.Latin1.GetString(line.Value);
            if (fields.Count > 0 && Ascii.EqualsIgnoreCase(line.Name, fields[^1].Key))
                fields[^1] = new(fields[^1].Key, StringValues.Concat(fields[^1].Value, value));
            else
                fields.Add(new(Encoding.Latin1.GetString(line.Name), value));
        }
        return [.. fields];
    }

    /// <summary>The first value of a field; empty when it is absent.</summary>
    public static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> bytes, string name)
    {
        while (!bytes.IsEmpty)
        {
            var line = new Line(bytes);
            if (Ascii.EqualsIgnoreCase(line.Name, name))
                return line.Value;
            bytes = line.Rest;
        }
        return default;
    }

    /// <summary>The value of a field that has one line; empty when it has none, or more.</summary>
    public static ReadOnlySpan<byte> FindOnly(ReadOnlySpan<byte> bytes, string name)
    {
        ReadOnlySpan<byte> found = default;
        var count = 0;
        while (!bytes.IsEmpty)
        {
            var line = new Line(bytes);
            if (Ascii.EqualsIgnoreCase(line.Name, name) && count++ == 0)
                found = line.Value;
            bytes = line.Rest;
        }
        return count == 1 ? found : default;
    }

    /// <summary>The first line of some.</summary>
    private readonly ref struct Line
    {
        public readonly ReadOnlySpan<byte> Name, Value, Rest;

        public Line(ReadOnlySpan<byte> bytes)
        {
            var nameEnd = bytes.IndexOf((byte)':');
            var behind = bytes[(nameEnd + 2)..];
            var valueEnd = behind.IndexOf((byte)'\r');
            Name = bytes[..nameEnd];
            Value = behind[..valueEnd];
            Rest = behind[(valueEnd + 2)..];
        }
    }
}
