using System.Globalization;
using CacheProxy.Coherence;
using CacheProxy.Storage;
using CacheProxy.Tests.Invalidation;
using CacheProxy.Tests.Scenarios;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Tests.Storage;

public sealed class ResponseStoreTests : IDisposable
{
    private const long Budget = 1 << 20;
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly ManualTime _time = new();
    private readonly CoherenceNode _node = new();
    private readonly CacheClock _clock;
    private readonly ResponseStore _store;

    public ResponseStoreTests()
    {
        _clock = new CacheClock(_time);
        _store = new ResponseStore(Budget, maxVariants: 64, _node, _clock);
    }

    public void Dispose() => _store.Dispose();

    [Fact]
    public void What_is_stored_is_found_under_its_key_alone()
    {
        var response = Responses.Make([1, 2, 3]);
        _store.Store("http://a/x", response, Minute).ShouldBeTrue();
        Find("http://a/x")!.Variants.ToArray().ShouldBe([response]);
        Find("http://a/X").ShouldBeNull();
        Find("http://a/x ").ShouldBeNull();
    }

    [Fact]
    public void Sweep_that_is_under_way_when_the_store_is_closed_finds_nothing()
    {
        for (var i = 0; i < 3; i++)
            _store.Store($"k{i}", Responses.Make([1]), Minute);
        using var all = _store.All.GetEnumerator();
        all.MoveNext().ShouldBeTrue();
        _store.Dispose();
        all.MoveNext().ShouldBeFalse();
        _store.RemoveHidden();
    }

    [Fact]
    public void Nothing_is_stored_without_a_retention()
    {
        _store.Store("a", Responses.Make([1]), TimeSpan.Zero).ShouldBeFalse();
        _store.Store("a", Responses.Make([1]), TimeSpan.FromSeconds(-1)).ShouldBeFalse();
        _store.Count.ShouldBe(0);
        _store.SizeBytes.ShouldBe(0);
    }

    [Fact]
    public async Task Expired_entries_are_not_found_and_give_their_bytes_back_within_a_minute()
    {
        for (var i = 0; i < 500; i++)
            _store.Store($"key {i}", Responses.Make(new byte[100]), Minute / 2).ShouldBeTrue();
        _store.Store("lasting", Responses.Make([1]), 10 * Minute);
        _time.Advance(Minute / 2);
        for (var i = 0; i < 500; i++)
            Find($"key {i}").ShouldBeNull();
        _time.Advance(Minute / 2);
        await Eventually.TrueAsync(() => _store.Count == 1, "the bytes are given back");
        _store.SizeBytes.ShouldBe(Find("lasting")!.Size);
        _store.Evicted.ShouldBe(0);
        _store.Store("again", Responses.Make([1]), Minute / 2);
        _time.Advance(Minute); // the sweep goes on
        await Eventually.TrueAsync(() => _store.Count == 1, "the bytes are given back");
    }

    [Fact]
    public void What_is_stored_in_place_of_an_expired_entry_counts_once()
    {
        _store.Store("a", Variant("de", 1000), Minute / 2);
        _time.Advance(Minute / 2);
        _store.Store("a", Variant("fr", 10), Minute);
        _store.Count.ShouldBe(1);
        _store.SizeBytes.ShouldBe(Find("a")!.Size);
        Pick(Find("a")!, "de").ShouldBeNull();
    }

    [Fact]
    public void What_is_stored_in_place_of_one_that_a_jump_of_the_clock_has_ended_counts_once()
    {
        _store.Store("a", Variant("de", 1000), Minute / 2);
        _time.JumpWallClock(60 * Minute); // no sweep comes of it
        _store.Store("a", Variant("fr", 10), Minute);
        _store.Count.ShouldBe(1);
        _store.SizeBytes.ShouldBe(Find("a")!.Size);
    }

    [Fact]
    public async Task Time_that_passes_while_storing_loses_no_bytes()
    {
        // The entry is over in the moment it is stored.
        var time = new ManualTime();
        using var store = new ResponseStore(Budget, 64, _node, new CacheClock(time));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            for (var i = 0; i < 2_000; i++)
            {
                store.Store($"key {thread} {i}", Responses.Make([]), TimeSpan.FromTicks(1));
                time.Advance(TimeSpan.FromSeconds(1));
            }
        })));
        time.Advance(2 * Minute);
        await Eventually.TrueAsync(() => store.SizeBytes == 0 && store.Count == 0, "no bytes are held by what is gone");
    }

    [Fact]
    public void Variants_replace_their_like_and_stand_beside_others()
    {
        _store.Store("a", Variant("de", 1), Minute);
        _store.Store("a", Variant("fr", 2), Minute);
        _store.Store("a", Variant("de", 3), Minute);
        var resource = Find("a")!;
        resource.Variants.Length.ShouldBe(2);
        Pick(resource, "de")!.BodyLength.ShouldBe(3);
        Pick(resource, "fr")!.BodyLength.ShouldBe(2);
        Pick(resource, "es").ShouldBeNull();
        _store.Count.ShouldBe(1);
    }

    [Fact]
    public void Oldest_variant_goes_when_there_are_too_many()
    {
        for (var i = 0; i < 65; i++)
            _store.Store("a", Variant(i.ToString(CultureInfo.InvariantCulture), 1), Minute);
        var resource = Find("a")!;
        resource.Variants.Length.ShouldBe(64);
        Pick(resource, "0").ShouldBeNull();
        Pick(resource, "64").ShouldNotBeNull();
    }

    [Fact]
    public void Variants_of_one_url_stay_within_the_budget_and_leave_room_for_others()
    {
        _store.Store("other", Responses.Make(new byte[1000]), Minute);
        for (var i = 0; i < 64; i++)
        {
            _store.Store("a", Variant(i.ToString(CultureInfo.InvariantCulture), (int)Budget / 5), Minute);
            _store.SizeBytes.ShouldBeLessThanOrEqualTo(Budget);
        }
        Find("other").ShouldNotBeNull();
        Pick(Find("a")!, "63").ShouldNotBeNull();
    }

    [Fact]
    public void What_is_larger_than_the_budget_is_not_stored_and_costs_nothing()
    {
        _store.Store("a", Responses.Make(new byte[1000]), Minute);
        _store.Store("b", Responses.Make(new byte[Budget]), Minute).ShouldBeFalse();
        Find("a").ShouldNotBeNull();
        Find("b").ShouldBeNull();
    }

    [Fact]
    public void Trailers_count()
    {
        _store.Store("a", Responses.Make([]), Minute);
        var without = _store.SizeBytes;
        _store.Store("a", Responses.Make([], trailers: [new("Digest", new string('x', 10_000))]), Minute);
        _store.SizeBytes.ShouldBeGreaterThan(without + 20_000);
    }

    [Fact]
    public void Fill_that_began_before_an_invalidation_is_refused()
    {
        var before = _node.Applied;
        _node.Invalidate("a");
        _store.Store("a", Responses.Make([1], before), Minute).ShouldBeFalse();
        _store.Store("a", Responses.Make([1], _node.Applied), Minute).ShouldBeTrue();
        _store.Store("b", Responses.Make([1], before, key: "b"), Minute).ShouldBeTrue();
    }

    [Fact]
    public void Removing_a_response_that_has_been_replaced_leaves_its_successor()
    {
        var first = Responses.Make([1]);
        var second = Responses.Make([2]);
        _store.Store("a", first, Minute);
        _store.Store("a", second, Minute);
        _store.Remove("a", first);
        Find("a").ShouldNotBeNull();
        _store.Remove("a", second);
        Find("a").ShouldBeNull();
        _store.SizeBytes.ShouldBe(0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Sum_of_bytes_is_that_of_what_can_be_found(int seed)
    {
        var random = new Random(seed);
        var keys = Enumerable.Range(0, 200).Select(i => $"key {i}").ToArray();
        for (var step = 0; step < 5000; step++)
        {
            var key = keys[random.Next(keys.Length)];
            switch (random.Next(10))
            {
                case 0:
                    _store.Remove(key);
                    break;
                case 1:
                    if (Find(key) is { } found)
                        _store.Remove(key, found.Variants[^1]);
                    break;
                case 2:
                    _time.Advance(TimeSpan.FromSeconds(random.Next(10)));
                    break;
                default:
                    _store.Store(key, Variant(random.Next(5).ToString(CultureInfo.InvariantCulture), random.Next(20_000)),
                        TimeSpan.FromSeconds(random.Next(1, 60)));
                    break;
            }
            _store.SizeBytes.ShouldBeLessThanOrEqualTo(Budget);
        }
        _store.Evicted.ShouldBeGreaterThan(0);
        long Found() => keys.Select(key => Find(key)).Sum(resource => resource?.Size ?? 0);
        _time.Advance(Minute);
        await Eventually.TrueAsync(() => _store.SizeBytes == Found(), "the sum is that of what is there");
        foreach (var key in keys)
            _store.Remove(key);
        await Eventually.TrueAsync(() => _store.SizeBytes == 0 && _store.Count == 0, "nothing is left");
    }

    [Fact]
    public async Task No_reader_ever_sees_another_keys_body_and_no_byte_is_lost_under_load()
    {
        var keys = Enumerable.Range(0, 100).Select(i => $"key {i}").ToArray();
        var reads = 0;
        var threads = Enumerable.Range(0, 4).Select(thread => Task.Run(async () =>
        {
            var random = new Random(thread);
            for (var step = 0; step < 10_000; step++)
            {
                var key = keys[random.Next(keys.Length)];
                switch (random.Next(20))
                {
                    case 0:
                        _store.Remove(key);
                        break;
                    case 1:
                        _time.Advance(TimeSpan.FromSeconds(random.Next(2)));
                        break;
                    case < 8:
                        _store.Store(key, Responses.Make(Responses.SignedBody(key, random.Next(100, 30_000))),
                            TimeSpan.FromSeconds(random.Next(1, 60)));
                        break;
                    default:
                        if (Find(key) is { } found)
                        {
                            if (!found.Variants[0].TryHold())
                                break;
                            Responses.KeyOfSignedBody(Responses.Bytes(found.Variants[0])).ShouldBe(key);
                            found.Variants[0].Release();
                            Interlocked.Increment(ref reads);
                        }
                        break;
                }
            }
        })).ToArray();
        await Task.WhenAll(threads);
        reads.ShouldBeGreaterThan(100);
        _store.Evicted.ShouldBeGreaterThan(0);
        foreach (var key in keys)
            _store.Remove(key);
        await Eventually.TrueAsync(() => _store.SizeBytes == 0 && _store.Count == 0, "nothing is left");
    }

    private CachedResource? Find(string key) => _store.Find(key, _clock.Now);

    private static StoredResponse Variant(string language, int length) =>
        Responses.Make(new byte[length], varyFields: ["Accept-Language"], varyValues: [language]);

    private static StoredResponse? Pick(CachedResource resource, string language) =>
        ResponseStore.Select(resource, new Dictionary<string, StringValues> { ["Accept-Language"] = language });
}
