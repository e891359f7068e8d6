using System.Buffers.Binary;
using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Storage;
using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Tests.Storage;

/// <summary>No reader sees reused bytes, and none are lost. Apart from other tests, because the bytes of the whole process are counted.</summary>
[Collection("memory")]
public sealed class BlockTests
{
    private const int Keys = 64;
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task No_reader_ever_sees_reused_bytes_and_all_come_back()
    {
        var before = Block.Taken;
        var time = new ManualTime();
        var clock = new CacheClock(time);
        var node = new CoherenceNode();
        var (reads, misses, freshened) = (0, 0, 0);
        using (var store = new ResponseStore(128 << 10, 4, node, clock))
        {
            await Task.WhenAll(Enumerable.Range(0, 6).Select(thread => Task.Run(async () =>
            {
                var random = new Random(thread);
                for (var step = 0; step < 8_000; step++)
                {
                    var key = random.Next(Keys);
                    switch (random.Next(100))
                    {
                        case 0:
                            store.Remove(NameOf(key));
                            break;
                        case 1 when step % 10 == 0:
                            await node.InvalidateAsync(new CacheProxy.Coherence.Invalidation(MarkStrength.Hard, [Tag.All]), Minute, default);
                            break;
                        case 2:
                            time.Advance(TimeSpan.FromSeconds(random.Next(2)));
                            break;
                        case < 25:
                            StoreAndRelease(store, node, key, SignedBody(key, random.Next(1, 1000)));
                            break;
                        case < 35:
                            if (Hold(store, key, clock) is not { } old)
                                break;
                            StoreAndRelease(store, node, key, Responses.Bytes(old));
                            old.Release();
                            Interlocked.Increment(ref freshened);
                            break;
                        default:
                            if (Hold(store, key, clock) is not { } found)
                            {
                                Interlocked.Increment(ref misses);
                                break;
                            }
                            AssertIs(key, found);
                            found.Release();
                            Interlocked.Increment(ref reads);
                            break;
                    }
                }
            })));
            store.Evicted.ShouldBeGreaterThan(0);
            for (var key = 0; key < Keys / 2; key++)
                store.Remove(NameOf(key));
        }
        reads.ShouldBeGreaterThan(10_000);
        freshened.ShouldBeGreaterThan(100);
        misses.ShouldBeGreaterThan(100);
        Block.Taken.ShouldBe(before);
    }

    /// <summary>Each way in which a request comes to a stored response, and what is held for it.</summary>
    [Fact]
    public async Task What_was_stored_served_freshened_and_stood_in_comes_back_when_it_is_removed()
    {
        var before = Block.Taken;
        var isDown = false;
        await using var origin = ScriptedOrigin.Answering(r =>
            isDown ? StoryTests.Respond("down", "500 Oops")
            : r.Head.Contains("If-None-Match", StringComparison.OrdinalIgnoreCase) ? "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n"
            : StoryTests.Respond("body", fields: "ETag: \"1\"\r\nCache-Control: max-age=10, stale-while-revalidate=5, stale-if-error=1000\r\n"));
        var proxy = await RunningProxy.StartAsync(origin.Address, options => options.Profile = CacheProfile.Rfc9111);
        await using (proxy)
        {
            var how = new List<string>();
            foreach (var (seconds, down, method, field) in new (int, bool, string, string?)[]
            {
                (0, false, "GET", null), (0, false, "GET", null), (0, false, "GET", "If-None-Match: \"1\""), (0, false, "GET", "Range: bytes=1-2"),
                (0, false, "GET", "Range: bytes=0-0,2-2"), (12, false, "GET", null), (20, false, "GET", null), (60, false, "HEAD", null), (60, true, "GET", null),
                (0, false, "POST", null), (0, false, "GET", null),
            })
            {
                proxy.Time.Advance(TimeSpan.FromSeconds(seconds));
                isDown = down;
                var answer = await proxy.SendAsync(new HttpMethod(method), "/", field is null ? [] : [field]);
                how.Add(answer.Headers.GetValues("Cache-Status").Single());
                await answer.Content.ReadAsStringAsync();
                await proxy.WaitForFetchesAsync();
            }
            how.ShouldContain(status => status.Contains("hit", StringComparison.Ordinal));
            how.ShouldContain(status => status.Contains("fwd-status=304", StringComparison.Ordinal));
            how.ShouldContain(status => status.Contains("fwd-status=500", StringComparison.Ordinal));
            Block.Taken.ShouldBeGreaterThan(before);
            await proxy.Core.Node.InvalidateAsync(new CacheProxy.Coherence.Invalidation(MarkStrength.Hard, [Tag.All]), Minute, default);
            await Eventually.TrueAsync(() => Block.Taken <= before, "all of it is back");
        }
    }

    private static string NameOf(int key) => $"http://a/{key}";

    private static StoredResponse? Hold(ResponseStore store, int key, CacheClock clock) =>
        store.Find(NameOf(key), clock.Now)?.Variants[0] is { } found && found.TryHold() ? found : null;

    private static void StoreAndRelease(ResponseStore store, CoherenceNode node, int key, byte[] body)
    {
        var response = new StoredResponse(new ResponseHead(200, null, [new("ETag", $"\"{key}\"")], default), new Body([body], body.Length))
        {
            ResponseTime = default,
            InitialAge = TimeSpan.Zero,
            FreshnessLifetime = Minute,
            VaryFields = [],
            VaryValues = [],
            Fence = new Fence(NameOf(key), Array.Empty<string>(), node.Applied),
        };
        store.Store(NameOf(key), response, Minute);
        response.Release();
    }

    /// <summary>The key and the count, over and over.</summary>
    private static byte[] SignedBody(int key, int words)
    {
        var bytes = new byte[words * 8];
        for (var i = 0; i < words; i++)
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * 8), ((long)key << 32) + words);
        return bytes;
    }

    /// <summary>Looked at twice, with time for others in between.</summary>
    private static void AssertIs(int key, StoredResponse stored)
    {
        for (var look = 0; look < 2; look++)
        {
            stored.Lines.SequenceEqual(System.Text.Encoding.ASCII.GetBytes($"ETag: \"{key}\"\r\n")).ShouldBeTrue();
            var words = stored.BlockBody.Length / 8;
            for (var i = 0; i < words; i++)
                if (BinaryPrimitives.ReadInt64LittleEndian(stored.BlockBody[(i * 8)..]) != ((long)key << 32) + words)
                    throw new InvalidOperationException("Another's bytes.");
            Thread.Yield();
        }
    }
}
