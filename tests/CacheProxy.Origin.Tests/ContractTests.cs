using System.Buffers;
using System.ComponentModel;
using System.Text;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Origin.Tests;

/// <summary>What HybridCache's documentation says of every implementation, one row a case: the steps, and which of them ask the factory.</summary>
public sealed class ContractTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>
    /// Steps, separated by spaces: <c>get:KEY</c> [<c>+tag</c>] [<c>/flags</c>] <c>=VALUE</c>, where the factory gives v1, v2, ... ; <c>set:KEY=VALUE</c>;
    /// <c>remove:KEY</c>; <c>untag:TAG</c>; <c>wait:SECONDS</c>. Expiration 60 s, in the process 30 s.
    /// Flags: lr, lw (local read, write), rr, rw (remote), u (underlying data): what is disabled.
    /// </summary>
    public static TheoryData<string, string> Cases => new()
    {
        // What is cached
        { "a value is made once", "get:a=v1 get:a=v1 get:a=v1" },
        { "keys are apart", "get:a=v1 get:b=v2 get:a=v1 get:b=v2" },
        { "keys are compared as they are", "get:a=v1 get:A=v2" },
        { "an empty key is not cached", "get:=v1 get:=v2" },
        { "set takes the value's place", "get:a=v1 set:a=x get:a=x" },
        { "set needs no get before it", "set:a=x get:a=x" },
        // Lifetimes
        { "a local copy lives for LocalCacheExpiration", "get:a/rr,rw=v1 wait:29 get:a/rr,rw=v1 wait:1 get:a/rr,rw=v2" },
        { "the remote one is found after it", "get:a=v1 wait:31 get:a=v1" },
        // Removal
        { "a removed key is made anew", "get:a=v1 remove:a get:a=v2 get:a=v2" },
        { "removal of a key leaves the others", "get:a=v1 get:b=v2 remove:a get:b=v2" },
        { "removal of what is not there is nothing", "remove:a get:a=v1" },
        { "removal goes for what was set", "set:a=x remove:a get:a=v1" },
        { "a tag removes what has it", "get:a+t=v1 get:b+u=v2 untag:t get:a+t=v3 get:b+u=v2" },
        { "a tag removes by any of several", "get:a+t+u=v1 untag:u get:a+t+u=v2" },
        { "what is made after the removal stays", "get:a+t=v1 untag:t get:a+t=v2 get:a+t=v2" },
        { "the tag * removes everything", "get:a+t=v1 get:b=v2 untag:* get:a+t=v3 get:b=v4 get:b=v4" },
        { "a tag is none of the keys", "get:a=v1 untag:a get:a=v1" },
        { "a tag goes for what was set with it", "set:a+t=x untag:t get:a=v1" },
        // Flags
        { "DisableLocalCacheRead goes past the process", "get:a=v1 get:a/lr,rr=v2 get:a=v2" },
        { "DisableLocalCacheWrite keeps nothing there", "get:a/lw,rw=v1 get:a=v2" },
        { "DisableLocalCache leaves the remote one", "get:a/lr,lw=v1 get:a/lr,lw=v1" },
        { "DisableDistributedCacheRead makes its own", "get:a/lw=v1 get:a/rr,lw=v2" },
        { "DisableDistributedCacheWrite keeps it in the process", "get:a/rw=v1 get:a=v1 get:a/lr=v2" },
        { "all disabled asks the factory", "get:a/lr,lw,rr,rw=v1 get:a/lr,lw,rr,rw=v2" },
        { "DisableUnderlyingData finds", "get:a=v1 get:a/u=v1" },
        { "DisableUnderlyingData gives the default for nothing, and keeps none", "get:a/u= get:a=v1" },
        { "a set with DisableLocalCacheWrite is remote only", "set:a/lw=x get:a/rr=v1" },
        { "a set with DisableDistributedCacheWrite is local only", "set:a/rw=x get:a/lr=v1" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Cache_does_as_documented(string what, string steps)
    {
        var node = new Coherence.CoherenceNode();
        using var test = new TestCache(node: node, remote: new FencedStore(node));
        var source = new Source();
        foreach (var step in steps.Split(' '))
        {
            var (verb, rest) = Cut(step, ':');
            var (subject, value) = Cut(rest, '=');
            var (keyAndTags, flags) = Cut(subject, '/');
            var parts = keyAndTags.Split('+');
            var options = new HybridCacheEntryOptions
            {
                Expiration = TimeSpan.FromSeconds(60),
                LocalCacheExpiration = TimeSpan.FromSeconds(30),
                Flags = Flags(flags),
            };
            switch (verb)
            {
                case "get":
                    (await test.Cache.GetOrCreateAsync(parts[0], source.NextAsync, options, parts[1..], Cancellation) ?? "").ShouldBe(value, $"{what}: {step}");
                    break;
                case "set":
                    await test.Cache.SetAsync(parts[0], value, options, parts[1..], Cancellation);
                    break;
                case "remove":
                    await test.Cache.RemoveAsync(subject, Cancellation);
                    break;
                case "untag":
                    await test.Cache.RemoveByTagAsync(subject, Cancellation);
                    break;
                default:
                    test.Time.Advance(TimeSpan.FromSeconds(double.Parse(subject, System.Globalization.CultureInfo.InvariantCulture)));
                    break;
            }
        }
    }

    [Fact]
    public async Task Options_Expiration_is_the_remote_lifetime_and_bounds_the_local_one()
    {
        var node = new Coherence.CoherenceNode();
        var remote = new FencedStore(node);
        using var test = new TestCache(node: node, remote: remote);
        var source = new Source();
        var options = new HybridCacheEntryOptions { Expiration = TimeSpan.FromSeconds(10), LocalCacheExpiration = TimeSpan.FromSeconds(60) };

        await test.Cache.GetOrCreateAsync("a", source.NextAsync, options, cancellationToken: Cancellation);
        remote.LifetimeOf("data:a").ShouldBe(TimeSpan.FromSeconds(10));
        remote.IsAway = true;
        test.Time.Advance(TimeSpan.FromSeconds(10));
        (await test.Cache.GetOrCreateAsync("a", source.NextAsync, options, cancellationToken: Cancellation)).ShouldBe("v2");
    }

    [Fact]
    public async Task Several_keys_and_several_tags_are_removed_in_one_call()
    {
        using var test = new TestCache();
        var source = new Source();
        foreach (var key in new[] { "a", "b", "c", "d" })
            await test.Cache.GetOrCreateAsync(key, source.NextAsync, tags: [key], cancellationToken: Cancellation);
        var before = test.Node.Applied;

        await test.Cache.RemoveAsync(["a", "b"], Cancellation);
        await test.Cache.RemoveByTagAsync(["c"], Cancellation);
        await test.Cache.RemoveByTagAsync([], Cancellation);

        test.Node.Applied.ShouldBe(before + 2);
        (await test.Cache.GetOrCreateAsync("b", source.NextAsync, cancellationToken: Cancellation)).ShouldBe("v5");
        (await test.Cache.GetOrCreateAsync("c", source.NextAsync, cancellationToken: Cancellation)).ShouldBe("v6");
        (await test.Cache.GetOrCreateAsync("d", source.NextAsync, cancellationToken: Cancellation)).ShouldBe("v4");
    }

    [Fact]
    public async Task Overloads_for_spans_and_interpolated_keys_are_the_same_entries()
    {
        using var test = new TestCache();
        var source = new Source();
        var id = 7;
        (await test.Cache.GetOrCreateAsync("item:7", source.NextAsync, cancellationToken: Cancellation)).ShouldBe("v1");
        (await test.Cache.GetOrCreateAsync($"item:{id}", source.NextAsync, cancellationToken: Cancellation)).ShouldBe("v1");
        (await test.Cache.GetOrCreateAsync("item:7".AsSpan(), source.NextAsync, cancellationToken: Cancellation)).ShouldBe("v1");
        (await test.Cache.GetOrCreateAsync("item:7", source, (s, token) => s.NextAsync(token), cancellationToken: Cancellation)).ShouldBe("v1");
    }

    [Fact]
    public async Task Objects_that_may_change_are_each_callers_own()
    {
        using var test = new TestCache();
        var first = await test.Cache.GetOrCreateAsync("a", _ => new ValueTask<List<int>>([1]), cancellationToken: Cancellation);
        first.Add(2);
        var second = await test.Cache.GetOrCreateAsync("a", _ => new ValueTask<List<int>>([9]), cancellationToken: Cancellation);
        second.ShouldBe([1]);
        second.ShouldNotBeSameAs(await test.Cache.GetOrCreateAsync("a", _ => new ValueTask<List<int>>([9]), cancellationToken: Cancellation));
    }

    [Fact]
    public async Task Objects_that_say_they_cannot_change_are_shared()
    {
        using var test = new TestCache();
        var first = await test.Cache.GetOrCreateAsync("a", _ => new ValueTask<Fixed>(new Fixed(1)), cancellationToken: Cancellation);
        (await test.Cache.GetOrCreateAsync("a", _ => new ValueTask<Fixed>(new Fixed(2)), cancellationToken: Cancellation)).ShouldBeSameAs(first);
    }

    [Fact]
    public async Task Values_of_every_plain_type_come_back()
    {
        var node = new Coherence.CoherenceNode();
        using var test = new TestCache(node: node, remote: new FencedStore(node));
        await SameAsync("text äöü");
        await SameAsync(42);
        await SameAsync(12.50m);
        await SameAsync<int?>(null);
        await SameAsync(Guid.Parse("00000000-0000-0000-0000-000000000001"));
        await SameAsync(new byte[] { 0, 1, 255 });
        await SameAsync(new Fixed(3));
        await SameAsync(new Dictionary<string, int> { ["a"] = 1 });

        async Task SameAsync<T>(T value)
        {
            var options = new HybridCacheEntryOptions { Flags = HybridCacheEntryFlags.DisableLocalCache };
            await test.Cache.SetAsync($"k:{typeof(T)}", value, options, cancellationToken: Cancellation);
            (await test.Cache.GetOrCreateAsync($"k:{typeof(T)}", NoneAsync, options, cancellationToken: Cancellation)).ShouldBeEquivalentTo(value);

            static ValueTask<T> NoneAsync(CancellationToken cancellation) => throw new InvalidOperationException("It is there.");
        }
    }

    [Fact]
    public async Task Serializer_of_the_type_goes_before_factories_and_the_last_factory_before_the_first()
    {
        var node = new Coherence.CoherenceNode();
        var remote = new FencedStore(node);
        using var test = new TestCache(node: node, remote: remote, add: services => services
            .AddSingleton<IHybridCacheSerializer<Fixed>>(new Marked<Fixed>("own", new Fixed(0)))
            .AddSingleton<IHybridCacheSerializerFactory>(new MarkingFactory("first"))
            .AddSingleton<IHybridCacheSerializerFactory>(new MarkingFactory("last")));
        await test.Cache.SetAsync("a", new Fixed(1), cancellationToken: Cancellation);
        await test.Cache.SetAsync("b", new Version(1, 2), cancellationToken: Cancellation);

        Encoding.UTF8.GetString(remote.Items["data:a"].Value.Span).ShouldEndWith("own");
        Encoding.UTF8.GetString(remote.Items["data:b"].Value.Span).ShouldEndWith("last");
    }

    [Fact]
    public async Task Value_that_cannot_be_serialized_or_is_too_long_is_given_but_not_kept()
    {
        using var test = new TestCache(options => options.MaxPayloadBytes = 100);
        var calls = 0;
        for (var i = 1; i <= 2; i++)
        {
            (await test.Cache.GetOrCreateAsync("long", _ => new ValueTask<string>(new string('x', 101 + calls++)), cancellationToken: Cancellation))
                .Length.ShouldBe(100 + i);
            var loop = await test.Cache.GetOrCreateAsync("loop", _ => new ValueTask<Endless>(new Endless()), cancellationToken: Cancellation);
            loop.Self.ShouldBeSameAs(loop);
        }
    }

    [Fact]
    public async Task Tag_that_is_empty_or_stands_for_everything_is_refused_on_an_entry()
    {
        using var test = new TestCache();
        foreach (var tag in new[] { "*", "", " " })
            await Should.ThrowAsync<ArgumentException>(async () =>
                await test.Cache.GetOrCreateAsync("a", _ => new ValueTask<int>(1), tags: [tag], cancellationToken: Cancellation));
    }

    [Fact]
    public async Task Failure_of_the_factory_is_each_callers_and_is_not_kept()
    {
        using var test = new TestCache();
        var held = new HeldSource();
        var callers = Enumerable.Range(0, 3).Select(_ => test.Cache.GetOrCreateAsync("a", held.NextAsync, cancellationToken: Cancellation).AsTask()).ToArray();
        held.Fail(new TimeoutException("too slow"));
        foreach (var caller in callers)
            (await Should.ThrowAsync<TimeoutException>(caller)).Message.ShouldBe("too slow");
        (await test.Cache.GetOrCreateAsync("a", new Source().NextAsync, cancellationToken: Cancellation)).ShouldBe("v1");
    }

    private static (string, string) Cut(string text, char at) =>
        text.IndexOf(at) is >= 0 and var position ? (text[..position], text[(position + 1)..]) : (text, "");

    private static HybridCacheEntryFlags Flags(string text) => text.Split(',').Aggregate(HybridCacheEntryFlags.None, (flags, word) => flags | word switch
    {
        "lr" => HybridCacheEntryFlags.DisableLocalCacheRead,
        "lw" => HybridCacheEntryFlags.DisableLocalCacheWrite,
        "rr" => HybridCacheEntryFlags.DisableDistributedCacheRead,
        "rw" => HybridCacheEntryFlags.DisableDistributedCacheWrite,
        "u" => HybridCacheEntryFlags.DisableUnderlyingData,
        _ => HybridCacheEntryFlags.None,
    });

    [ImmutableObject(true)]
    public sealed record Fixed(int Number);

    public sealed class Endless
    {
        public Endless Self => this;
    }

    private sealed class Marked<T>(string mark, T value) : IHybridCacheSerializer<T>
    {
        public T Deserialize(ReadOnlySequence<byte> source) => value;

        public void Serialize(T value, IBufferWriter<byte> target) => Encoding.UTF8.GetBytes(mark, target);
    }

    private sealed class MarkingFactory(string mark) : IHybridCacheSerializerFactory
    {
        public bool TryCreateSerializer<T>(out IHybridCacheSerializer<T> serializer)
        {
            serializer = new Marked<T>(mark, default!);
            return true;
        }
    }
}
