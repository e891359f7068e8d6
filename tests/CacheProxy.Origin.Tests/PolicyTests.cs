using CacheProxy.Coherence;
using CacheProxy.Origin.Groups;
using CacheProxy.Origin.Workers;
using CacheProxy.Tests.Scenarios;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Origin.Tests;

/// <summary>What a policy promises of lifetimes, failures and "there is none".</summary>
public sealed class PolicyTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Lifetimes_of_both_levels_together_keep_to_the_policys()
    {
        var node = new CoherenceNode();
        var remote = new FencedStore(node);
        using var test = new TestCache(node: node, remote: remote);
        await test.Cache.GetAsync(Kind(new EntryPolicy { Lifetime = TimeSpan.FromSeconds(60), LocalLifetime = TimeSpan.FromSeconds(20), Jitter = 0 }, Value), "1", Cancellation);
        remote.LifetimeOf("data:k:1").ShouldBe(TimeSpan.FromSeconds(40));
    }

    [Fact]
    public async Task Jitter_only_shortens()
    {
        using var test = new TestCache();
        var kind = Kind(new EntryPolicy { Lifetime = TimeSpan.FromSeconds(100), Jitter = 0.5 }, Value);
        foreach (var id in Enumerable.Range(0, 200))
            await test.Cache.GetAsync(kind, $"{id}", Cancellation);
        await CountAsync(49, all: 200);
        var left = await CountAsync(75);
        left.ShouldBeInRange(40, 160);
        await CountAsync(100, all: 0);

        async Task<int> CountAsync(double after, int? all = null)
        {
            test.Time.Advance(TimeSpan.FromSeconds(after) - _passed);
            _passed = TimeSpan.FromSeconds(after);
            var cached = Kind<string?>(kind.Policy, (_, _, _) => throw new TimeoutException());
            var found = 0;
            foreach (var id in Enumerable.Range(0, 200))
            {
                try
                {
                    await test.Cache.GetAsync(cached, $"{id}", Cancellation);
                    found++;
                }
                catch (TimeoutException)
                {
                    // its time was over
                }
            }
            if (all is { } number)
                found.ShouldBe(number);
            return found;
        }
    }

    private TimeSpan _passed;

    [Fact]
    public async Task None_is_kept_for_its_own_short_time()
    {
        using var test = new TestCache();
        var calls = 0;
        var kind = Kind<string?>(new EntryPolicy { NegativeLifetime = TimeSpan.FromSeconds(5), Jitter = 0 }, (_, _, _) => new(calls++ == 0 ? null : "there"));
        (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBeNull();
        test.Time.Advance(TimeSpan.FromSeconds(4.9));
        (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBeNull();
        test.Time.Advance(TimeSpan.FromSeconds(0.1));
        (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("there");
    }

    [Fact]
    public async Task None_of_no_lifetime_is_not_kept()
    {
        var node = new CoherenceNode();
        var remote = new FencedStore(node);
        using var test = new TestCache(node: node, remote: remote);
        var calls = 0;
        var kind = Kind<string?>(new EntryPolicy { NegativeLifetime = TimeSpan.Zero }, (_, _, _) => new(calls++ == 0 ? null : "there"));
        (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBeNull();
        (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("there");
        remote.Leases.ShouldBe(0);
    }

    [Fact]
    public async Task Failure_is_bridged_by_the_stale_value_within_its_bound_and_not_asked_about_each_time()
    {
        using var test = new TestCache();
        var (calls, fails) = (0, false);
        var kind = Kind<string>(
            new EntryPolicy { Lifetime = TimeSpan.FromSeconds(10), StaleIfError = TimeSpan.FromSeconds(30), Jitter = 0 },
            (_, _, _) => fails ? throw new TimeoutException($"{++calls}") : new("good"));
        await test.Cache.GetAsync(kind, "1", Cancellation);
        fails = true;
        test.Time.Advance(TimeSpan.FromSeconds(10));
        for (var i = 0; i < 5; i++)
            (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("good");
        calls.ShouldBe(1);
        test.Time.Advance(TimeSpan.FromSeconds(29.9));
        (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("good");
        test.Time.Advance(TimeSpan.FromSeconds(0.1));
        await Should.ThrowAsync<TimeoutException>(async () => await test.Cache.GetAsync(kind, "1", Cancellation));
    }

    [Theory]
    [InlineData(MarkStrength.Soft, true)]
    [InlineData(MarkStrength.Invalid, false)]
    [InlineData(MarkStrength.Hard, false)]
    public async Task Failure_is_not_bridged_by_what_was_invalidated(MarkStrength strength, bool isBridged)
    {
        using var test = new TestCache();
        var fails = false;
        var kind = Kind<string>(new EntryPolicy { StaleIfError = TimeSpan.FromHours(1) }, (_, _, _) => fails ? throw new TimeoutException() : new("good"));
        await test.Cache.GetAsync(kind, "1", Cancellation);
        fails = true;
        await test.Node.InvalidateAsync(new Invalidation(strength, ["data:g:1"]), TimeSpan.Zero, Cancellation);
        if (isBridged)
            (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("good");
        else
            await Should.ThrowAsync<TimeoutException>(async () => await test.Cache.GetAsync(kind, "1", Cancellation));
    }

    [Fact]
    public async Task Early_refresh_gives_the_old_value_once_and_the_new_one_after()
    {
        using var test = new TestCache();
        var calls = 0;
        var kind = Kind<string>(new EntryPolicy { Lifetime = TimeSpan.FromSeconds(100), RefreshAt = 0.8, Jitter = 0 }, (_, _, _) => new($"v{Interlocked.Increment(ref calls)}"));
        (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("v1");
        test.Time.Advance(TimeSpan.FromSeconds(79));
        (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("v1");
        calls.ShouldBe(1);
        test.Time.Advance(TimeSpan.FromSeconds(1));
        (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("v1");
        await Eventually.TrueAsync(() => test.Cache.GetAsync(kind, "1", Cancellation).AsTask().Result == "v2", "the refreshed value is there");
        test.Time.Advance(TimeSpan.FromSeconds(79));
        (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("v2");
        calls.ShouldBe(2);
    }

    [Fact]
    public async Task Early_refresh_that_fails_leaves_the_value_until_its_end()
    {
        using var test = new TestCache();
        var calls = 0;
        var kind = Kind<string>(
            new EntryPolicy { Lifetime = TimeSpan.FromSeconds(100), RefreshAt = 0.8, Jitter = 0 },
            (_, _, _) => Interlocked.Increment(ref calls) > 1 ? throw new TimeoutException() : new("v1"));
        await test.Cache.GetAsync(kind, "1", Cancellation);
        test.Time.Advance(TimeSpan.FromSeconds(85));
        (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("v1");
        await Eventually.TrueAsync(() => Volatile.Read(ref calls) == 2, "the refresh is tried");
        (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("v1");
        test.Time.Advance(TimeSpan.FromSeconds(15));
        await Should.ThrowAsync<TimeoutException>(async () => await test.Cache.GetAsync(kind, "1", Cancellation));
    }

    [Fact]
    public async Task Policy_Ttl_is_untouched_by_writes()
    {
        using var test = new TestCache();
        var calls = 0;
        var kind = Kind<string>(new EntryPolicy { Writes = WritePolicy.Ttl }, (_, _, _) => new($"v{++calls}"));
        await test.Cache.GetAsync(kind, "1", Cancellation);
        await test.Cache.RemoveByTagAsync("g:1", Cancellation);
        (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("v1");
        await test.Cache.RemoveAsync("k:1", Cancellation);
        (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("v2");
    }

    [Fact]
    public async Task Request_that_must_not_be_behind_is_not_answered_from_the_process()
    {
        var node = new CoherenceNode();
        var remote = new FencedStore(node);
        using var test = new TestCache(node: node, remote: remote);
        var calls = 0;
        var kind = Kind<string>(new EntryPolicy(), (_, _, _) => new($"v{++calls}"));
        await test.Cache.GetAsync(kind, "1", Cancellation);
        var here = node.Standing.Shared;

        using (var scope = CacheScope.Begin())
        {
            scope.Need = here; // the remote store is that far
            (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("v1");
            remote.Finds.ShouldBe(2);
            scope.Need = here with { Sequence = here.Sequence + 1 }; // nobody here is
            (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("v2");
            scope.Need = new Position(here.Generation + 1, 0); // of another order
            (await test.Cache.GetAsync(kind, "1", Cancellation)).ShouldBe("v3");
        }
    }

    [Theory]
    [InlineData("Lifetime is '-00:00:01'")]
    [InlineData("LocalLifetime is '00:10:00'")]
    [InlineData("NegativeLifetime is '400.00:00:00'")]
    [InlineData("Jitter is 'NaN'")]
    [InlineData("RefreshAt is '0'")]
    [InlineData("StaleIfError is '-00:00:01'")]
    public void Policy_out_of_range_is_refused_by_name_value_and_range(string complaint)
    {
        var policy = complaint.Split(' ')[0] switch
        {
            "Lifetime" => new EntryPolicy { Lifetime = TimeSpan.FromSeconds(-1) },
            "LocalLifetime" => new EntryPolicy { LocalLifetime = TimeSpan.FromMinutes(10) },
            "NegativeLifetime" => new EntryPolicy { NegativeLifetime = TimeSpan.FromDays(400) },
            "Jitter" => new EntryPolicy { Jitter = double.NaN },
            "RefreshAt" => new EntryPolicy { RefreshAt = 0 },
            _ => new EntryPolicy { StaleIfError = TimeSpan.FromSeconds(-1) },
        };
        policy.Complaints("Cache:Item").ShouldHaveSingleItem().ShouldStartWith("Cache:Item:" + complaint + "; it must be ");
        Should.Throw<ArgumentException>(() => Kind(policy, Value)).Message.ShouldContain(complaint);
    }

    [Fact]
    public void Top_keys_are_found_among_many_others_in_bounded_memory()
    {
        var top = new TopKeys();
        for (var i = 0; i < 2_000_000; i++)
            top.Touch(i % 10 == 0 ? $"hot {i / 10 % 5}" : $"cold {i}");
        top.Take(5).Order().ShouldBe(["hot 0", "hot 1", "hot 2", "hot 3", "hot 4"]);
    }

    private static ValueTask<string> Value(IServiceProvider services, string id, CancellationToken cancellation) => new("v" + id);

    private static EntryKind<T> Kind<T>(EntryPolicy policy, Func<IServiceProvider, string, CancellationToken, ValueTask<T>> load) =>
        new("k", policy, load, id => [new Group($"g:{id}")]);
}
