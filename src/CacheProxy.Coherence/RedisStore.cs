using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace CacheProxy.Coherence;

/// <summary>
/// Entries in Redis, beside the order, so that one script checks and acts. A node that is out of touch, or owes the order an invalidation, does not use
/// it: it could not tell what it finds there from what it has itself invalidated.
/// </summary>
internal sealed class RedisStore(RedisConnection connection, CoherenceNode node, CoherenceOptions options, CoherenceMetrics? metrics) : IRemoteStore
{
    private const int MaxItemsPerKey = 64;
    private const int MaxTags = 1024;
    private static readonly TimeSpan LeaseTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan MaxLifetime = TimeSpan.FromDays(365);

    private readonly string _prefix = RedisOrder.Prefix(options);
    private readonly RedisKey _order = RedisOrder.Prefix(options) + ":order";
    private readonly RedisKey _inv = RedisOrder.Prefix(options) + ":inv";
    private readonly RedisKey _nodes = RedisOrder.Prefix(options) + ":nodes";
    private readonly long _fencedAfter = (long)CoherenceNode.FencedAfter(options.Staleness).TotalMilliseconds;
    private readonly long _maxItemBytes = options.MaxItemBytes;

    /// <summary>A search reads all items of its key, and Redis does nothing else meanwhile.</summary>
    private long MaxBytesPerKey => _maxItemBytes * 4;

    public async ValueTask<RemoteFind> FindAsync(string key, string? lease, CancellationToken cancellation)
    {
        if (!node.MayShare)
            return default;
        var token = lease is null ? 0 : Random.Shared.NextInt64(1, long.MaxValue);
        var isAsked = !connection.IsOpen;
        var place = node.Place;
        var reply = await connection.RequestAsync("find", RedisScripts.Find, [_order, _inv, ItemKey(key), LeaseKey(lease), _nodes],
            [.. At(place), lease is null ? "" : token, (long)LeaseTime.TotalMilliseconds, MaxBytesPerKey, node.Id, _fencedAfter], cancellation);
        if (reply is null && isAsked && lease is not null)
            SendRelease(new RemoteLease(lease, token)); // the answer came too late, or comes yet: nobody is to wait for a lease that nobody knows of
        var parts = reply is null ? null : (RedisResult[]?)reply;
        if (parts is not { Length: >= 3 } || RedisOrder.ReadPlace((byte[]?)parts[1]) is not { } now)
        {
            if (parts is not null)
                node.Ring(); // another order, or one that has gone back: the next round tells
            return default;
        }
        Count((int)parts[2]);
        var items = Items(key, parts);
        return (string?)parts[0] switch
        {
            "F" when items.Count > 0 => new RemoteFind(RemoteFindKind.Found, items, null, now.Position),
            "H" => new RemoteFind(RemoteFindKind.Held, [], null, now.Position),
            "M" => new RemoteFind(RemoteFindKind.Missing, [], lease is null ? null : new RemoteLease(lease, token), now.Position),
            _ => new RemoteFind(RemoteFindKind.Missing, [], null, now.Position), // found, but banned or broken
        };
    }

    public ValueTask<bool> StoreAsync(string key, RemoteItem item, RemoteLease? lease, TimeSpan lifetime, CancellationToken cancellation) =>
        StoreAsync(key, item, lease, lifetime, "fill", cancellation);

    public ValueTask<bool> StoreIfNewerAsync(string key, RemoteItem item, TimeSpan lifetime, CancellationToken cancellation) =>
        StoreAsync(key, item with { Name = "" }, null, lifetime, "newer", cancellation);

    public async ValueTask ReleaseAsync(string key, RemoteLease lease, CancellationToken cancellation)
    {
        if (await connection.RequestAsync("release", RedisScripts.Release, [LeaseKey(lease.Name)], [lease.Token], cancellation) is null)
            SendRelease(lease);
    }

    private void SendRelease(RemoteLease lease) => connection.Send(RedisScripts.Release, [LeaseKey(lease.Name)], [lease.Token]);

    private async ValueTask<bool> StoreAsync(string key, RemoteItem item, RemoteLease? lease, TimeSpan lifetime, string how, CancellationToken cancellation)
    {
        if (!node.MayShare || item.Value.Length > _maxItemBytes || item.Tags.Length > MaxTags || lifetime <= TimeSpan.Zero || item.Version < 0)
        {
            metrics?.Stored(node.MayShare ? "out_of_range" : "out_of_touch");
            return false;
        }
        var keep = (long)Math.Ceiling((lifetime < MaxLifetime ? lifetime : MaxLifetime).TotalMilliseconds);
        var reply = await connection.RequestAsync("store", RedisScripts.Store, [_order, _inv, ItemKey(key), LeaseKey(lease?.Name)],
            [.. At(node.Place), lease is null ? "" : lease.Token, item.Name, RemoteItemCodec.Write(item), keep, MaxItemsPerKey, how, MaxBytesPerKey], cancellation);
        if (reply is null && lease is not null)
            SendRelease(lease);
        var result = reply is null ? "unavailable" : (string?)reply ?? "unavailable";
        metrics?.Stored(result);
        return result == "stored";
    }

    /// <summary>What is whole, and not banned: the script lets pass only what this node has heard all bans for.</summary>
    private List<RemoteItem> Items(string key, RedisResult[] parts)
    {
        var items = new List<RemoteItem>((parts.Length - 3) / 4);
        for (var i = 3; i + 3 < parts.Length; i += 4)
        {
            if ((byte[]?)parts[i + 2] is not { } bytes || RemoteItemCodec.Read((string?)parts[i] ?? "", bytes, (int)parts[i + 1] == 1) is not { } item)
            {
                Count(1);
                continue;
            }
            item = item with { Resident = TimeSpan.FromMilliseconds((long)parts[i + 3]) };
            var banned = node.Marks.FindBanAfter(key, item.Fill.Sequence);
            if (banned < MarkStrength.Invalid)
                items.Add(banned == MarkStrength.Soft ? item with { IsSoft = true } : item);
        }
        return items;
    }

    private void Count(int unreadable)
    {
        for (; unreadable > 0; unreadable--)
            metrics?.Unreadable();
    }

    private static RedisValue[] At(OrderPlace place) =>
        [RedisOrder.Hex(place.Position.Generation), place.Position.Sequence, RedisOrder.Hex(place.Nonce)];

    private RedisKey ItemKey(string key) => string.Create(CultureInfo.InvariantCulture, $"{_prefix}:1:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))}");

    /// <summary>As the exchange names it when an invalidation names the lease's text.</summary>
    private RedisKey LeaseKey(string? lease)
    {
        var name = Encoding.ASCII.GetBytes(_prefix + ":lease:");
        return lease is null ? name : (byte[])[.. name, .. RedisOrder.Hashes([Tag.Of(lease)])];
    }
}
