using System.Globalization;
using System.Text;
using CacheProxy.Coherence;
using CacheProxy.Fetching;
using CacheProxy.Storage;
using CacheProxy.Tests.Scenarios;
using CacheProxy.Tests.Storage;

namespace CacheProxy.Tests.Invalidation;

/// <summary>
/// The promise: once an invalidation has returned, nothing that was read from the origin before it is found, or waited for, by anyone who
/// comes after it. Every order of the steps of two fetches, two writes and a reader is tried on the real store, order and flights.
/// </summary>
public sealed class FillFenceTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    public void No_order_of_fetches_and_a_write_shows_what_the_write_has_replaced()
    {
        using var cache = new Cache();
        var orders = 0;
        foreach (var order in Orders([4, 4, 2]))
        {
            var world = new World(cache);
            Run(world, order, world.Fetch(), world.Fetch(), world.Write());
            orders++;
        }
        orders.ShouldBe(3150); // 10! / (4! 4! 2!)
    }

    [Fact]
    public void No_order_of_a_validation_a_fetch_and_a_write_freshens_what_the_write_has_replaced()
    {
        using var cache = new Cache();
        foreach (var order in Orders([5, 4, 2]))
        {
            var world = new World(cache);
            Run(world, [0, 0, 0, 0], world.Fetch()); // something is stored
            Run(world, order, world.Validate(), world.Fetch(), world.Write());
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void No_order_met_by_chance_of_more_fetches_and_writes_shows_what_a_write_has_replaced(int seed)
    {
        var random = new Random(seed);
        int[] order = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 5, 5];
        using var cache = new Cache();
        for (var i = 0; i < 5000; i++)
        {
            random.Shuffle(order);
            var world = new World(cache);
            Run(world, order, world.Fetch(), world.Fetch(), world.Fetch(), world.Validate(), world.Write(), world.Write());
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Threads_never_see_what_a_write_has_replaced(int seed)
    {
        using var cache = new Cache();
        var world = new World(cache);
        var stop = false;
        var fetchers = Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
        {
            while (!Volatile.Read(ref stop))
                Run(world, [0, 0, 0, 0], world.Fetch());
        })).ToArray();
        var random = new Random(seed);
        for (var i = 0; i < 2000; i++)
        {
            var write = world.Write();
            write.Next();
            if (random.Next(2) == 0)
                await Task.Yield();
            write.Next();
            world.Check();
        }
        Volatile.Write(ref stop, true);
        await Task.WhenAll(fetchers);
        world.Check();
    }

    private static void Run(World world, int[] order, params ReadOnlySpan<Steps> actors)
    {
        foreach (var actor in order)
        {
            actors[actor].Next();
            world.Check();
        }
    }

    /// <summary>Every way to interleave actors with that many steps each.</summary>
    private static IEnumerable<int[]> Orders(int[] steps)
    {
        var order = new int[steps.Sum()];
        return Rest(0);

        IEnumerable<int[]> Rest(int position)
        {
            if (position == order.Length)
            {
                yield return order;
                yield break;
            }
            for (var actor = 0; actor < steps.Length; actor++)
            {
                if (steps[actor] == 0)
                    continue;
                steps[actor]--;
                order[position] = actor;
                foreach (var rest in Rest(position + 1))
                    yield return rest;
                steps[actor]++;
            }
        }
    }

    /// <summary>Order, store and flights, for many worlds.</summary>
    private sealed class Cache : IDisposable
    {
        private readonly CacheClock _clock;
        private int _worlds;

        public Cache()
        {
            _clock = new CacheClock(Time);
            Store = new ResponseStore(1 << 20, 64, Node, _clock);
            Coalescer = new Coalescer(Node, TimeSpan.Zero);
        }

        public ManualTime Time { get; } = new();

        public CoherenceNode Node { get; } = new();

        public ResponseStore Store { get; }

        public Coalescer Coalescer { get; }

        public string NewKey() => $"http://a/{_worlds++}";

        public CachedResource? Find(string key) => Store.Find(key, _clock.Now);

        public void Dispose() => Store.Dispose();
    }

    /// <summary>An origin with one value, and the cache before it.</summary>
    private sealed class World(Cache cache)
    {
        private readonly string _key = cache.NewKey();
        private int _value;
        private int _invalidated;

        /// <summary>What a client that comes now would be given is no older than the last write whose answer has gone on.</summary>
        public void Check()
        {
            var atLeast = Volatile.Read(ref _invalidated);
            if (cache.Find(_key) is { } found && found.Variants[0].Fence.Check(cache.Node) == MarkStrength.None)
                ValueOf(found.Variants[0]).ShouldBeGreaterThanOrEqualTo(atLeast);
        }

        public Steps Write()
        {
            var written = 0;
            return new Steps(
                () => written = Interlocked.Increment(ref _value), // the origin has the new value
                () =>
                {
                    cache.Node.Invalidate(_key); // before the answer goes on
                    Maximum(ref _invalidated, written);
                });
        }

        public Steps Fetch()
        {
            Flight? flight = null;
            RecordingReader? reader = null;
            var leads = false;
            var needed = 0;
            var read = 0;
            return new Steps(
                () =>
                {
                    needed = Volatile.Read(ref _invalidated);
                    (flight, reader, leads) = cache.Coalescer.JoinOrLead(_key, default, Begin)!;
                },
                () =>
                {
                    if (leads)
                        read = Volatile.Read(ref _value); // the origin reads its value
                },
                () =>
                {
                    if (!leads)
                        return;
                    flight!.Recording.AppendAsync(Encoding.UTF8.GetBytes(read.ToString(CultureInfo.InvariantCulture)), default).AsTask().IsCompleted.ShouldBeTrue();
                    flight.Recording.End(failed: false, null);
                },
                () =>
                {
                    if (leads)
                    {
                        cache.Store.Store(_key, Responses.Make(Responses.Bytes(flight!.Recording.ToBody()!), flight.Fill.Local, key: _key), Minute);
                        cache.Coalescer.Remove(flight);
                        flight.Publish(new FlightAnswer(FlightAnswerKind.Failed));
                    }
                    // Whoever was aboard reads nothing that a write before it had replaced.
                    if (flight!.Recording.ToBody() is { } body)
                        int.Parse(Encoding.UTF8.GetString(Responses.Bytes(body)), CultureInfo.InvariantCulture).ShouldBeGreaterThanOrEqualTo(needed);
                    flight.Leave(reader!);
                });
        }

        /// <summary>Finds a stored response, asks the origin whether it still holds, and freshens it.</summary>
        public Steps Validate()
        {
            StoredResponse? stored = null;
            Flight? flight = null;
            var leads = false;
            var confirmed = false;
            return new Steps(
                () => stored = cache.Find(_key)?.Variants[0],
                () => (flight, _, leads) = cache.Coalescer.JoinOrLead(_key, default, Begin)!,
                () => confirmed = leads && stored is not null && ValueOf(stored) == Volatile.Read(ref _value),
                () =>
                {
                    if (!confirmed)
                        return;
                    var freshened = Responses.Make(Responses.Bytes(stored!), flight!.Fill.Local, key: _key);
                    if (!cache.Store.Store(_key, freshened, Minute))
                        cache.Store.Remove(_key, stored!);
                },
                () =>
                {
                    if (leads)
                        cache.Coalescer.Remove(flight!);
                });
        }

        private Flight Begin(string key, Standing fill) => new(key, key, fill,
            new FlightLimits(1 << 20, Minute, cache.Time),
            new RecordingLimits(1 << 20, Minute, new RecordingBudget(1 << 30), cache.Time));

        private static int ValueOf(StoredResponse stored) => int.Parse(Encoding.UTF8.GetString(Responses.Bytes(stored)), CultureInfo.InvariantCulture);

        private static void Maximum(ref int target, int value)
        {
            for (var seen = Volatile.Read(ref target); seen < value;)
            {
                var before = Interlocked.CompareExchange(ref target, value, seen);
                if (before == seen)
                    return;
                seen = before;
            }
        }
    }

    private sealed class Steps(params Action[] steps)
    {
        private int _next;

        public void Next() => steps[_next++]();
    }
}
