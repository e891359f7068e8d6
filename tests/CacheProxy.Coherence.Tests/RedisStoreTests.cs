using System.Text;
using StackExchange.Redis;

namespace CacheProxy.Coherence.Tests;

/// <summary>What the shared store gives and refuses.</summary>
public sealed class RedisStoreTests(RedisFixture redis) : IClassFixture<RedisFixture>, IAsyncDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly string _prefix = RedisFixture.NewPrefix();
    private readonly List<CoherenceNode> _nodes = [];

    private Task<CoherenceNode> NodeAsync() =>
        NodeAsync(new CoherenceOptions { KeyPrefix = _prefix, CallTimeout = TimeSpan.FromSeconds(2), MaxItemBytes = 1 << 16 }, redis.Server.Address);

    private async Task<CoherenceNode> NodeAsync(CoherenceOptions options, string address)
    {
        options.Redis = address;
        var node = CoherenceNode.Create(options);
        _nodes.Add(node);
        await node.StartAsync(CancellationToken.None);
        return node;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
            await node.DisposeAsync();
    }

    private static RemoteItem Item(CoherenceNode node, string text, string name = "", long version = 0, params string[] tags) =>
        new(name, Encoding.UTF8.GetBytes(text), [.. tags.Select(Tag.Of)], node.Standing.Shared, version);

    private static ValueTask<RemoteFind> FindAsync(CoherenceNode node, string key, string? lease = null) => node.Store!.FindAsync(key, lease, CancellationToken.None);

    private static ValueTask<bool> StoreAsync(CoherenceNode node, string key, RemoteItem item, RemoteLease? lease = null) =>
        node.Store!.StoreAsync(key, item, lease, Minute, CancellationToken.None);

    private static async Task InvalidateAsync(CoherenceNode node, MarkStrength strength, params string[] tags) =>
        (await node.InvalidateAsync(new Invalidation(strength, tags), TimeSpan.FromMilliseconds(200), CancellationToken.None)).Position.ShouldNotBeNull();

    private static string[] Texts(RemoteFind find) => [.. find.Items.OrderBy(i => i.Name, StringComparer.Ordinal).Select(i => Encoding.UTF8.GetString(i.Value.Span))];

    [Fact]
    public async Task What_one_node_stores_another_finds_whole()
    {
        var (a, b) = (await NodeAsync(), await NodeAsync());
        var item = Item(a, "value", "name", 7, "x", "y");
        (await StoreAsync(a, "k", item)).ShouldBeTrue();
        (await StoreAsync(a, "k", Item(a, "", "other"))).ShouldBeTrue();
        var found = await FindAsync(b, "k");
        found.Kind.ShouldBe(RemoteFindKind.Found);
        Texts(found).ShouldBe(["value", ""]);
        var first = found.Items.Single(i => i.Name == "name");
        (first.Version, first.Fill, first.IsSoft).ShouldBe((7, item.Fill, false));
        first.Tags.ShouldBe(item.Tags);
        found.Position.ShouldBe(b.Standing.Shared);
        (await FindAsync(b, "K")).Kind.ShouldBe(RemoteFindKind.Missing);
    }

    [Fact]
    public async Task The_items_of_a_key_are_together_no_more_than_one_call_answers()
    {
        var a = await NodeAsync(); // items of 64 KiB at most, four of them in one answer
        var text = new string('x', 60_000);
        for (var i = 0; i < 12; i++)
            (await StoreAsync(a, "k", Item(a, text, $"variant {i}"))).ShouldBeTrue();
        var found = await FindAsync(a, "k");
        found.Items.Count.ShouldBe(4);
        found.Items.ShouldContain(item => item.Name == "variant 11");
        var db = await redis.Server.ClientAsync();
        (await db.HashLengthAsync((RedisKey)$"{{{_prefix}}}:1:{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("k"u8))}")).ShouldBe(4);
        (await StoreAsync(a, "k", Item(a, text, "variant 11"))).ShouldBeTrue(); // in its own place
        (await FindAsync(a, "k")).Items.Count.ShouldBe(4);
    }

    [Theory]
    [InlineData(MarkStrength.Hard, 0)]
    [InlineData(MarkStrength.Invalid, 0)]
    [InlineData(MarkStrength.Soft, 1)]
    public async Task Invalidations_hide_and_soft_ones_tell(MarkStrength strength, int found)
    {
        var node = await NodeAsync();
        await StoreAsync(node, "k", Item(node, "a", tags: ["x", "y"]));
        await StoreAsync(node, "k2", Item(node, "b", tags: ["z"]));
        await InvalidateAsync(node, strength, "y");
        var find = await FindAsync(node, "k");
        find.Items.Count.ShouldBe(found);
        find.Items.ShouldAllBe(i => i.IsSoft);
        (await FindAsync(node, "k2")).Items.ShouldHaveSingleItem().IsSoft.ShouldBeFalse();
        await InvalidateAsync(node, strength, Tag.All);
        (await FindAsync(node, "k2")).Items.Count.ShouldBe(found == 0 ? 0 : 1);
    }

    [Theory]
    [InlineData(MarkStrength.Hard, false)]
    [InlineData(MarkStrength.Invalid, false)]
    [InlineData(MarkStrength.Soft, true)]
    public async Task Fill_that_an_invalidation_has_overtaken_is_refused(MarkStrength strength, bool stored)
    {
        var (a, b) = (await NodeAsync(), await NodeAsync());
        var item = Item(a, "old", tags: "x");
        await InvalidateAsync(b, strength, "x");
        (await StoreAsync(a, "k", item)).ShouldBe(stored);
        (await StoreAsync(a, "k", Item(a, "new", tags: "x"))).ShouldBeTrue();
        Texts(await FindAsync(b, "k")).ShouldBe(["new"]);
    }

    [Fact]
    public async Task Ban_hides_what_it_matches_and_refuses_what_is_under_way()
    {
        var (a, b) = (await NodeAsync(), await NodeAsync());
        await StoreAsync(a, "https://a/1", Item(a, "1"));
        await StoreAsync(a, "https://b/2", Item(a, "2"));
        var underWay = Item(a, "3");
        await b.InvalidateAsync(new Invalidation(MarkStrength.Invalid, [], new Ban(BanKind.Prefix, "https://a/")), TimeSpan.FromMilliseconds(200), CancellationToken.None);
        foreach (var node in new[] { a, b })
        {
            (await FindAsync(node, "https://a/1")).Kind.ShouldBe(RemoteFindKind.Missing);
            Texts(await FindAsync(node, "https://b/2")).ShouldBe(["2"]);
        }
        (await StoreAsync(a, "https://a/3", underWay)).ShouldBeFalse();
        (await StoreAsync(a, "https://a/3", Item(a, "3"))).ShouldBeTrue();
        Texts(await FindAsync(b, "https://a/3")).ShouldBe(["3"]);
    }

    [Fact]
    public async Task Lease_is_one_callers_until_it_stores_or_gives_it_back()
    {
        var (a, b) = (await NodeAsync(), await NodeAsync());
        var first = await FindAsync(a, "k", "url:k");
        first.Kind.ShouldBe(RemoteFindKind.Missing);
        (await FindAsync(b, "k", "url:k")).Kind.ShouldBe(RemoteFindKind.Held);
        (await FindAsync(b, "k")).Kind.ShouldBe(RemoteFindKind.Missing);
        await a.Store!.ReleaseAsync("k", first.Lease!, CancellationToken.None);
        var second = await FindAsync(b, "k", "url:k");
        second.Kind.ShouldBe(RemoteFindKind.Missing);
        (await StoreAsync(a, "k", Item(a, "late"), first.Lease)).ShouldBeFalse();
        (await StoreAsync(b, "k", Item(b, "value"), second.Lease)).ShouldBeTrue();
        Texts(await FindAsync(a, "k", "url:k")).ShouldBe(["value"]);
    }

    [Fact]
    public async Task Invalidation_takes_the_lease_away_and_gives_the_next_caller_a_new_one()
    {
        var (a, b) = (await NodeAsync(), await NodeAsync());
        var old = await FindAsync(a, "k", "url:k");
        await InvalidateAsync(b, MarkStrength.Invalid, "url:k");
        var next = await FindAsync(b, "k", "url:k");
        next.Kind.ShouldBe(RemoteFindKind.Missing);
        next.Lease.ShouldNotBeNull();
        (await StoreAsync(a, "k", Item(a, "v"), old.Lease)).ShouldBeFalse();
        (await StoreAsync(b, "k", Item(b, "v"), next.Lease)).ShouldBeTrue();
    }

    [Fact]
    public async Task Write_through_keeps_the_highest_version_and_tombstones()
    {
        var node = await NodeAsync();
        ValueTask<bool> Write(string text, long version) => node.Store!.StoreIfNewerAsync("k", Item(node, text, version: version, tags: "x"), Minute, CancellationToken.None);
        (await Write("v2", 2)).ShouldBeTrue();
        (await Write("v1", 1)).ShouldBeFalse();
        (await Write("v2 again", 2)).ShouldBeFalse();
        Texts(await FindAsync(node, "k")).ShouldBe(["v2"]);
        (await Write("", 3)).ShouldBeTrue();
        (await Write("v2", 2)).ShouldBeFalse();
        var found = await FindAsync(node, "k");
        (found.Items.Single().Version, found.Items.Single().Value.Length).ShouldBe((3, 0));
        (await StoreAsync(node, "k", Item(node, "lagging replica", version: 2, tags: "x"))).ShouldBeFalse();
        await InvalidateAsync(node, MarkStrength.Invalid, "x");
        (await FindAsync(node, "k")).Kind.ShouldBe(RemoteFindKind.Missing);
        (await Write("v4", 4)).ShouldBeTrue();
        Texts(await FindAsync(node, "k")).ShouldBe(["v4"]);
    }

    [Fact]
    public async Task Bounds_hold()
    {
        var node = await NodeAsync();
        (await StoreAsync(node, "k", Item(node, new string('x', (1 << 16) + 1)))).ShouldBeFalse();
        (await node.Store!.StoreAsync("k", Item(node, "x"), null, TimeSpan.Zero, CancellationToken.None)).ShouldBeFalse();
        for (var i = 0; i < 80; i++)
            (await StoreAsync(node, "k", Item(node, "x", $"name{i}"))).ShouldBeTrue();
        var found = await FindAsync(node, "k");
        found.Items.Count.ShouldBe(64);
        found.Items.ShouldContain(i => i.Name == "name79");
        foreach (var key in await KeysAsync())
            if (key.Contains(":1:", StringComparison.Ordinal))
                (await (await redis.Server.ClientAsync()).KeyTimeToLiveAsync(key)).ShouldNotBeNull();
    }

    [Fact]
    public async Task Hostile_bytes_in_any_item_are_a_miss()
    {
        var node = await NodeAsync();
        var random = new Random(42);
        var db = await redis.Server.ClientAsync();
        await StoreAsync(node, "k", Item(node, "value", tags: ["x", "y"]));
        var key = (await KeysAsync()).Single(k => k.Contains(":1:", StringComparison.Ordinal));
        var good = (byte[])(await db.HashGetAsync(key, ""))!;
        for (var i = 0; i < 300; i++)
        {
            var bytes = good[..(i % 3 == 0 ? random.Next(good.Length) : good.Length)];
            if (i % 3 == 1)
                bytes[random.Next(8, bytes.Length)] ^= (byte)(1 << random.Next(8)); // behind the time, which no checksum covers
            if (i % 3 == 2)
                random.NextBytes(bytes.AsSpan(i % 2 == 0 ? 0 : 12));
            await db.KeyDeleteAsync(key);
            await db.HashSetAsync(key, "", bytes);
            var found = await FindAsync(node, "k");
            found.Kind.ShouldBe(RemoteFindKind.Missing, Convert.ToHexString(bytes));
        }
        await db.KeyDeleteAsync(key);
        await db.StringSetAsync(key, "no hash");
        (await FindAsync(node, "k")).Kind.ShouldBe(RemoteFindKind.Missing);
        await db.StringSetAsync(key, "no hash");
        (await StoreAsync(node, "k", Item(node, "value"))).ShouldBeTrue();
        Texts(await FindAsync(node, "k")).ShouldBe(["value"]);
    }

    /// <summary>Some bytes in each of the order's keys: the nodes begin anew or load what they can, and are in step again.</summary>
    [Theory]
    [InlineData("order", "SET", "x")]
    [InlineData("order", "SET", "long")]
    [InlineData("order", "DEL", "")]
    [InlineData("order", "LPUSH", "x")]
    [InlineData("inv", "SET", "x")]
    [InlineData("inv", "DEL", "")]
    [InlineData("inv", "XADD", "999999-0")]
    [InlineData("inv", "XADD", "999999999999-7")]
    [InlineData("nodes", "SET", "x")]
    [InlineData("nodes", "DEL", "")]
    [InlineData("nodes", "HSET", "garbage")]
    public async Task Hostile_bytes_in_the_order_heal(string name, string command, string argument)
    {
        var (a, b) = (await NodeAsync(), await NodeAsync());
        await InvalidateAsync(a, MarkStrength.Invalid, "x");
        var key = "{" + _prefix + "}:" + name;
        object[] arguments = (command, argument) switch
        {
            ("DEL", _) => [key],
            ("XADD", _) => [key, argument, "n", "hostile", "p", "\u0001"],
            ("HSET", _) => [key, argument, argument],
            _ => ["redis.call('DEL', KEYS[1]) redis.call(ARGV[1], KEYS[1], ARGV[2])", 1, key, command, argument == "long" ? new string('z', 5000) : argument],
        };
        await redis.Server.ExecuteAsync(command is "SET" or "LPUSH" ? "EVAL" : command, arguments);
        for (var i = 0; i < 3; i++)
        {
            var fences = new[] { a, b }.Select(n => new Fence("k", [Tag.Of("y")], n.Standing.Local)).ToArray();
            var receipt = await a.InvalidateAsync(new Invalidation(MarkStrength.Invalid, ["y"]), TimeSpan.FromMilliseconds(700), CancellationToken.None);
            (fences[0].Check(a) >= MarkStrength.Invalid).ShouldBeTrue(); // of what was broken everything is dropped
            await Eventually.TrueAsync(() => fences[1].Check(b) >= MarkStrength.Invalid && b.IsInTouch && a.IsInTouch, $"both know {receipt.Position}");
        }
        await Eventually.TrueAsync(async () => await StoreAsync(a, "k", Item(a, "v")) && Texts(await FindAsync(b, "k")) is ["v"], "they share again");
    }

    /// <summary>Whoever holds a lease and is gone would hold the others up until it ends by itself.</summary>
    [Fact]
    public async Task Lease_of_a_node_that_has_lost_touch_is_given_to_the_next()
    {
        await using var line = new Relay(redis.Server.Port);
        var options = new CoherenceOptions { KeyPrefix = _prefix, Staleness = TimeSpan.FromMilliseconds(400) };
        var goes = await NodeAsync(options, $"127.0.0.1:{line.Port}");
        var stays = await NodeAsync(options, redis.Server.Address);
        (await FindAsync(goes, "k", "k")).Lease.ShouldNotBeNull();
        for (var i = 0; i < 10; i++) // as long as it is there, it is waited for
        {
            (await FindAsync(stays, "k", "k")).Kind.ShouldBe(RemoteFindKind.Held);
            await Task.Delay(150);
        }
        line.Cut();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        await Eventually.TrueAsync(async () => (await FindAsync(stays, "k", "k")).Lease is not null, "the lease is given on");
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(5)); // it lasts 10
    }

    /// <summary>The lease was given; that did not arrive in time, so the node fetches without it and has nothing to give back.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)] // the breaker opens
    public async Task Lease_that_was_given_too_late_is_given_back(int calls)
    {
        await using var line = new Relay(redis.Server.Port);
        var options = new CoherenceOptions { KeyPrefix = _prefix, CallTimeout = TimeSpan.FromMilliseconds(300) };
        var slow = await NodeAsync(options, $"127.0.0.1:{line.Port}");
        var other = await NodeAsync(options, redis.Server.Address);
        await Eventually.TrueAsync(() => slow.MayShare && other.MayShare, "both are in touch");
        line.Hold();
        for (var i = 0; i < calls; i++)
            (await FindAsync(slow, $"k{i}", $"k{i}")).Kind.ShouldBe(RemoteFindKind.Unavailable);
        line.Mend();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        await Eventually.TrueAsync(async () => (await FindAsync(slow, "after")).Kind == RemoteFindKind.Missing, "what was sent before has been done");
        for (var i = 0; i < calls; i++)
        {
            var key = $"k{i}";
            await Eventually.TrueAsync(async () => (await FindAsync(other, key, key)).Lease is not null, "it has the lease");
        }
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(5)); // it would last 10
    }

    private async Task<string[]> KeysAsync() => (string[])(await (await redis.Server.ClientAsync()).ExecuteAsync("KEYS", "{" + _prefix + "}*"))!;
}
