using System.Buffers.Binary;
using System.Text;
using CacheProxy.Coherence;
using CacheProxy.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Storage;

/// <summary>
/// A stored response as bytes, for a remote store. Numbers are little-endian; a text is its length and its characters, one byte each, for field
/// values are bytes that stand for themselves. Whatever does not read to its last byte, or is another key's, is nothing.
/// </summary>
/// <remarks>
/// <code>
/// bytes  what
///     4  "CPr" and the layout's version, 1
///     8  age when it was encoded, ms
///     8  freshness lifetime, ms
///     8  how much longer it was worth keeping, ms
///     2  status code
///     1  1: the request had Authorization
///   4+n  cache key
///   4+n  reason phrase, length -1 for the standard one
///     2  fields; each: name, lines (2 bytes), each line a text
///     2  names of Vary; each: name, the request's value (length -1 for an absent field)
///     2  trailers, as fields; 65,535 for none at all
///     8  length of the body
///     n  the body
/// </code>
/// Other nodes' clocks are not compared: ages travel, moments do not.
/// </remarks>
internal static class StoredResponseCodec
{
    private const uint Magic = 'C' | ('P' << 8) | ('r' << 16) | (1 << 24);
    private const int Segment = 64 << 10;
    private const ushort NoTrailers = ushort.MaxValue;

    /// <param name="key">The cache key.</param>
    /// <param name="response">Held by the caller.</param>
    /// <param name="retention">How much longer it is worth keeping.</param>
    /// <param name="now">The time.</param>
    /// <param name="maxBytes">The most that it may come to.</param>
    /// <returns><c>null</c> when it is incomplete, larger than <paramref name="maxBytes"/>, or holds a character that is no byte.</returns>
    public static byte[]? Encode(string key, StoredResponse response, TimeSpan retention, DateTimeOffset now, long maxBytes)
    {
        if (response.IsIncomplete || response.BodyLength > maxBytes)
            return null;
        var head = response.ReadHead();
        var writer = new Writer();
        writer.UInt32(Magic);
        writer.Time(response.AgeAt(now));
        writer.Time(response.FreshnessLifetime);
        writer.Time(retention);
        writer.UInt16(head.StatusCode);
        writer.Byte(response.RequestWasAuthorized ? (byte)1 : (byte)0);
        writer.Text(key);
        writer.Text(head.ReasonPhrase);
        writer.Fields(head.Fields);
        writer.UInt16(response.VaryFields.Length);
        for (var i = 0; i < response.VaryFields.Length; i++)
        {
            writer.Text(response.VaryFields[i]);
            writer.Text(response.VaryValues[i]);
        }
        if (response.Trailers is { } trailers)
            writer.Fields([.. trailers]);
        else
            writer.UInt16(NoTrailers);
        writer.Int64(response.BodyLength);
        return writer.IsBroken || writer.Length + response.BodyLength > maxBytes ? null : writer.ToArray(response);
    }

    /// <param name="key">The cache key it is to be of.</param>
    /// <param name="bytes">What a remote store gave; anything at all.</param>
    /// <param name="resident">How long the remote store has had it, by its own clock.</param>
    /// <param name="now">The time here.</param>
    /// <param name="standing">Where this node stood before it was found; what it is tagged with is in its fields.</param>
    /// <param name="fenceOf">Makes its fence; <c>null</c>: it must not be stored.</param>
    /// <returns>The response, held for the caller, and how much longer it is worth keeping; <c>null</c> for anything else.</returns>
    public static (StoredResponse Response, TimeSpan Retention)? Decode(
        string key, ReadOnlySpan<byte> bytes, TimeSpan resident, DateTimeOffset now, Standing standing, Func<string, ResponseHead, long, Fence?> fenceOf)
    {
        var reader = new Reader(bytes);
        if (reader.UInt32() != Magic)
            return null;
        var (age, lifetime, retention) = (reader.Time(), reader.Time(), reader.Time());
        var (status, flags, itsKey, reason) = (reader.UInt16(), reader.Byte(), reader.Text(), reader.Text());
        var fields = reader.Fields();
        var vary = reader.UInt16();
        if (reader.IsBroken || itsKey != key || status is < 200 or > 999 || flags > 1 || fields is null || vary > 256)
            return null;
        var (varyFields, varyValues) = (new string[vary], new string?[vary]);
        for (var i = 0; i < vary; i++)
        {
            varyFields[i] = reader.Text() ?? "";
            varyValues[i] = reader.Text();
        }
        var trailers = reader.Fields();
        var body = reader.Body();
        if (reader.IsBroken || !reader.IsAtEnd || body is null || (fields.Length > 0 && HasControls(fields)) || (trailers is not null && HasControls(trailers)))
            return null;
        var head = new ResponseHead(status, reason, fields, now - resident);
        if (fenceOf(key, head, standing.Local) is not { } fence)
            return null;
        var response = new StoredResponse(head, body)
        {
            Trailers = trailers,
            ResponseTime = now - age - (resident > TimeSpan.Zero ? resident : TimeSpan.Zero), // so that an older copy does not take a newer one's place
            InitialAge = TimeSpan.Zero,
            FreshnessLifetime = lifetime,
            RequestWasAuthorized = flags == 1,
            VaryFields = varyFields,
            VaryValues = varyValues,
            Fence = fence,
        };
        return (response, retention - resident);
    }

    /// <summary>Kestrel would refuse them on every hit.</summary>
    private static bool HasControls(KeyValuePair<string, StringValues>[] fields)
    {
        foreach (var (name, value) in fields)
            if (!Token.IsValid(name) || FieldValue.HasControls(value))
                return true;
        return false;
    }

    private ref struct Reader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _rest = bytes;

        public bool IsBroken { get; private set; }

        public readonly bool IsAtEnd => _rest.IsEmpty;

        public byte Byte() => Take(1) is [var value] ? value : (byte)0;

        public ushort UInt16() => Take(2) is { Length: 2 } two ? BinaryPrimitives.ReadUInt16LittleEndian(two) : (ushort)0;

        public uint UInt32() => Take(4) is { Length: 4 } four ? BinaryPrimitives.ReadUInt32LittleEndian(four) : 0;

        public long Int64() => Take(8) is { Length: 8 } eight ? BinaryPrimitives.ReadInt64LittleEndian(eight) : 0;

        /// <summary>At most a hundred years: what is added to it must not overflow.</summary>
        public TimeSpan Time()
        {
            var milliseconds = Int64();
            if (milliseconds is < 0 or > 100L * 365 * 24 * 3600 * 1000)
                IsBroken = true;
            return IsBroken ? TimeSpan.Zero : TimeSpan.FromMilliseconds(milliseconds);
        }

        public string? Text()
        {
            var length = (int)UInt32();
            return length == -1 ? null : Encoding.Latin1.GetString(Take(length));
        }

        public KeyValuePair<string, StringValues>[]? Fields()
        {
            var count = UInt16();
            if (count == NoTrailers || count > _rest.Length) // each takes more than a byte
            {
                IsBroken |= count != NoTrailers;
                return null;
            }
            var fields = new KeyValuePair<string, StringValues>[count];
            for (var i = 0; i < count && !IsBroken; i++)
            {
                var name = Text() ?? "";
                var lines = UInt16();
                if (lines == 0 || lines > _rest.Length)
                    IsBroken = true;
                else
                    fields[i] = new(name, lines == 1 ? new StringValues(Text()) : new StringValues(Texts(lines)));
            }
            return fields;
        }

        public Body? Body()
        {
            var length = Int64();
            if (IsBroken || length != _rest.Length)
                return null;
            var segments = new List<byte[]>();
            for (var left = length; left > 0; left = _rest.Length)
                segments.Add(Take((int)Math.Min(left, Segment)).ToArray());
            return length == 0 ? Storage.Body.Empty : new Body([.. segments], length);
        }

        private string?[] Texts(int count)
        {
            var texts = new string?[count];
            for (var i = 0; i < count && !IsBroken; i++)
                texts[i] = Text();
            return texts;
        }

        private ReadOnlySpan<byte> Take(int length)
        {
            if (length < 0 || length > _rest.Length)
            {
                IsBroken = true;
                _rest = default;
                return default;
            }
            var taken = _rest[..length];
            _rest = _rest[length..];
            return taken;
        }
    }

    private sealed class Writer
    {
        private readonly System.Buffers.ArrayBufferWriter<byte> _bytes = new(512);

        /// <summary>Something did not fit.</summary>
        public bool IsBroken { get; private set; }

        public int Length => _bytes.WrittenCount;

        public void Byte(byte value) => Span(1)[0] = value;

        public void UInt16(int value)
        {
            IsBroken |= value is < 0 or > ushort.MaxValue;
            BinaryPrimitives.WriteUInt16LittleEndian(Span(2), (ushort)value);
        }

        public void UInt32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Span(4), value);

        public void Int64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Span(8), value);

        public void Time(TimeSpan time) => Int64(Math.Max(0, (long)Math.Min(time.TotalMilliseconds, 100d * 365 * 24 * 3600 * 1000)));

        public void Text(string? text)
        {
            UInt32(text is null ? uint.MaxValue : (uint)text.Length);
            if (string.IsNullOrEmpty(text))
                return;
            IsBroken |= text.AsSpan().ContainsAnyExceptInRange('\0', '\u00ff');
            Encoding.Latin1.GetBytes(text, Span(text.Length));
        }

        public void Fields(ReadOnlySpan<KeyValuePair<string, StringValues>> fields)
        {
            IsBroken |= fields.Length >= NoTrailers;
            UInt16(fields.Length);
            foreach (var (name, lines) in fields)
            {
                Text(name);
                UInt16(Math.Max(1, lines.Count));
                if (lines.Count == 0)
                    Text("");
                foreach (var line in lines)
                    Text(line ?? "");
            }
        }

        public byte[] ToArray(StoredResponse response)
        {
            var whole = new byte[Length + response.BodyLength];
            _bytes.WrittenSpan.CopyTo(whole);
            if (response.LargeBody is { } body)
                body.CopyTo(whole.AsSpan(Length));
            else
                response.BlockBody.CopyTo(whole.AsSpan(Length));
            return whole;
        }

        private Span<byte> Span(int length)
        {
            var span = _bytes.GetSpan(length)[..length];
            _bytes.Advance(length);
            return span;
        }
    }
}
