namespace CacheProxy.Coherence.Tests;

public sealed class RedisOrderTests(RedisFixture redis) : OrderContractTests, IClassFixture<RedisFixture>
{
    private readonly string _prefix = RedisFixture.NewPrefix();

    protected override CoherenceOptions Options() => new() { Redis = redis.Server.Address, KeyPrefix = _prefix, CallTimeout = TimeSpan.FromSeconds(2) };

    /// <summary>As if this order had been there for long, so that receipts name all nodes there are.</summary>
    private Task AgeAsync() => redis.Server.ExecuteAsync("HSET", "{" + _prefix + "}:nodes", "", "0");

    [Fact]
    public async Task Receipt_of_a_young_order_says_that_there_may_be_others()
    {
        var receipt = await (await NodeAsync()).InvalidateAsync(Hard("a"), TimeSpan.FromMilliseconds(20), CancellationToken.None);
        receipt.Nodes.Select(n => (n.Node == "?", n.State)).Order().ShouldBe([(false, NodeState.Applied), (true, NodeState.Lagging)]);
    }

    [Fact]
    public async Task Answer_of_a_write_means_that_all_nodes_have_applied_it()
    {
        CoherenceNode[] nodes = [await NodeAsync(), await NodeAsync(), await NodeAsync()];
        await AgeAsync();
        for (var i = 0; i < 20; i++)
        {
            var fences = nodes.Select(n => FenceOf(n, "a")).ToArray();
            var receipt = await nodes[i % 3].InvalidateAsync(Hard("a"), Patience, CancellationToken.None);
            receipt.Nodes.Count.ShouldBe(3);
            receipt.Nodes.ShouldAllBe(n => n.State == NodeState.Applied);
            for (var n = 0; n < 3; n++)
            {
                fences[n].Check(nodes[n]).ShouldBe(MarkStrength.Hard);
                FenceOf(nodes[n], "a").Check(nodes[n]).ShouldBe(MarkStrength.None);
            }
        }
    }

    [Fact]
    public async Task Node_behind_a_position_catches_up_when_asked()
    {
        var (writer, reader) = (await NodeAsync(), await NodeAsync(o => o.Staleness = TimeSpan.FromSeconds(60)));
        var receipt = await writer.InvalidateAsync(Hard("a"), TimeSpan.Zero, CancellationToken.None);
        (await reader.ReachAsync(receipt.Position!.Value, Patience, CancellationToken.None)).ShouldBeTrue();
    }

    [Fact]
    public async Task Node_that_goes_is_not_waited_for()
    {
        var (stays, goes) = (await NodeAsync(), await NodeAsync());
        await AgeAsync();
        await goes.DisposeAsync();
        (await stays.InvalidateAsync(Hard("a"), Patience, CancellationToken.None)).Nodes.Count.ShouldBe(1);
    }
}
