using System.Diagnostics;
using System.Globalization;
using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Storage;

namespace CacheProxy.Benchmarks.Load;

/// <summary>
/// What many small stored responses cost: fills the store with responses of 1 KB, replaces some of them each second while one thread looks
/// others up, and removes all. Prints resident bytes for each, pauses of the collector, and what stays after a purge.
/// </summary>
internal static class MemoryLoad
{
    private const int BodyBytes = 1024;

    /// <summary>What a miss leaves behind for the collector besides what is stored.</summary>
    private const int GarbageBytes = 6 << 10;

    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    /// <param name="args"><c>--objects 1000000 --churn 0.01 --seconds 60</c>, these by default; churn is a share of the objects a second.</param>
    public static void Run(string[] args)
    {
        var objects = (int)Option(args, "--objects", 1_000_000);
        var perSecond = objects * Option(args, "--churn", 0.01);
        var seconds = Option(args, "--seconds", 60);
        var node = new CoherenceNode();
        var clock = new CacheClock(TimeProvider.System);
        var empty = Resident();
        using var store = new ResponseStore((long)objects * SizeOfOne(node, clock), 64, node, clock);

        Fill(store, node, clock, 0, objects);
        var filled = Resident();
        Console.WriteLine($"{store.Count} stored, counted as {store.SizeBytes / store.Count} bytes each; resident {Each(filled - empty, store)} bytes each");

        using var pauses = new Pauses();
        var (lookups, found, number, churned) = (0L, 0L, objects, Stopwatch.StartNew());
        var over = false;
        var reader = new Thread(() =>
        {
            var random = new Random(1);
            for (; !Volatile.Read(ref over); lookups++)
            {
                if (store.Find(KeyOf(Volatile.Read(ref number) - 1 - random.Next(objects)), clock.Now)?.Variants[0] is not { } stored || !stored.TryHold())
                    continue;
                found += stored.BlockBody.Length / BodyBytes;
                stored.Release();
                if ((lookups & 15) == 0)
                    Thread.Sleep(0);
            }
        });
        reader.Start();
        while (churned.Elapsed.TotalSeconds < seconds)
        {
            var due = objects + (int)(churned.Elapsed.TotalSeconds * perSecond);
            Fill(store, node, clock, number, due - number);
            Volatile.Write(ref number, due);
            Thread.Sleep(1);
        }
        Volatile.Write(ref over, true);
        reader.Join();
        var (longest, share) = pauses.Stop(churned.Elapsed);
        Console.WriteLine($"{number - objects} replaced in {seconds:F0} s: longest pause {longest.TotalMilliseconds:F1} ms, {share:P2} of the time paused ({GC.CollectionCount(0)} collections, {GC.CollectionCount(1)} of gen 1, {GC.CollectionCount(2)} of gen 2), " +
            $"{lookups / seconds / 1000:F0}k look-ups/s, {found * 100 / Math.Max(1, lookups)} % found; resident {Each(Resident() - empty, store)} bytes each");

        node.InvalidateAsync(new Coherence.Invalidation(MarkStrength.Hard, [Tag.All]), TimeSpan.Zero, CancellationToken.None).AsTask().Wait();
        var purging = Stopwatch.StartNew();
        store.RemoveHidden();
        Console.WriteLine($"purged in {purging.ElapsedMilliseconds} ms: {store.Count} stored, resident {(Resident() - empty) >> 20} MiB more than at the start ({(filled - empty) >> 20} MiB when full)");
    }

    private static long Each(long bytes, ResponseStore store) => bytes / Math.Max(1, store.Count);

    private static double Option(string[] args, string name, double otherwise) =>
        Array.IndexOf(args, name) is >= 0 and var at ? double.Parse(args[at + 1], CultureInfo.InvariantCulture) : otherwise;

    private static long SizeOfOne(CoherenceNode node, CacheClock clock)
    {
        using var store = new ResponseStore(1 << 20, 64, node, clock);
        Fill(store, node, clock, 0, 1);
        return store.SizeBytes;
    }

    private static long Resident() => Environment.WorkingSet;

    private static string KeyOf(int number) => string.Create(CultureInfo.InvariantCulture, $"http://api.example/items/{number:D8}");

    private static void Fill(ResponseStore store, CoherenceNode node, CacheClock clock, int from, int count)
    {
        for (var i = from; i < from + count; i++)
        {
            for (var bytes = 0; bytes < GarbageBytes; bytes += 128)
                GC.KeepAlive(new byte[104]);
            var key = KeyOf(i);
            var now = clock.Now;
            var head = new ResponseHead(200, null,
            [
                new("Content-Type", new string("application/json; charset=utf-8".AsSpan())),
                new("Cache-Control", new string("public, max-age=3600".AsSpan())),
                new("Date", HttpDate.Format(now)),
                new("ETag", string.Create(CultureInfo.InvariantCulture, $"\"{i:x8}\"")),
            ], now);
            var response = new StoredResponse(head, new Body([new byte[BodyBytes]], BodyBytes))
            {
                ResponseTime = now,
                InitialAge = TimeSpan.Zero,
                FreshnessLifetime = Day,
                VaryFields = [],
                VaryValues = [],
                Fence = new Fence(key, Array.Empty<string>(), node.Applied),
            };
            store.Store(key, response, Day);
            response.Release();
        }
    }

    /// <summary>Watches the collector.</summary>
    private sealed class Pauses : IDisposable
    {
        private readonly TimeSpan _before = GC.GetTotalPauseDuration();
        private readonly Thread _watch;
        private bool _over;
        private TimeSpan _longest;

        public Pauses()
        {
            _watch = new Thread(Watch) { IsBackground = true };
            _watch.Start();
        }

        public (TimeSpan Longest, double Share) Stop(TimeSpan elapsed)
        {
            Dispose();
            return (_longest, (GC.GetTotalPauseDuration() - _before) / elapsed);
        }

        public void Dispose()
        {
            Volatile.Write(ref _over, true);
            _watch.Join();
        }

        private void Watch()
        {
            var before = GC.GetGCMemoryInfo(GCKind.Any).Index;
            while (!Volatile.Read(ref _over))
            {
                foreach (var kind in (ReadOnlySpan<GCKind>)[GCKind.Ephemeral, GCKind.Background, GCKind.FullBlocking])
                {
                    var info = GC.GetGCMemoryInfo(kind);
                    foreach (var pause in info.Index > before ? info.PauseDurations : [])
                        _longest = pause > _longest ? pause : _longest;
                }
                Thread.Sleep(1);
            }
        }
    }
}
