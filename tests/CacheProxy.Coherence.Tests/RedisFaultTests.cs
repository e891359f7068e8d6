using System.Diagnostics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace CacheProxy.Coherence.Tests;

/// <summary>A Redis that is away, slow, full, emptied, or another one than before: nodes know it, no call fails or is long, and all is well after it.</summary>
public sealed class RedisFaultTests : IAsyncDisposable
{
    private static readonly TimeSpan Staleness = TimeSpan.FromMilliseconds(400);

    private readonly List<CoherenceNode> _nodes = [];
    private RedisServer? _server;

    private async Task<RedisServer> ServerAsync(params string[] settings) => _server ??= await RedisServer.StartAsync(settings);

    private async Task<CoherenceNode> NodeAsync(string address, Action<CoherenceOptions>? change = null)
    {
        var options = new CoherenceOptions { Redis = address, Staleness = Staleness, CallTimeout = TimeSpan.FromMilliseconds(100) };
        change?.Invoke(options);
        var node = CoherenceNode.Create(options);
        _nodes.Add(node);
        await node.StartAsync(CancellationToken.None);
        return node;
    }

    private async Task<CoherenceNode[]> TwoAsync()
    {
        var server = await ServerAsync();
        CoherenceNode[] nodes = [await NodeAsync(server.Address), await NodeAsync(server.Address)];
        await InTouchAsync(nodes);
        return nodes;
    }

    private static Task InTouchAsync(params CoherenceNode[] nodes) => Eventually.TrueAsync(() => nodes.All(n => n.IsInTouch), "the nodes are in touch");

    private static Fence FenceOf(CoherenceNode node, string tag = "a") => new("key", [Tag.Of(tag)], node.Standing.Local);

    private static async Task<InvalidationReceipt> InvalidateAsync(CoherenceNode node, MarkStrength strength = MarkStrength.Invalid, string tag = "a") =>
        await node.InvalidateAsync(new Invalidation(strength, [tag]), TimeSpan.FromSeconds(5), CancellationToken.None);

    private static RemoteItem Item(CoherenceNode node) => new("", new byte[] { 1, 2, 3 }, [Tag.Of("a")], node.Standing.Shared);

    private static async Task<bool> SharesAsync(CoherenceNode from, CoherenceNode to) =>
        await from.Store!.StoreAsync("k", Item(from), null, TimeSpan.FromMinutes(1), CancellationToken.None)
        && (await to.Store!.FindAsync("k", null, CancellationToken.None)).Kind == RemoteFindKind.Found;

    /// <summary>Whatever state Redis is in: every call ends in time, with an answer.</summary>
    private static async Task AssertHarmlessAsync(CoherenceNode node)
    {
        for (var i = 0; i < 5; i++)
        {
            var began = Stopwatch.GetTimestamp();
            (await node.Store!.FindAsync("k", "k", CancellationToken.None)).Kind.ShouldBe(RemoteFindKind.Unavailable);
            (await node.Store.StoreAsync("k", Item(node), null, TimeSpan.FromMinutes(1), CancellationToken.None)).ShouldBeFalse();
            await node.Store.ReleaseAsync("k", new RemoteLease("k", 1), CancellationToken.None);
            var fence = FenceOf(node);
            (await InvalidateAsync(node)).Position.ShouldBeNull();
            fence.Check(node).ShouldBe(MarkStrength.Invalid);
            Stopwatch.GetElapsedTime(began).ShouldBeLessThan(TimeSpan.FromSeconds(2));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
            await node.DisposeAsync();
        if (_server is not null)
            await _server.DisposeAsync();
    }

    [Fact]
    public async Task Redis_that_is_not_there_at_the_start_is_found_when_it_comes()
    {
        var server = await ServerAsync();
        await server.KillAsync();
        var node = await NodeAsync(server.Address);
        node.IsInTouch.ShouldBeFalse();
        await AssertHarmlessAsync(node);
        await server.StartAsync();
        await InTouchAsync(node);
        await Eventually.TrueAsync(() => SharesAsync(node, node), "it shares");
    }

    [Fact]
    public async Task Redis_that_restarts_empty_makes_an_end_of_everything_from_before()
    {
        var nodes = await TwoAsync();
        var fences = nodes.Select(n => FenceOf(n, "b")).ToArray();
        var before = nodes[0].Standing.Shared;
        await _server!.KillAsync();
        (await InvalidateAsync(nodes[0], MarkStrength.Hard)).Position.ShouldBeNull();
        await Eventually.TrueAsync(() => nodes.All(n => !n.IsInTouch), "the nodes know that they are out of touch");
        await AssertHarmlessAsync(nodes[1]);
        await _server.StartAsync();
        await InTouchAsync(nodes);
        foreach (var node in nodes)
            node.Standing.Shared.Generation.ShouldNotBe(before.Generation);
        for (var i = 0; i < 2; i++)
            fences[i].Check(nodes[i]).ShouldBe(MarkStrength.Hard); // who knows what was purged in the order that is lost
        await Eventually.TrueAsync(() => nodes[0].Unsent == 0, "what could not be sent is sent");
        (await nodes[0].ReachAsync(before, TimeSpan.FromMilliseconds(50), CancellationToken.None)).ShouldBeFalse();
        await Eventually.TrueAsync(() => SharesAsync(nodes[0], nodes[1]), "they share");
    }

    /// <summary>A receipt that says "complete" while it does not name a node that is there would be taken for a promise about that node.</summary>
    [Fact]
    public async Task Node_that_is_cut_off_is_lagging_in_receipts_until_it_has_stopped_trusting_itself_and_named_as_out_of_touch_then()
    {
        var server = await ServerAsync();
        await using var line = new Relay(server.Port);
        var purges = await NodeAsync(server.Address);
        var cut = await NodeAsync($"127.0.0.1:{line.Port}", o => o.NodeName = "cut");
        await InTouchAsync(purges, cut);
        await server.ExecuteAsync("HSET", "{cacheproxy}:nodes", "", "0"); // as if it had been there for long
        line.Cut();
        var early = await purges.InvalidateAsync(new Invalidation(MarkStrength.Hard, ["a"]), TimeSpan.FromMilliseconds(50), CancellationToken.None);
        early.IsComplete.ShouldBeFalse();
        early.Nodes.ShouldContain(new NodeReceipt("cut", NodeState.Lagging));

        var late = await InvalidateAsync(purges, MarkStrength.Hard); // waits no longer than for that
        late.IsComplete.ShouldBeTrue();
        late.Nodes.ShouldContain(new NodeReceipt("cut", NodeState.OutOfTouch));
        cut.IsInTouch.ShouldBeFalse();

        line.Mend();
        await InTouchAsync(cut);
        (await InvalidateAsync(purges, MarkStrength.Hard)).Nodes.ShouldContain(new NodeReceipt("cut", NodeState.Applied));
    }

    [Fact]
    public async Task Node_that_died_and_came_back_under_its_name_is_told_of_once()
    {
        var server = await ServerAsync();
        await using var line = new Relay(server.Port);
        var purges = await NodeAsync(server.Address);
        await InTouchAsync(purges, await NodeAsync($"127.0.0.1:{line.Port}", o => o.NodeName = "twice"));
        line.Cut();
        await InTouchAsync(await NodeAsync(server.Address, o => o.NodeName = "twice"));
        await Eventually.TrueAsync(async () => (await InvalidateAsync(purges)).Nodes.Select(n => (n.Node, n.State)).Order().SequenceEqual(
            new[] { (purges.Name, NodeState.Applied), ("twice", NodeState.Applied) }.Order()), "the receipt names two");
    }

    [Fact]
    public async Task Redis_that_stops_for_a_while_is_out_of_touch_and_nothing_is_lost()
    {
        var nodes = await TwoAsync();
        var fence = FenceOf(nodes[1]);
        _server!.Pause();
        (await InvalidateAsync(nodes[0])).Position.ShouldBeNull();
        await Eventually.TrueAsync(() => nodes.All(n => !n.IsInTouch), "the nodes know");
        await AssertHarmlessAsync(nodes[0]);
        _server.Resume();
        await InTouchAsync(nodes);
        await Eventually.TrueAsync(() => fence.Check(nodes[1]) == MarkStrength.Invalid, "the invalidation has come");
        await Eventually.TrueAsync(() => SharesAsync(nodes[0], nodes[1]), "they share");
    }

    [Fact]
    public async Task Flushed_Redis_is_another_order()
    {
        var nodes = await TwoAsync();
        await Eventually.TrueAsync(() => SharesAsync(nodes[0], nodes[1]), "they share");
        var fences = nodes.Select(n => FenceOf(n)).ToArray();
        await _server!.ExecuteAsync("FLUSHALL");
        await Eventually.TrueAsync(() => fences[0].Check(nodes[0]) == MarkStrength.Hard && fences[1].Check(nodes[1]) == MarkStrength.Hard, "both drop what they hold");
        await Eventually.TrueAsync(() => SharesAsync(nodes[0], nodes[1]), "they share again");
    }

    [Fact]
    public async Task Full_Redis_fails_nobody()
    {
        var server = await ServerAsync("--maxmemory", "1mb", "--maxmemory-policy", "noeviction");
        var node = await NodeAsync(server.Address);
        node.IsInTouch.ShouldBeFalse();
        await AssertHarmlessAsync(node);
        await server.ExecuteAsync("CONFIG", "SET", "maxmemory", "0");
        await InTouchAsync(node);
    }

    [Fact]
    public async Task Read_only_Redis_fails_nobody()
    {
        var nodes = await TwoAsync();
        await _server!.ExecuteAsync("REPLICAOF", "127.0.0.1", $"{RedisServer.FreePort()}");
        await Eventually.TrueAsync(() => nodes.All(n => !n.IsInTouch), "the nodes know");
        await AssertHarmlessAsync(nodes[0]);
        await _server.ExecuteAsync("REPLICAOF", "NO", "ONE");
        await InTouchAsync(nodes);
    }

    [Fact]
    public async Task Node_that_missed_what_the_stream_no_longer_has_loads_the_marks_and_nothing_else_is_marked()
    {
        var server = await ServerAsync();
        var writer = await NodeAsync(server.Address);
        var reader = await NodeAsync(server.Address, o => o.Staleness = TimeSpan.FromSeconds(60));
        await InTouchAsync(writer, reader);
        var (soft, invalid, hard, other) = (FenceOf(reader, "s"), FenceOf(reader, "i"), FenceOf(reader, "h"), FenceOf(reader, "o"));
        var generation = reader.Standing.Shared.Generation;
        server.Pause(); // no doorbell reaches the reader before the stream is trimmed: all of it is one step for it
        var sent = new[] { InvalidateAsync(writer, MarkStrength.Soft, "s"), InvalidateAsync(writer, MarkStrength.Invalid, "i"), InvalidateAsync(writer, MarkStrength.Hard, "h") };
        var trim = server.ClientAsync();
        server.Resume();
        await Task.WhenAll(sent);
        await trim;
        await Eventually.TrueAsync(async () =>
        {
            await InvalidateAsync(writer, MarkStrength.Soft, "x");
            await server.ExecuteAsync("XTRIM", "{cacheproxy}:inv", "MAXLEN", 0);
            await reader.ReachAsync(writer.Standing.Shared, TimeSpan.FromSeconds(1), CancellationToken.None);
            return soft.Check(reader) == MarkStrength.Soft && invalid.Check(reader) == MarkStrength.Invalid && hard.Check(reader) == MarkStrength.Hard;
        }, "the marks have come");
        other.Check(reader).ShouldBe(MarkStrength.None);
        reader.Standing.Shared.Generation.ShouldBe(generation);
    }

    /// <summary>A copy from before the last invalidations takes over and goes on with other ones of the same numbers.</summary>
    [Fact]
    public async Task History_that_has_forked_is_another_order()
    {
        var nodes = await TwoAsync();
        await InvalidateAsync(nodes[0]);
        var db = await _server!.ClientAsync();
        var copies = new List<(string Key, byte[] Value)>();
        foreach (var key in new[] { "{cacheproxy}:order", "{cacheproxy}:inv", "{cacheproxy}:nodes" })
            copies.Add((key, (await db.KeyDumpAsync(key))!));
        await InvalidateAsync(nodes[0], tag: "lost");
        var fences = nodes.Select(n => FenceOf(n)).ToArray();
        var generation = nodes[0].Standing.Shared.Generation;
        var batch = db.CreateTransaction();
        foreach (var (key, value) in copies)
            _ = batch.ExecuteAsync("RESTORE", key, 0, value, "REPLACE");
        await batch.ExecuteAsync();
        await Eventually.TrueAsync(() => nodes.All(n => n.Standing.Shared.Generation != generation), "a new generation has begun");
        for (var i = 0; i < 2; i++)
            fences[i].Check(nodes[i]).ShouldBe(MarkStrength.Hard);
    }

    [Fact]
    public async Task Password_is_used()
    {
        var server = await ServerAsync("--requirepass", "secret");
        (await NodeAsync(server.Address + ",password=wrong")).IsInTouch.ShouldBeFalse();
        var node = await NodeAsync(server.Address + ",password=secret");
        await InTouchAsync(node);
    }

    [Fact]
    public async Task Tls_is_used_and_a_certificate_that_nobody_trusts_is_refused()
    {
        var folder = Directory.CreateTempSubdirectory("coherence-tls-").FullName;
        try
        {
            using var key = RSA.Create(2048);
            var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
            await File.WriteAllTextAsync($"{folder}/cert.pem", certificate.ExportCertificatePem());
            await File.WriteAllTextAsync($"{folder}/key.pem", key.ExportPkcs8PrivateKeyPem());
            var port = RedisServer.FreePort();
            await ServerAsync("--tls-port", $"{port}", "--tls-cert-file", $"{folder}/cert.pem", "--tls-key-file", $"{folder}/key.pem", "--tls-auth-clients", "no");
            var address = $"127.0.0.1:{port},ssl=true,sslHost=localhost";
            var node = await NodeAsync(address, o => o.RedisCertificate = (_, shown, _, _) => shown?.GetCertHashString() == certificate.GetCertHashString());
            await InTouchAsync(node);
            (await NodeAsync(address)).IsInTouch.ShouldBeFalse();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Host_starts_the_node_and_complains_of_all_bad_options_at_once()
    {
        var server = await ServerAsync();
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection([new("Coherence:Redis", server.Address), new("Coherence:NodeName", "me")]);
        builder.Services.AddLogging().AddCoherence();
        using (var host = builder.Build())
        {
            await host.StartAsync();
            var node = host.Services.GetRequiredService<CoherenceNode>();
            await InTouchAsync(node);
            node.Name.ShouldBe("me");
            await host.StopAsync();
        }
        builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection([new("Coherence:KeyPrefix", "a b"), new("Coherence:Staleness", "00:02:00"), new("Coherence:MaxItemBytes", "1")]);
        builder.Services.AddLogging().AddCoherence();
        using var bad = builder.Build();
        var complaints = (await Should.ThrowAsync<OptionsValidationException>(() => bad.StartAsync())).Failures.ToArray();
        complaints.Length.ShouldBe(3);
        complaints[0].ShouldContain("Coherence:KeyPrefix is 'a b'");
        complaints[1].ShouldContain("Coherence:Staleness is 00:02:00; it takes 00:00:00.1000000 to 00:01:00");
    }
}
