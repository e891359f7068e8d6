using System.Buffers.Binary;
using System.Globalization;
using StackExchange.Redis;

namespace CacheProxy.Coherence;

/// <summary>The order that nodes share in Redis. What is found there and was not written by a node is answered with distrust, never with an exception.</summary>
internal sealed class RedisOrder : IOrder
{
    private const int ChunkBytes = 512 << 10;
    private const int SketchBytes = 2 * (1 << 18) * 8;

    private readonly RedisConnection _connection;
    private readonly string _prefix;
    private readonly RedisKey[] _keys;
    private readonly TimeSpan _budget;
    private readonly long _live;

    public RedisOrder(RedisConnection connection, CoherenceOptions options)
    {
        _connection = connection;
        _prefix = Prefix(options);
        _keys = [_prefix + ":order", _prefix + ":inv", _prefix + ":nodes"];
        _budget = options.Staleness / 4 > options.CallTimeout ? options.Staleness / 4 : options.CallTimeout;
        _live = (long)CoherenceNode.FencedAfter(options.Staleness).TotalMilliseconds;
    }

    public bool IsInProcess => false;

    public bool IsReachable => !_connection.IsOpen;

    /// <summary>Braces: all keys in one slot of a cluster.</summary>
    public static string Prefix(CoherenceOptions options) => "{" + options.KeyPrefix + "}";

    public ValueTask StartAsync(string node, Action ring)
    {
        _connection.Start([$"{_prefix}:bell", $"{_prefix}:bell:{node}"], ring); // something is new; somebody has acknowledged
        return ValueTask.CompletedTask;
    }

    public async ValueTask<OrderAnswer?> ExchangeAsync(OrderQuestion question)
    {
        var reply = await _connection.HeartbeatAsync("exchange", RedisScripts.Exchange, _keys, Arguments(question), _budget);
        return reply is null ? null : Read(reply, question);
    }

    public async ValueTask<byte[]?> ReadMarksAsync(MarkStrength strength)
    {
        var bytes = new byte[SketchBytes];
        var begin = RedisScripts.HeadBytes + (((long)strength - 1) * SketchBytes);
        for (var at = 0; at < SketchBytes; at += ChunkBytes)
        {
            if (await _connection.ReadRangeAsync(_keys[0], begin + at, begin + at + ChunkBytes - 1, _budget) is not { } chunk)
                return null;
            chunk.CopyTo(bytes, at);
            if (chunk.Length < ChunkBytes)
                break;
        }
        return bytes;
    }

    public async ValueTask LeaveAsync(string node) =>
        await _connection.RequestAsync("leave", "return redis.pcall('HDEL', KEYS[1], ARGV[1])", [_keys[2]], [node], CancellationToken.None);

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    public static string Hex(ulong number) => number.ToString("x16", CultureInfo.InvariantCulture);

    public static byte[] Hashes(IEnumerable<Tag> tags)
    {
        var all = tags.ToArray();
        var bytes = new byte[all.Length * 8];
        for (var i = 0; i < all.Length; i++)
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(i * 8), all[i].Hash);
        return bytes;
    }

    /// <summary>The place that a head says, or <c>null</c> for bytes that are none.</summary>
    public static OrderPlace? ReadPlace(byte[]? head)
    {
        if (head is not { Length: RedisScripts.HeadBytes }
            || !ulong.TryParse(head.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var generation)
            || !ulong.TryParse(head.AsSpan(16, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var nonce))
            return null;
        return new OrderPlace(new Position(generation, BinaryPrimitives.ReadInt64BigEndian(head.AsSpan(32))), nonce);
    }

    private RedisValue[] Arguments(OrderQuestion question)
    {
        var at = question.At;
        var arguments = new List<RedisValue>
        {
            question.Node, Hex(at.Position.Generation), at.Position.Sequence, Hex(at.Nonce), Hex(Position.GenerationAfter(at.Position.Generation)), question.WantsNodes ? 1 : 0, _live,
            RedisScripts.MaxEntries, _prefix, question.Acknowledge.Count,
        };
        arguments.AddRange(question.Acknowledge.Select(node => (RedisValue)node));
        arguments.Add(question.Append.Count);
        foreach (var entry in question.Append)
        {
            var (strength, tags, ban) = entry.Invalidation;
            arguments.AddRange([
                entry.Number, entry.IsAwaited ? 1 : 0, (int)strength, tags.Contains(Tag.All) ? 1 : 0, ban is null ? 0 : 1, Hex(Random64()),
                Hashes(tags.Where(t => t != Tag.All).Select(Tag.Of)), InvalidationCodec.Write(entry.Invalidation)]);
        }
        return [.. arguments];
    }

    private static ulong Random64() => (ulong)Random.Shared.NextInt64(1, long.MaxValue);

    private static OrderAnswer? Read(RedisResult reply, OrderQuestion question)
    {
        var parts = (RedisResult[]?)reply;
        var head = parts is { Length: 4 } ? (byte[]?)parts[1] : null;
        if (parts is null || ReadPlace(head) is not { } now)
            return null;
        var (all, bans) = (new long[4], new long[4]);
        for (var strength = 1; strength <= 3; strength++)
        {
            all[strength] = BinaryPrimitives.ReadInt64BigEndian(head.AsSpan(32 + (strength * 8)));
            bans[strength] = BinaryPrimitives.ReadInt64BigEndian(head.AsSpan(56 + (strength * 8)));
        }
        var kind = (OrderAnswerKind)(int)parts[0];
        var entries = new List<OrderEntry>();
        if (kind == OrderAnswerKind.Next)
        {
            var next = question.At.Position.Sequence;
            foreach (var row in (RedisResult[]?)parts[2] ?? [])
            {
                if (ReadEntry(row, now.Position.Generation, ++next) is not { } entry)
                {
                    kind = OrderAnswerKind.Gap; // trimmed, or not a node's: the marks know
                    break;
                }
                entries.Add(entry);
            }
            if (entries.Count == 0 && next < now.Position.Sequence)
                kind = OrderAnswerKind.Gap;
        }
        var hasMore = kind == OrderAnswerKind.Next && entries.Count > 0 && entries[^1].Place.Position.Sequence < now.Position.Sequence;
        return new OrderAnswer(kind, now, entries, hasMore, all, bans, ReadNodes((string[]?)parts[3] ?? []));
    }

    private static OrderEntry? ReadEntry(RedisResult row, ulong generation, long sequence)
    {
        var pair = (RedisResult[]?)row;
        if (pair is not { Length: 2 } || (string?)pair[0] != $"{sequence}-0" || (RedisValue[]?)pair[1] is not { Length: 10 } fields)
            return null;
        var values = new Dictionary<string, RedisValue>();
        for (var i = 0; i < fields.Length; i += 2)
            values[fields[i]!] = fields[i + 1];
        if (!values.TryGetValue("n", out var nonce) || !values.TryGetValue("o", out var origin) || !values.TryGetValue("k", out var number)
            || !values.TryGetValue("w", out var awaited) || !values.TryGetValue("p", out var payload)
            || !ulong.TryParse((string?)nonce, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var nonceValue)
            || !long.TryParse((string?)number, NumberStyles.None, CultureInfo.InvariantCulture, out var numberValue)
            || InvalidationCodec.Read((byte[]?)payload) is not { } invalidation)
            return null;
        return new OrderEntry(new OrderPlace(new Position(generation, sequence), nonceValue), origin!, numberValue, awaited == "1", invalidation);
    }

    private static List<NodePlace> ReadNodes(string[] texts)
    {
        var nodes = new List<NodePlace>(texts.Length / 4);
        for (var i = 0; i + 3 < texts.Length; i += 4)
            if (ulong.TryParse(texts[i + 1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var generation)
                && long.TryParse(texts[i + 2], NumberStyles.None, CultureInfo.InvariantCulture, out var applied)
                && long.TryParse(texts[i + 3], NumberStyles.None, CultureInfo.InvariantCulture, out var silent))
                nodes.Add(new NodePlace(texts[i], new Position(generation, applied), TimeSpan.FromMilliseconds(silent)));
        return nodes;
    }
}
