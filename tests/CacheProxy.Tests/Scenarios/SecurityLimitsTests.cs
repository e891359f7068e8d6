using CacheProxy.Pipeline;
using CacheProxy.Storage;
using Microsoft.Extensions.DependencyInjection;
using static CacheProxy.Tests.Scenarios.RawClient;

namespace CacheProxy.Tests.Scenarios;

/// <summary>Floods, huge numbers and ranges cost no more than they may.</summary>
public sealed class SecurityLimitsTests
{
    private const long Budget = 1 << 20;

    /// <summary>An entry is in for the moment in which others leave for it.</summary>
    private const long OneMore = 8192;

    [Fact]
    public async Task Query_flood_stays_within_the_memory_budget()
    {
        await using var origin = ScriptedOrigin.Answering(_ => StoryTests.Respond(new string('b', 2000)));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, Small);
        await using var client = await ConnectAsync(proxy);
        for (var i = 0; i < 700; i++)
        {
            await client.SendAsync(Get($"/p?{i}"));
            (await client.ReadAsync()).Status.ShouldBe(200);
            Store(proxy).SizeBytes.ShouldBeLessThanOrEqualTo(Budget + OneMore);
        }
        Store(proxy).Evicted.ShouldBeGreaterThan(0);
        Store(proxy).Count.ShouldBeGreaterThan(100);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(200_000)]
    public async Task Variant_flood_stays_within_the_limit_of_variants_and_the_memory_budget(int bodyLength)
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond(
            r["X-V"] + new string('b', bodyLength - r["X-V"]!.Length), "200 OK", "Vary: X-V\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, Small);
        await using var client = await ConnectAsync(proxy);
        for (var i = 0; i < 200; i++)
        {
            await client.SendAsync(Get("/p", $"X-V: {i}"));
            (await client.ReadAsync()).Body.ShouldStartWith($"{i}b");
            Store(proxy).SizeBytes.ShouldBeLessThanOrEqualTo(Budget);
            // Storing ends just after the answer.
            (Store(proxy).Find("http://site.example/p", proxy.Core.Clock.Now)?.Variants.Length ?? 0).ShouldBeLessThanOrEqualTo(64);
        }
        await client.SendAsync(Get("/p", "X-V: 198"));
        (await client.ReadAsync())["Cache-Status"]!.ShouldContain("; hit"); // the newest stay
    }

    [Fact]
    public async Task No_flight_outlives_its_requests_whatever_becomes_of_them()
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Target.StartsWith("/reset", StringComparison.Ordinal))
                r.Reset();
            else if (r.Target.StartsWith("/cut", StringComparison.Ordinal))
            {
                await r.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
                r.Close();
            }
            else
                await r.WriteAsync(r.Target.StartsWith("/304", StringComparison.Ordinal) ? "HTTP/1.1 304 Not Modified\r\n\r\n" : StoryTests.Respond("ok", "200 OK", "Vary: *\r\n"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, Small);
        foreach (var kind in new[] { "reset", "cut", "304", "star" })
            await Task.WhenAll(Enumerable.Range(0, 20).Select(i => GetAsync(proxy, $"/{kind}/{i % 4}", i % 3 == 0 ? "Cookie: a" : "X: y")));
        for (var i = 0; i < 200 && Core(proxy).Coalescer.Count > 0; i++)
            await GetAsync(proxy, "/refused/../x"); // a flight ends just after its answer
        Core(proxy).Coalescer.Count.ShouldBe(0);
    }

    [Theory]
    [InlineData("bytes=0-1", 206, "01")]
    [InlineData("bytes=8-99999999999999999999", 206, "89")]
    [InlineData("bytes=8-9223372036854775807", 206, "89")]
    [InlineData("bytes=-9223372036854775807", 206, "0123456789")]
    [InlineData("bytes=-99999999999999999999", 206, "0123456789")]
    [InlineData("bytes=99999999999999999999-", 416, "")]
    [InlineData("bytes=9223372036854775807-", 416, "")]
    [InlineData("bytes=18446744073709551615-", 416, "")]
    [InlineData("bytes=10-", 416, "")]
    [InlineData("bytes=-0", 416, "")]
    [InlineData("bytes=5-2", 200, "0123456789")]
    [InlineData("bytes=0-0,1-1,2-2,3-3,4-4,5-5", 200, "0123456789")]
    [InlineData("bytes=0-,0-,0-,0-", 200, "0123456789")]
    [InlineData("bytes=0-5,3-8", 200, "0123456789")]
    [InlineData("bytes=-1,-1,-1", 200, "0123456789")]
    [InlineData("bytes=--1", 200, "0123456789")]
    [InlineData("bytes=+1-2", 200, "0123456789")]
    [InlineData("bytes=0x1-2", 200, "0123456789")]
    [InlineData("bytes=", 200, "0123456789")]
    [InlineData("bytes=-", 200, "0123456789")]
    [InlineData("items=0-1", 200, "0123456789")]
    [InlineData("bytes=0-1\r\nRange: bytes=2-3", 200, "0123456789")]
    public async Task Range_is_one_part_of_the_stored_whole_or_the_whole(string range, int status, string body)
    {
        await using var origin = ScriptedOrigin.Answering(_ => StoryTests.Respond("0123456789"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        foreach (var _ in new[] { "cold", "warm" })
        {
            var response = await GetAsync(proxy, "/p", $"Range: {range}");
            response.Status.ShouldBe(status);
            if (status != 416)
                response.Body.ShouldBe(body);
        }
        (await GetAsync(proxy, "/p")).Body.ShouldBe("0123456789");
        origin.Requests.Single()["Range"].ShouldBeNull();
    }

    [Fact]
    public async Task Thousand_ranges_are_the_whole_once()
    {
        await using var origin = ScriptedOrigin.Answering(_ => StoryTests.Respond("0123456789"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var ranges = "bytes=" + string.Join(',', Enumerable.Range(0, 1000).Select(_ => "0-"));
        (await GetAsync(proxy, "/p", $"Range: {ranges}")).Body.ShouldBe("0123456789");
        (await GetAsync(proxy, "/p", $"Range: {ranges}")).Body.ShouldBe("0123456789");
    }

    [Theory]
    [InlineData("Cache-Control: max-age=2147483648")]
    [InlineData("Cache-Control: max-age=99999999999999999999999999")]
    [InlineData("Cache-Control: s-maxage=9223372036854775808, stale-while-revalidate=99999999999999999999, stale-if-error=99999999999999999999")]
    [InlineData("Expires: Fri, 31 Dec 9999 23:59:59 GMT")]
    [InlineData("Cache-Control: max-age=60\r\nDate: Fri, 31 Dec 9999 23:59:59 GMT")]
    [InlineData("Cache-Control: max-age=60\r\nLast-Modified: Mon, 01 Jan 0001 00:00:00 GMT")]
    [InlineData("Cache-Control: max-age=60\r\nAge: -1")]
    public async Task Huge_numbers_are_bounded_and_never_throw(string fields)
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond($"body {r.Number}", "200 OK", fields + "\r\n"));
        foreach (var profile in new[] { CacheProfile.OneMinute, CacheProfile.Rfc9111 })
        {
            await using var proxy = await RunningProxy.StartAsync(origin.Address, o => o.Profile = profile);
            var first = (await GetAsync(proxy, "/p")).Body;
            (await GetAsync(proxy, "/p")).Body.ShouldBe(first);
            proxy.Time.Advance(TimeSpan.FromDays(366 * 69));
            (await GetAsync(proxy, "/p")).Status.ShouldBe(200);
        }
    }

    private static void Small(CacheProxyOptions options)
    {
        options.MemoryBudgetBytes = Budget;
        options.MaxBodyBytes = Budget / 4;
    }

    private static CacheCore Core(RunningProxy proxy) => proxy.Services.GetRequiredService<CacheCore>();

    private static ResponseStore Store(RunningProxy proxy) => Core(proxy).Store;
}
