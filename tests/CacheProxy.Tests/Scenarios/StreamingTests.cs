using System.Net;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using static CacheProxy.Tests.Scenarios.StoryTests;

namespace CacheProxy.Tests.Scenarios;

/// <summary>Bodies go on as they come, whatever their size. Apart from other tests, because memory is measured.</summary>
[Collection("memory")]
public sealed class StreamingTests
{
    private const int Large = 64 << 20;
    private const int Margin = 24 << 20;

    private readonly TaskCompletionSource _release = new();
    private readonly TaskCompletionSource _closed = new();

    [Theory]
    [InlineData("text/event-stream")]
    [InlineData("text/event-stream; charset=utf-8")]
    [InlineData("Multipart/X-Mixed-Replace; boundary=x")]
    public async Task Endless_stream_reaches_each_client_event_by_event_and_is_neither_shared_nor_stored(string mediaType)
    {
        var next = new SemaphoreSlim(0);
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Type: {mediaType}\r\nTransfer-Encoding: chunked\r\n\r\n");
            for (var i = 1; i <= 3; i++)
            {
                await next.WaitAsync();
                var text = $"data: {r.Number}-{i}\n\n";
                await r.WriteAsync($"{text.Length:x}\r\n{text}\r\n");
            }
            await r.WaitForCloseAsync();
            _closed.SetResult();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        using var first = await WireClient.SendAsync(proxy.Address, "GET", "/events");
        for (var i = 1; i <= 2; i++)
        {
            next.Release();
            await first.ReadUntilAsync($"data: 1-{i}\n\n");
        }
        // A second client has a stream of its own, from its beginning.
        using var second = await WireClient.SendAsync(proxy.Address, "GET", "/events");
        await Eventually.TrueAsync(() => origin.Requests.Count == 2, "the second client's request has come");
        first.Reset();
        next.Release(4);
        (await second.ReadUntilAsync("data: 2-1\n\n")).ShouldNotContain("data: 1-");
        await _closed.Task.InTimeAsync("the end of the first stream, which nobody reads");
        proxy.Core.Store.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Large_download_takes_no_more_memory_than_its_window()
    {
        var live = new List<long>();
        await using var origin = await KestrelOrigin.StartAsync(context => WriteLargeAsync(context, live));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        await Warm(proxy);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        using var response = await proxy.Client.GetAsync("/large", HttpCompletionOption.ResponseHeadersRead);
        (await HashAsync(await response.Content.ReadAsStreamAsync())).ShouldBe(HashOfLarge());
        (live.Max() - before).ShouldBeLessThan(Margin);
        await proxy.WaitForFetchesAsync();
        proxy.Core.Store.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Large_download_that_waiters_fetch_alone_is_not_kept_for_them()
    {
        var live = new List<long>();
        var requests = 0;
        await using var origin = await KestrelOrigin.StartAsync(async context =>
        {
            Interlocked.Increment(ref requests);
            if (context.Request.Path == "/large")
                await _release.Task;
            context.Response.Headers.CacheControl = "no-store";
            await WriteLargeAsync(context, live);
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        await Warm(proxy);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var clients = Enumerable.Range(0, 2).Select(_ => proxy.Client.GetAsync("/large", HttpCompletionOption.ResponseHeadersRead)).ToArray();
        await proxy.WaitForWaitingAsync(2);
        _release.SetResult();
        var hashes = await Task.WhenAll(clients.Select(async client => await HashAsync(await (await client).Content.ReadAsStreamAsync())));
        hashes.ShouldAllBe(hash => hash == HashOfLarge());
        requests.ShouldBe(3);
        (live.Max() - before).ShouldBeLessThan(Margin);
    }

    [Fact]
    public async Task Large_upload_takes_no_more_memory_than_its_buffers()
    {
        var live = new List<long>();
        await using var origin = await KestrelOrigin.StartAsync(async context =>
        {
            var hash = await HashAsync(context.Request.Body, live);
            await context.Response.WriteAsync(hash);
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        using var content = new LargeContent();
        using var response = await proxy.Client.PostAsync("/upload", content);
        (await Text(response)).ShouldBe(HashOfLarge());
        (live.Max() - before).ShouldBeLessThan(Margin);
    }

    [Fact]
    public async Task Client_that_stops_reading_stops_the_origin_and_not_the_memory()
    {
        var written = 0L;
        await using var origin = await KestrelOrigin.StartAsync(async context =>
        {
            if (context.Request.Method == "OPTIONS")
                return;
            context.Response.Headers.CacheControl = "no-store";
            var piece = new byte[64 << 10];
            context.RequestAborted.Register(_closed.SetResult);
            for (var i = 0; i < 1024 && !context.RequestAborted.IsCancellationRequested; i++)
            {
                await context.Response.BodyWriter.WriteAsync(piece, context.RequestAborted);
                Interlocked.Add(ref written, piece.Length);
            }
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: RunningProxy.Patient);
        using (var stopped = await WireClient.SendAsync(proxy.Address, "GET", "/"))
        {
            await stopped.ReadUntilAsync("200 OK");
            // An origin that is not held back writes on while others are served.
            long last;
            do
            {
                last = Volatile.Read(ref written);
                for (var i = 0; i < 100; i++)
                    (await proxy.SendAsync(HttpMethod.Options, "/")).Dispose();
            }
            while (Volatile.Read(ref written) != last);
            last.ShouldBeLessThan(Large);
            stopped.Reset();
        }
        await _closed.Task.InTimeAsync("the end of the fetch");
    }

    private static async Task Warm(RunningProxy proxy)
    {
        using var response = await proxy.Client.GetAsync("/warm", HttpCompletionOption.ResponseHeadersRead);
        await HashAsync(await response.Content.ReadAsStreamAsync());
    }

    /// <summary>Writes the large body, and now and then notes how much memory is alive.</summary>
    private static async Task WriteLargeAsync(HttpContext context, List<long> live)
    {
        var piece = new byte[64 << 10];
        for (var i = 0; i < Large / piece.Length; i++)
        {
            Fill(piece, i);
            await context.Response.BodyWriter.WriteAsync(piece);
            if (i % 128 == 127)
                Note(live);
        }
    }

    private static async Task<string> HashAsync(Stream stream, List<long>? live = null)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[64 << 10];
        var total = 0L;
        while (await stream.ReadAsync(buffer) is > 0 and var count)
        {
            hash.AppendData(buffer.AsSpan(0, count));
            if (live is not null && (total >> 23) != ((total + count) >> 23))
                Note(live);
            total += count;
        }
        return Convert.ToHexString(hash.GetCurrentHash());
    }

    private static string HashOfLarge()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var piece = new byte[64 << 10];
        for (var i = 0; i < Large / piece.Length; i++)
        {
            Fill(piece, i);
            hash.AppendData(piece);
        }
        return Convert.ToHexString(hash.GetCurrentHash());
    }

    private static void Note(List<long> live)
    {
        lock (live)
            live.Add(GC.GetTotalMemory(forceFullCollection: true));
    }

    private static void Fill(byte[] piece, int number)
    {
        piece.AsSpan().Fill((byte)number);
        BitConverter.TryWriteBytes(piece, number);
    }

    private sealed class LargeContent : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            var piece = new byte[64 << 10];
            for (var i = 0; i < Large / piece.Length; i++)
            {
                Fill(piece, i);
                await stream.WriteAsync(piece);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = Large;
            return true;
        }
    }
}

/// <summary>Tests that measure memory run while no others do.</summary>
[CollectionDefinition("memory", DisableParallelization = true)]
public sealed class MemoryTestGroup;
