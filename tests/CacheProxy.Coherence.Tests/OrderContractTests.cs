using System.Collections.Concurrent;

namespace CacheProxy.Coherence.Tests;

/// <summary>What holds for every order: in process, and over Redis.</summary>
public abstract class OrderContractTests : IAsyncDisposable
{
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly List<CoherenceNode> _nodes = [];

    protected abstract CoherenceOptions Options();

    protected async Task<CoherenceNode> NodeAsync(Action<CoherenceOptions>? change = null)
    {
        var options = Options();
        change?.Invoke(options);
        var node = CoherenceNode.Create(options);
        _nodes.Add(node);
        await node.StartAsync(CancellationToken.None);
        return node;
    }

    public virtual async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
            await node.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected static Invalidation Hard(params string[] tags) => new(MarkStrength.Hard, tags);

    protected static Fence FenceOf(CoherenceNode node, params string[] tags) => new("key", [.. tags.Select(Tag.Of)], node.Standing.Local);

    [Fact]
    public async Task Node_that_has_started_is_in_touch() => (await NodeAsync()).IsInTouch.ShouldBeTrue();

    [Theory]
    [InlineData(MarkStrength.Soft)]
    [InlineData(MarkStrength.Invalid)]
    [InlineData(MarkStrength.Hard)]
    public async Task Invalidation_marks_what_began_before_it_and_nothing_else(MarkStrength strength)
    {
        var node = await NodeAsync();
        var before = FenceOf(node, "a", "b");
        var other = FenceOf(node, "c");
        await node.InvalidateAsync(new Invalidation(strength, ["b"]), TimeSpan.Zero, CancellationToken.None);
        before.Check(node).ShouldBe(strength);
        other.Check(node).ShouldBe(MarkStrength.None);
        FenceOf(node, "a", "b").Check(node).ShouldBe(MarkStrength.None);
    }

    [Fact]
    public async Task Fill_that_spans_an_invalidation_is_marked_when_it_ends()
    {
        var node = await NodeAsync();
        var standing = node.Standing;
        await node.InvalidateAsync(Hard("a"), TimeSpan.Zero, CancellationToken.None);
        new Fence("key", [Tag.Of("a")], standing.Local).Check(node).ShouldBe(MarkStrength.Hard);
    }

    [Fact]
    public async Task Everything_and_bans_are_marked_too()
    {
        var node = await NodeAsync();
        var standing = node.Standing;
        await node.InvalidateAsync(new Invalidation(MarkStrength.Invalid, [], new Ban(BanKind.Prefix, "https://a/")), TimeSpan.Zero, CancellationToken.None);
        new Fence("https://a/x", Array.Empty<Tag>(), standing.Local).Check(node).ShouldBe(MarkStrength.Invalid);
        new Fence("https://b/x", Array.Empty<Tag>(), standing.Local).Check(node).ShouldBe(MarkStrength.None);
        await node.InvalidateAsync(Hard(Tag.All), TimeSpan.Zero, CancellationToken.None);
        new Fence("https://b/x", Array.Empty<Tag>(), standing.Local).Check(node).ShouldBe(MarkStrength.Hard);
    }

    [Fact]
    public async Task Receipts_grow_and_the_node_has_reached_them()
    {
        var node = await NodeAsync();
        var first = await node.InvalidateAsync(Hard("a"), Patience, CancellationToken.None);
        var second = await node.InvalidateAsync(Hard("a"), Patience, CancellationToken.None);
        second.Position!.Value.Generation.ShouldBe(first.Position!.Value.Generation);
        second.Position.Value.Sequence.ShouldBe(first.Position.Value.Sequence + 1);
        (await node.ReachAsync(second.Position.Value, TimeSpan.Zero, CancellationToken.None)).ShouldBeTrue();
        (await node.ReachAsync(second.Position.Value with { Sequence = second.Position.Value.Sequence + 1 }, TimeSpan.FromMilliseconds(50), CancellationToken.None)).ShouldBeFalse();
        (await node.ReachAsync(new Position(1, 0), TimeSpan.FromMilliseconds(50), CancellationToken.None)).ShouldBeFalse();
    }

    [Fact]
    public async Task Every_invalidation_is_announced_once_and_after_its_marks_are_set()
    {
        var node = await NodeAsync();
        var announced = new ConcurrentQueue<string>();
        var fences = Enumerable.Range(0, 50).Select(i => FenceOf(node, $"t{i}")).ToArray();
        node.OnApplied += invalidation =>
        {
            var number = int.Parse(invalidation.Tags[0][1..], System.Globalization.CultureInfo.InvariantCulture);
            fences[number].Check(node).ShouldBe(MarkStrength.Hard);
            announced.Enqueue(invalidation.Tags[0]);
        };
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => node.InvalidateAsync(Hard($"t{i}"), TimeSpan.Zero, CancellationToken.None).AsTask()));
        announced.Order().ShouldBe(Enumerable.Range(0, 50).Select(i => $"t{i}").Order());
    }

    [Fact]
    public async Task Invalidation_without_a_strength_is_a_mistake() =>
        await Should.ThrowAsync<ArgumentException>(async () => await (await NodeAsync()).InvalidateAsync(new Invalidation(MarkStrength.None, ["a"]), TimeSpan.Zero, CancellationToken.None));
}

public sealed class InProcessOrderTests : OrderContractTests
{
    protected override CoherenceOptions Options() => new();

    [Fact]
    public async Task Everything_completes_at_once()
    {
        var node = new CoherenceNode();
        node.InvalidateAsync(Hard("a"), Patience, CancellationToken.None).AsTask().IsCompletedSuccessfully.ShouldBeTrue();
        node.ReachAsync(new Position(1, 1), Patience, CancellationToken.None).AsTask().IsCompletedSuccessfully.ShouldBeTrue();
        node.Store.ShouldBeNull();
        await node.DisposeAsync();
    }
}
