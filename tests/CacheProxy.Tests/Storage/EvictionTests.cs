using CacheProxy.Storage;

namespace CacheProxy.Tests.Storage;

public sealed class EvictionTests
{
    [Fact]
    public void Oldest_that_was_not_hit_goes_first()
    {
        var eviction = new Eviction(3 * SizeOf("a"));
        Add(eviction, "a", "b", "c");
        Add(eviction, "d").ShouldBe(["a"]);
        Add(eviction, "e").ShouldBe(["b"]);
    }

    [Fact]
    public void Hit_spares_an_entry_for_one_round_of_the_hand()
    {
        var eviction = new Eviction(3 * SizeOf("a"));
        var (a, b, c) = (Resource("a"), Resource("b"), Resource("c"));
        eviction.Add(a, null);
        eviction.Add(b, null);
        eviction.Add(c, null);
        a.Visited = true;
        Add(eviction, "d").ShouldBe(["b"]);
        a.Visited.ShouldBeFalse(); // the hand took the bit back as it passed
        Add(eviction, "e").ShouldBe(["c"]); // the hand goes on to the newer ones
        Add(eviction, "f").ShouldBe(["d"]);
        Add(eviction, "g").ShouldBe(["e"]);
        Add(eviction, "h").ShouldBe(["f"]);
    }

    /// <summary>The example of the paper's figure 1 (Zhang et al., NSDI 2024): A, B and G were hit, then H comes, A is hit, I and J come.</summary>
    [Fact]
    public void Hand_moves_as_in_the_paper()
    {
        var eviction = new Eviction(7 * SizeOf("A"));
        var all = "ABCDEFG".ToDictionary(c => c, c => Resource(c.ToString()));
        foreach (var resource in all.Values)
            eviction.Add(resource, null);
        all['A'].Visited = all['B'].Visited = all['G'].Visited = true;
        Add(eviction, "H").ShouldBe(["C"]);
        all['A'].Visited = true;
        Add(eviction, "I").ShouldBe(["D"]);
        all['B'].Visited.ShouldBeFalse();
        Add(eviction, "J").ShouldBe(["E"]);
    }

    [Fact]
    public void All_that_were_hit_lose_their_bits_and_the_oldest_goes()
    {
        var eviction = new Eviction(2 * SizeOf("a"));
        var (a, b) = (Resource("a"), Resource("b"));
        eviction.Add(a, null);
        eviction.Add(b, null);
        a.Visited = b.Visited = true;
        Add(eviction, "c").ShouldBe(["a"]);
    }

    [Fact]
    public void One_newcomer_may_cost_several()
    {
        var eviction = new Eviction(4 * SizeOf("a"));
        Add(eviction, "a", "b", "c", "d");
        var large = Resource("x", bodyBytes: (int)(2 * SizeOf("a")));
        Add(eviction, large, null).ShouldBe(["a", "b", "c"]);
        eviction.SizeBytes.ShouldBe(SizeOf("d") + large.Size);
    }

    [Fact]
    public void Successor_takes_the_place_and_the_bit_of_what_it_replaces()
    {
        var eviction = new Eviction(2 * SizeOf("a"));
        var old = Resource("a");
        eviction.Add(old, null);
        old.Visited = true;
        var successor = Resource("a");
        Add(eviction, successor, old).ShouldBeEmpty();
        successor.Visited.ShouldBeTrue();
        eviction.Count.ShouldBe(1);
        eviction.SizeBytes.ShouldBe(successor.Size);
        eviction.Remove(old); // is out already
        eviction.Count.ShouldBe(1);
    }

    [Fact]
    public void Thousands_keep_their_order_also_after_all_have_gone()
    {
        var eviction = new Eviction(3000 * SizeOf("0000"));
        for (var round = 0; round < 2; round++)
        {
            var all = Enumerable.Range(0, 5000).Select(i => Resource($"{i:D4}")).ToArray();
            all.SelectMany(resource => Add(eviction, resource, null)).ShouldBe(all[..2000].Select(resource => resource.Key));
            foreach (var resource in all)
                eviction.Remove(resource);
            eviction.Count.ShouldBe(0);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Sum_is_exact_and_within_the_budget_whatever_happens(int seed)
    {
        var random = new Random(seed);
        var budget = 100 * SizeOf("a");
        var eviction = new Eviction(budget);
        var live = new Dictionary<string, CachedResource>();
        for (var step = 0; step < 20_000; step++)
        {
            var key = random.Next(300).ToString(System.Globalization.CultureInfo.InvariantCulture);
            live.TryGetValue(key, out var present);
            switch (random.Next(4))
            {
                case 0 when present is not null:
                    eviction.Remove(present);
                    live.Remove(key);
                    break;
                case 1 when present is not null:
                    present.Visited = true;
                    break;
                default:
                    var resource = Resource(key, random.Next(5000));
                    foreach (var victim in Add(eviction, resource, present))
                        live.Remove(victim).ShouldBeTrue();
                    live[key] = resource;
                    break;
            }
            eviction.SizeBytes.ShouldBe(live.Values.Sum(r => r.Size));
            eviction.SizeBytes.ShouldBeLessThanOrEqualTo(budget);
            eviction.Count.ShouldBe(live.Count);
        }
        eviction.Evicted.ShouldBeGreaterThan(0);
        foreach (var resource in live.Values)
            eviction.Remove(resource);
        eviction.SizeBytes.ShouldBe(0);
        eviction.Count.ShouldBe(0);
    }

    private static List<string> Add(Eviction eviction, params string[] keys) =>
        [.. keys.SelectMany(key => Add(eviction, Resource(key), null))];

    private static List<string> Add(Eviction eviction, CachedResource resource, CachedResource? replaced)
    {
        eviction.Add(resource, replaced);
        var victims = new List<string>();
        while (eviction.Evict(resource) is { } victim)
            victims.Add(victim.Key);
        return victims;
    }

    private static long SizeOf(string key) => Resource(key).Size;

    private static CachedResource Resource(string key, int bodyBytes = 0) => new(key, [Responses.Make(new byte[bodyBytes])], default);
}
