using CacheProxy.Coherence;
using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Origin.Tests;

/// <summary>One factory call for any number of callers; and nobody gets what an invalidation he came after has overtaken.</summary>
public sealed class FlightTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Thousand_callers_of_a_cold_key_ask_the_factory_once()
    {
        using var test = new TestCache();
        var held = new HeldSource();
        var callers = Enumerable.Range(0, 1000)
            .Select(_ => Task.Run(() => test.Cache.GetOrCreateAsync("a", held.NextAsync, tags: ["t"], cancellationToken: Cancellation).AsTask(), Cancellation))
            .ToArray();
        await held.Begun.InTimeAsync("the factory's call");
        held.Give("v1");

        (await Task.WhenAll(callers).InTimeAsync("all answers")).ShouldAllBe(value => value == "v1");
        held.Calls.ShouldBe(1);
    }

    [Fact] // who has looked in vain, and comes to the table of flights when the flight has just landed
    public async Task Caller_who_misses_both_the_entry_and_the_flight_asks_nobody_again()
    {
        const int Keys = 50_000, Callers = 4;
        using var test = new TestCache(options => options.LocalEntries = Keys);
        var (calls, reads) = (new int[Keys], new Task<int>[Callers, Keys]);
        void Call(object? caller) // who is behind finds what is kept, and so catches up with who is ahead
        {
            for (var key = 0; key < Keys; key++)
                reads[(int)caller!, key] = test.Cache.GetOrCreateAsync(
                    $"{key}", key, (key, _) => new ValueTask<int>(Interlocked.Increment(ref calls[key])), cancellationToken: Cancellation).AsTask();
        }

        await Task.WhenAll(Enumerable.Range(0, Callers).Select(
            caller => Task.Factory.StartNew(Call, caller, Cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default))).InTimeAsync("all calls");

        (await Task.WhenAll(reads.Cast<Task<int>>()).InTimeAsync("all answers")).ShouldAllBe(value => value == 1);
        calls.ShouldAllBe(count => count == 1);
    }

    [Fact]
    public async Task Entry_that_cannot_be_given_as_the_type_asked_for_is_made_anew()
    {
        using var test = new TestCache();
        (await test.Cache.GetOrCreateAsync("a", _ => new ValueTask<string>("text"), cancellationToken: Cancellation)).ShouldBe("text");
        (await test.Cache.GetOrCreateAsync("a", _ => new ValueTask<int>(1), cancellationToken: Cancellation).AsTask().InTimeAsync("a number")).ShouldBe(1);
        (await test.Cache.GetOrCreateAsync("a", _ => new ValueTask<int>(2), cancellationToken: Cancellation).AsTask().InTimeAsync("the same number")).ShouldBe(1);
    }

    [Theory]
    [InlineData("key")]
    [InlineData("tag")]
    [InlineData("all")]
    public async Task Held_fill_then_invalidation_then_release_the_next_read_is_new(string by)
    {
        var node = new CoherenceNode();
        var remote = new FencedStore(node);
        using var test = new TestCache(node: node, remote: remote);
        var old = new HeldSource();
        var early = test.Cache.GetOrCreateAsync("a", old.NextAsync, tags: ["t"], cancellationToken: Cancellation).AsTask();
        await old.Begun;

        await InvalidateAsync(test, by);
        old.Give("old");

        (await early).ShouldBe("old"); // it overlaps the write: either value is right
        await Eventually.TrueAsync(() => remote.Leases == 0, "the old fill has ended, for which the next would wait");
        (await test.Cache.GetOrCreateAsync("a", _ => new ValueTask<string>("new"), tags: ["t"], cancellationToken: Cancellation)).ShouldBe("new");
        (await test.Cache.GetOrCreateAsync("a", _ => new ValueTask<string>("newer"), tags: ["t"], cancellationToken: Cancellation)).ShouldBe("new");
    }

    [Theory]
    [InlineData("key")]
    [InlineData("tag")]
    [InlineData("all")]
    public async Task Caller_after_an_invalidation_does_not_join_the_flight_before_it(string by)
    {
        using var test = new TestCache();
        var (old, fresh) = (new HeldSource(), new HeldSource());
        var early = test.Cache.GetOrCreateAsync("a", old.NextAsync, tags: ["t"], cancellationToken: Cancellation).AsTask();
        await old.Begun;
        await InvalidateAsync(test, by);

        var late = test.Cache.GetOrCreateAsync("a", fresh.NextAsync, tags: ["t"], cancellationToken: Cancellation).AsTask();
        var later = test.Cache.GetOrCreateAsync("a", fresh.NextAsync, tags: ["t"], cancellationToken: Cancellation).AsTask();
        await fresh.Begun.InTimeAsync("a flight of their own");
        fresh.Give("new");
        (await late).ShouldBe("new");
        (await later).ShouldBe("new");
        fresh.Calls.ShouldBe(1);
        old.Give("old");
        (await early).ShouldBe("old");
        (await test.Cache.GetOrCreateAsync("a", _ => new ValueTask<string>("x"), tags: ["t"], cancellationToken: Cancellation)).ShouldBe("new");
    }

    [Fact]
    public async Task Invalidations_of_other_things_do_not_part_callers()
    {
        using var test = new TestCache();
        var held = new HeldSource();
        var first = test.Cache.GetOrCreateAsync("a", held.NextAsync, tags: ["t"], cancellationToken: Cancellation).AsTask();
        await held.Begun;
        await test.Cache.RemoveByTagAsync("other", Cancellation);
        await test.Cache.RemoveAsync("b", Cancellation);

        var second = test.Cache.GetOrCreateAsync("a", held.NextAsync, tags: ["t"], cancellationToken: Cancellation).AsTask();
        held.Give("v1");
        (await first).ShouldBe("v1");
        (await second).ShouldBe("v1");
        held.Calls.ShouldBe(1);
        (await test.Cache.GetOrCreateAsync("a", _ => new ValueTask<string>("x"), cancellationToken: Cancellation)).ShouldBe("v1");
    }

    [Fact]
    public async Task Factory_is_cancelled_when_no_caller_is_left_and_not_before()
    {
        using var test = new TestCache();
        var held = new HeldSource();
        using var one = new CancellationTokenSource();
        using var two = new CancellationTokenSource();
        var first = test.Cache.GetOrCreateAsync("a", held.NextAsync, cancellationToken: one.Token).AsTask();
        var second = test.Cache.GetOrCreateAsync("a", held.NextAsync, cancellationToken: two.Token).AsTask();

        await one.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(first);
        held.Token.IsCancellationRequested.ShouldBeFalse();
        await two.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(second);
        held.Token.IsCancellationRequested.ShouldBeTrue();

        (await test.Cache.GetOrCreateAsync("a", new Source().NextAsync, cancellationToken: Cancellation)).ShouldBe("v1");
    }

    [Fact]
    public async Task Caller_who_leaves_does_not_take_the_value_from_those_who_stay()
    {
        using var test = new TestCache();
        var held = new HeldSource();
        using var one = new CancellationTokenSource();
        var first = test.Cache.GetOrCreateAsync("a", held.NextAsync, cancellationToken: one.Token).AsTask();
        var second = test.Cache.GetOrCreateAsync("a", held.NextAsync, cancellationToken: Cancellation).AsTask();
        await one.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(first);
        held.Give("v1");
        (await second).ShouldBe("v1");
    }

    [Fact]
    public async Task Nodes_that_share_a_store_make_a_value_once_and_find_it_after()
    {
        var node = new CoherenceNode();
        var remote = new FencedStore(node);
        using var one = new TestCache(node: node, remote: remote);
        using var two = new TestCache(options => options.LeaseWait = TimeSpan.FromMinutes(1), node, remote);
        var held = new HeldSource();
        var first = one.Cache.GetOrCreateAsync("a", held.NextAsync, cancellationToken: Cancellation).AsTask();
        await held.Begun;
        var second = two.Cache.GetOrCreateAsync("a", new Source().NextAsync, cancellationToken: Cancellation).AsTask();
        held.Give("once");
        (await first).ShouldBe("once");
        while (!second.IsCompleted)
        {
            two.Time.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Delay(1, Cancellation);
        }
        (await second).ShouldBe("once");
    }

    [Fact]
    public async Task Lease_that_another_keeps_too_long_is_not_waited_for()
    {
        var node = new CoherenceNode();
        var remote = new FencedStore(node);
        using var test = new TestCache(options => options.LeaseWait = TimeSpan.Zero, node, remote);
        await remote.FindAsync("data:a", EntryTags.OfKey("a"), Cancellation);
        (await test.Cache.GetOrCreateAsync("a", new Source().NextAsync, cancellationToken: Cancellation)).ShouldBe("v1");
        remote.Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task Failure_gives_the_lease_back()
    {
        var node = new CoherenceNode();
        var remote = new FencedStore(node);
        using var test = new TestCache(node: node, remote: remote);
        await Should.ThrowAsync<TimeoutException>(async () => await test.Cache.GetOrCreateAsync<string>(
            "a", _ => throw new TimeoutException(), cancellationToken: Cancellation));
        remote.Leases.ShouldBe(0);
    }

    [Fact]
    public async Task Store_that_is_away_or_holds_rubbish_is_a_miss()
    {
        var node = new CoherenceNode();
        var remote = new FencedStore(node) { IsAway = true };
        using var test = new TestCache(node: node, remote: remote);
        (await test.Cache.GetOrCreateAsync("a", new Source().NextAsync, cancellationToken: Cancellation)).ShouldBe("v1");
        remote.IsAway = false;
        foreach (var rubbish in new byte[][] { [0], [1], [2, 1, 0], [1, 2, 0], [1, 1, 255, 255, 255, 255, 255, 255], [1, 1, 1, 200], [1, 1, 0, (byte)'{'] })
        {
            remote.Plant("data:b", new RemoteItem("", rubbish, EntryTags.Of("b", []), node.Standing.Shared));
            (await test.Cache.GetOrCreateAsync("b", _ => new ValueTask<int[]>([7]), cancellationToken: Cancellation)).ShouldBe([7]);
            await test.Cache.RemoveAsync("b", Cancellation);
        }
    }

    private static async Task InvalidateAsync(TestCache test, string by) => await (by switch
    {
        "key" => test.Cache.RemoveAsync("a", Cancellation),
        "tag" => test.Cache.RemoveByTagAsync("t", Cancellation),
        _ => test.Cache.RemoveByTagAsync("*", Cancellation),
    });
}
