using System.Net;
using CacheProxy.Invalidation;
using CacheProxy.Pipeline;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Tests.Scenarios;

/// <summary>Ranges of what is too large to be stored whole: stored in parts, put together, and never of two versions.</summary>
public sealed class PartTests
{
    private const int Part = 64 << 10;
    private const int Last = FileOrigin.Length - 1;

    [Fact]
    public async Task Range_of_a_large_body_is_stored_in_parts_and_answered_from_them()
    {
        await using var origin = new FileOrigin { Fields = "Cache-Control: max-age=60\r\nX-Kept: yes\r\n" };
        await using var proxy = await StartAsync(origin);

        var miss = await AskAsync(proxy, "bytes=100-199");
        miss.ShouldBe((206, 1, 100, 199));
        miss.CacheStatus.ShouldBe("CacheProxy; fwd=uri-miss; fwd-status=206; ttl=60; stored");
        await proxy.WaitForFetchesAsync();

        proxy.Time.Advance(TimeSpan.FromSeconds(5));
        foreach (var (range, first, last) in new[] { ("bytes=0-9", 0, 9), ("bytes=150-65535", 150, Part - 1) })
        {
            var hit = await AskAsync(proxy, range);
            hit.ShouldBe((206, 1, first, last));
            hit.CacheStatus.ShouldBe("CacheProxy; hit; ttl=55");
            (hit.Response.Headers.Age, hit["X-Kept"]).ShouldBe((TimeSpan.FromSeconds(5), "yes"));
        }
        origin.Asked.ShouldBe([null, "bytes=0-65535"]);
        origin.Requests[1]["If-Range"].ShouldBe(FileOrigin.TagOf(1));
    }

    [Fact]
    public async Task What_is_missing_on_both_sides_is_asked_for_and_all_together_is_the_whole()
    {
        await using var origin = new FileOrigin();
        await using var proxy = await StartAsync(origin);
        (await AskAsync(proxy, "bytes=140000-140001")).ShouldBe((206, 1, 140000, 140001));
        await proxy.WaitForFetchesAsync();

        var part = await AskAsync(proxy, "bytes=10-299998");
        part.ShouldBe((206, 1, 10, Last - 1));
        part.CacheStatus.ShouldBe("CacheProxy; fwd=partial; fwd-status=206; ttl=60; stored");
        origin.Asked.ShouldBe([null, "bytes=131072-196607", "bytes=0-131071", "bytes=196608-299999"]);
        await Eventually.TrueAsync(() => proxy.Core.Store.Count == 6, "a head and five parts are stored");

        var whole = await AskAsync(proxy);
        whole.ShouldBe((200, 1, 0, Last));
        whole.CacheStatus.ShouldStartWith("CacheProxy; hit");
        origin.Asked.Count().ShouldBe(4);
    }

    [Fact]
    public async Task However_scattered_the_parts_are_few_requests_bring_the_rest()
    {
        const int size = 11 * Part;
        await using var origin = new FileOrigin { Size = size };
        await using var proxy = await StartAsync(origin);
        for (var index = 1; index < 11; index += 2)
        {
            (await AskAsync(proxy, $"bytes={index * Part}-{index * Part}")).ShouldBe((206, 1, index * Part, index * Part), size);
            await proxy.WaitForFetchesAsync();
        }
        var before = origin.Asked.Count();
        (await AskAsync(proxy, "bytes=0-")).ShouldBe((206, 1, 0, size - 1), size);
        origin.Asked.Skip(before).ShouldBe(["bytes=0-65535", "bytes=131072-196607", "bytes=262144-720895"]);
    }

    [Theory]
    [InlineData("bytes=-10", Last - 9, Last)]
    [InlineData("bytes=-999999", 0, Last)]
    [InlineData("bytes=299000-", 299000, Last)]
    [InlineData("bytes=299999-299999", Last, Last)]
    [InlineData("bytes=65535-65536", 65535, 65536)]
    [InlineData("bytes=65536-131071", 65536, 131071)]
    [InlineData("bytes=0-9999999999", 0, Last)]
    public async Task Any_range_is_cut_out_where_it_belongs(string range, int first, int last)
    {
        await using var origin = new FileOrigin();
        await using var proxy = await StartAsync(origin);
        (await AskAsync(proxy, range)).ShouldBe((206, 1, first, last));
        var stored = (last / Part) - (first / Part) + 2;
        await Eventually.TrueAsync(() => proxy.Core.Store.Count == stored, "its parts are stored to their ends, and the head");
        var count = origin.Requests.Count;
        var hit = await AskAsync(proxy, range);
        hit.ShouldBe((206, 1, first, last));
        (hit.CacheStatus.Contains("hit", StringComparison.Ordinal), origin.Requests.Count).ShouldBe((true, count));
    }

    [Fact]
    public async Task Get_of_the_whole_is_never_given_a_part()
    {
        await using var origin = new FileOrigin();
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=0-65535");
        var whole = await AskAsync(proxy);
        whole.ShouldBe((200, 1, 0, Last));
        whole.CacheStatus.ShouldNotContain("hit");
        origin.Asked.ShouldBe([null, "bytes=0-65535", null]);
    }

    [Fact]
    public async Task Head_conditions_and_unsatisfiable_ranges_are_answered_from_the_head_alone()
    {
        await using var origin = new FileOrigin();
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=0-0");
        await proxy.WaitForFetchesAsync();
        var head = await proxy.SendAsync(HttpMethod.Head, "/");
        (head.StatusCode, head.Content.Headers.ContentLength).ShouldBe((HttpStatusCode.OK, FileOrigin.Length));
        (await proxy.GetAsync("/", "If-None-Match: \"v1\"")).StatusCode.ShouldBe(HttpStatusCode.NotModified);
        var beyond = await proxy.GetAsync("/", "Range: bytes=300000-");
        (beyond.StatusCode, beyond.Content.Headers.ContentRange!.ToString()).ShouldBe((HttpStatusCode.RequestedRangeNotSatisfiable, "bytes */300000"));
        origin.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task If_Range_of_another_version_gets_the_whole()
    {
        await using var origin = new FileOrigin();
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=0-");
        await proxy.WaitForFetchesAsync();
        (await AskAsync(proxy, "bytes=5-9", "If-Range: \"v1\"")).ShouldBe((206, 1, 5, 9));
        (await AskAsync(proxy, "bytes=5-9", "If-Range: \"v0\"")).ShouldBe((200, 1, 0, Last));
        (await AskAsync(proxy, "bytes=5-9", "If-Range: W/\"v1\"")).ShouldBe((200, 1, 0, Last));
        origin.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Several_ranges_go_to_the_origin()
    {
        await using var origin = new FileOrigin { Instead = async r => r["Range"] == "bytes=0-1,5-6" && await Answered(r.WriteAsync("HTTP/1.1 206 Partial Content\r\nContent-Length: 4\r\nContent-Type: multipart/byteranges; boundary=x\r\n\r\nmany")) };
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=0-");
        await proxy.WaitForFetchesAsync();
        (await (await proxy.GetAsync("/", "Range: bytes=0-1,5-6")).Content.ReadAsStringAsync()).ShouldBe("many");
    }

    [Theory]
    [InlineData("200")]
    [InlineData("206")]
    public async Task Another_version_replaces_what_was_stored_and_is_never_put_together_with_it(string answer)
    {
        await using var origin = new FileOrigin();
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=0-9");
        await proxy.WaitForFetchesAsync();
        origin.Version = 2;
        if (answer == "206") // an origin that does not know If-Range
            origin.Instead = async r => r["Range"] is { } range && FileOrigin.Read(range, FileOrigin.Length) is var (first, last) && await Answered(origin.WritePartAsync(r, 2, first, last));

        (await AskAsync(proxy, "bytes=0-9")).ShouldBe((206, 1, 0, 9)); // it is fresh
        (await AskAsync(proxy, "bytes=0-99999")).ShouldBe((206, 2, 0, 99999));
        proxy.Time.Advance(TimeSpan.FromSeconds(11)); // what was found out is forgotten
        (await AskAsync(proxy, "bytes=0-99999")).ShouldBe((206, 2, 0, 99999));
        await Eventually.TrueAsync(() => proxy.Core.Store.Count == 3, "a head and two parts are stored");
        var hit = await AskAsync(proxy, "bytes=5-131071");
        hit.ShouldBe((206, 2, 5, 131071));
        hit.CacheStatus.ShouldStartWith("CacheProxy; hit");
    }

    [Fact]
    public async Task Who_finds_another_version_begins_anew_with_its_parts()
    {
        await using var origin = new FileOrigin();
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=0-9");
        await proxy.WaitForFetchesAsync();
        proxy.Time.Advance(TimeSpan.FromSeconds(11));
        origin.Version = 2;
        var found = await AskAsync(proxy, "bytes=70000-70009");
        found.ShouldBe((206, 2, 70000, 70009));
        found.CacheStatus.ShouldEndWith("; stored");
        origin.Requests.Skip(2).Select(r => (r["Range"], r["If-Range"])).ShouldBe([("bytes=65536-131071", "\"v1\""), ("bytes=65536-131071", "\"v2\"")]);
    }

    [Fact]
    public async Task An_origin_that_gives_another_tag_each_time_is_asked_once_for_each_range()
    {
        await using var origin = new FileOrigin();
        origin.Instead = r =>
        {
            origin.Version++;
            return Task.FromResult(false);
        };
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=5-9");
        var before = origin.Asked.Count();
        await AskAsync(proxy, "bytes=5-9");
        await AskAsync(proxy, "bytes=70000-70009");
        await AskAsync(proxy, "bytes=70000-70009");
        origin.Asked.Skip(before).ShouldBe(["bytes=5-9", "bytes=70000-70009", "bytes=70000-70009"]);
    }

    [Fact]
    public async Task An_origin_without_ranges_is_left_to_answer_as_it_does()
    {
        await using var origin = new FileOrigin();
        origin.Instead = async r =>
        {
            await r.WriteAsync(origin.HeadOf(1, "200 OK", FileOrigin.Length));
            await r.WriteAsync(FileOrigin.Bytes(1));
            return true;
        };
        await using var proxy = await StartAsync(origin);
        for (var i = 0; i < 3; i++)
            (await AskAsync(proxy, "bytes=5-9")).ShouldBe((200, 1, 0, Last));
        origin.Asked.ShouldBe([null, "bytes=0-65535", "bytes=5-9", "bytes=5-9", "bytes=5-9"]);
    }

    [Fact]
    public async Task A_416_drops_what_was_stored()
    {
        await using var origin = new FileOrigin();
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=0-9");
        await proxy.WaitForFetchesAsync();
        origin.Instead = async r => r["Range"] is not null && await Answered(r.WriteAsync("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nContent-Range: bytes */5\r\n\r\n"));
        var answer = await proxy.GetAsync("/", "Range: bytes=70000-70001");
        (answer.StatusCode, answer.Content.Headers.ContentRange!.ToString()).ShouldBe((HttpStatusCode.RequestedRangeNotSatisfiable, "bytes */5"));
        (await proxy.GetAsync("/", "Range: bytes=0-9", "Cache-Control: only-if-cached")).StatusCode.ShouldBe(HttpStatusCode.GatewayTimeout);
    }

    [Theory]
    [InlineData("Content-Length: 10\r\nETag: \"v1\"\r\nContent-Range: bytes 0-65535/300000", "0123456789", "content-range")]
    [InlineData("Content-Length: 10\r\nETag: \"v1\"\r\nContent-Range: bytes 1-10/300000", "0123456789", "content-range")]
    [InlineData("Content-Length: 10\r\nETag: \"v1\"\r\nContent-Range: bytes 0-9/*", "0123456789", "content-range")]
    [InlineData("Content-Length: 10\r\nETag: \"v1\"\r\nContent-Range: bytes", "0123456789", "content-range")]
    [InlineData("Content-Length: 10\r\nETag: \"v1\"", "0123456789", "content-range")]
    [InlineData("Content-Length: 10\r\nETag: \"v1\"\r\nContent-Type: multipart/byteranges; boundary=x", "0123456789", "content-range")]
    [InlineData("Transfer-Encoding: chunked\r\nETag: \"v1\"\r\nContent-Range: bytes 0-65535/300000", "a\r\n0123456789\r\n0\r\n\r\n", "content-range")]
    [InlineData("Content-Length: 65536\r\nContent-Range: bytes 0-65535/300000", "PART", "no-strong-validator")]
    [InlineData("Content-Length: 65536\r\nETag: W/\"v1\"\r\nContent-Range: bytes 0-65535/300000", "PART", "no-strong-validator")]
    [InlineData("Content-Length: 65536\r\nETag: \"v2\"\r\nContent-Range: bytes 0-65535/300000", "PART", "changed")]
    [InlineData("Content-Length: 65536\r\nETag: \"v1\"\r\nContent-Range: bytes 0-65535/300001", "PART", "changed")]
    [InlineData("Content-Length: 65536\r\nETag: \"v1\"\r\nContent-Range: bytes 0-65535/300000\r\nCache-Control: no-store", "PART", "no-store")]
    [InlineData("Content-Length: 65536\r\nETag: \"v1\"\r\nContent-Range: bytes 0-65535/300000\r\nCache-Control: private", "PART", "private")]
    [InlineData("Content-Length: 65536\r\nETag: \"v1\"\r\nContent-Range: bytes 0-65535/300000\r\nVary: *", "PART", "vary-star")]
    [InlineData("Content-Length: 65536\r\nETag: \"v1\"\r\nContent-Range: bytes 0-65535/300000\r\nSet-Cookie: a=b", "PART", "set-cookie")]
    public async Task A_part_that_may_not_be_stored_is_not_and_the_reason_is_told(string fields, string body, string detail)
    {
        await using var origin = new FileOrigin();
        origin.Instead = async r => r["Range"] == "bytes=0-65535"
            && await Answered(r.WriteAsync($"HTTP/1.1 206 Partial Content\r\n{fields}\r\n\r\n{(body == "PART" ? new string('x', Part) : body)}"));
        await using var proxy = await StartAsync(origin);
        for (var i = 0; i < 2; i++)
        {
            var answer = await AskAsync(proxy, "bytes=5-9"); // which it answers as it should
            answer.ShouldBe((206, 1, 5, 9));
            answer.CacheStatus.ShouldEndWith($"; detail={detail}");
        }
        proxy.Core.Store.Count.ShouldBe(0);
        origin.Asked.ShouldBe([null, "bytes=0-65535", "bytes=5-9", "bytes=5-9"]);
    }

    [Theory]
    [InlineData("Cache-Control: max-age=60\r\nETag: W/\"v1\"")]
    [InlineData("Cache-Control: max-age=60\r\nLast-Modified: Mon, 05 Jan 2026 11:00:00 GMT")]
    [InlineData("Cache-Control: no-store\r\nETag: \"v1\"")]
    [InlineData("Cache-Control: private\r\nETag: \"v1\"")]
    [InlineData("Cache-Control: max-age=60\r\nETag: \"v1\"\r\nAccept-Ranges: none")]
    [InlineData("Cache-Control: max-age=60\r\nETag: \"v1\"\r\nVary: Accept, range")]
    public async Task Range_of_what_may_not_be_stored_in_parts_goes_to_the_origin_as_it_came(string fields)
    {
        await using var origin = new FileOrigin();
        origin.Instead = async r =>
        {
            var range = r["Range"] is { } asked ? FileOrigin.Read(asked, FileOrigin.Length) : (0, Last);
            var bytes = FileOrigin.Slice(1, range.Item1, range.Item2);
            await r.WriteAsync($"HTTP/1.1 {(r["Range"] is null ? "200 OK" : $"206 Partial Content\r\nContent-Range: bytes {range.Item1}-{range.Item2}/{FileOrigin.Length}")}\r\nContent-Length: {bytes.Length}\r\n{fields}\r\n\r\n");
            await r.WriteAsync(bytes);
            return true;
        };
        await using var proxy = await StartAsync(origin);
        for (var i = 0; i < 2; i++)
            (await (await proxy.GetAsync("/", "Range: bytes=5-9")).Content.ReadAsByteArrayAsync()).ShouldBe(FileOrigin.Slice(1, 5, 9));
        origin.Asked.ShouldBe([null, "bytes=5-9", "bytes=5-9"]);
        proxy.Core.Store.Count.ShouldBe(0);
    }

    [Fact]
    public async Task A_body_that_is_always_cut_never_ends_cleanly_and_only_its_whole_parts_are_stored()
    {
        await using var origin = new FileOrigin();
        origin.Instead = async r =>
        {
            if (r["Range"] is not { } range)
                return false;
            var (first, last) = FileOrigin.Read(range, FileOrigin.Length);
            await r.WriteAsync(origin.HeadOf(1, "206 Partial Content", (int)(last - first + 1), $"Content-Range: bytes {first}-{last}/{FileOrigin.Length}\r\n"));
            await r.WriteAsync(FileOrigin.Slice(1, first, Math.Min(last, 100_000)));
            r.Close();
            return true;
        };
        await using var proxy = await StartAsync(origin);
        await Should.ThrowAsync<HttpRequestException>(() => AskAsync(proxy, "bytes=0-199999"));
        origin.Asked.Take(3).ShouldBe([null, "bytes=0-262143", "bytes=65536-262143"]);
        origin.Instead = null;
        await proxy.WaitForFetchesAsync();
        (await AskAsync(proxy, "bytes=0-65535", "Cache-Control: only-if-cached")).StatusCode.ShouldBe(504, "for a while its parts are not used");
        (await ExplainAsync(proxy, "bytes=0-65535")).Verdict.ShouldBe("fetch");
        proxy.Time.Advance(TimeSpan.FromSeconds(11));
        (await AskAsync(proxy, "bytes=0-65535", "Cache-Control: only-if-cached")).ShouldBe((206, 1, 0, Part - 1));
        (await ExplainAsync(proxy, "bytes=0-65535")).Verdict.ShouldBe("hit");
        (await AskAsync(proxy, "bytes=65536-65536", "Cache-Control: only-if-cached")).StatusCode.ShouldBe(504);
    }

    [Fact]
    public async Task A_body_that_is_cut_once_is_completed()
    {
        await using var origin = new FileOrigin();
        origin.Instead = async r =>
        {
            if (r["Range"] != "bytes=0-262143")
                return false;
            await r.WriteAsync(origin.HeadOf(1, "206 Partial Content", 262144, "Content-Range: bytes 0-262143/300000\r\n"));
            await r.WriteAsync(FileOrigin.Slice(1, 0, 100_000));
            r.Close();
            return true;
        };
        await using var proxy = await StartAsync(origin);
        (await AskAsync(proxy, "bytes=10-199999")).ShouldBe((206, 1, 10, 199999));
        origin.Asked.ShouldBe([null, "bytes=0-262143", "bytes=65536-262143"]);
    }

    [Fact]
    public async Task A_version_that_comes_while_an_answer_is_under_way_breaks_it_off()
    {
        await using var origin = new FileOrigin();
        origin.Instead = async r =>
        {
            if (r["Range"] != "bytes=0-131071")
                return false;
            origin.Version = 2;
            return await Answered(origin.WritePartAsync(r, 1, 0, 131071));
        };
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=131072-131072");
        await proxy.WaitForFetchesAsync();
        await Should.ThrowAsync<HttpRequestException>(() => AskAsync(proxy, "bytes=0-"));
        (await AskAsync(proxy, "bytes=0-")).ShouldBe((206, 2, 0, Last)); // by the origin itself
    }

    [Theory]
    [InlineData("""{"url": "URL"}""")]
    [InlineData("""{"prefix": "URL"}""")]
    [InlineData("""{"pattern": "file$"}""")]
    [InlineData("""{"tag": "files"}""")]
    [InlineData("""{"all": true}""")]
    [InlineData("POST")]
    public async Task What_was_read_before_an_invalidation_is_not_stored_nor_used_after_it(string how)
    {
        var gate = new TaskCompletionSource();
        await using var origin = new FileOrigin { Fields = "Cache-Control: max-age=60\r\nSurrogate-Key: files\r\n" };
        origin.Instead = async r =>
        {
            if (r["Range"] != "bytes=65536-131071")
                return false;
            await r.WriteAsync(origin.HeadOf(1, "206 Partial Content", Part, "Content-Range: bytes 65536-131071/300000\r\n"));
            await r.WriteAsync(FileOrigin.Slice(1, 65536, 100_000));
            await gate.Task;
            await r.WriteAsync(FileOrigin.Slice(1, 100_001, 131071));
            return true;
        };
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=0-1", "/file");
        await proxy.WaitForFetchesAsync();
        using var asking = new HttpRequestMessage(HttpMethod.Get, "/file");
        asking.Headers.TryAddWithoutValidation("Range", "bytes=0-131071");
        using var answering = await proxy.Client.SendAsync(asking, HttpCompletionOption.ResponseHeadersRead);
        var body = await answering.Content.ReadAsStreamAsync();
        var bytes = new byte[131072];
        await body.ReadExactlyAsync(bytes.AsMemory(0, 100_001)); // what was stored, and half of what is missing

        if (how == "POST")
            (await proxy.SendAsync(HttpMethod.Post, "/file")).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        else
            await proxy.Core.Invalidator.PurgeAsync(PurgeOrder.Read(System.Text.Json.JsonDocument.Parse(how.Replace("URL", $"{proxy.Address}file", StringComparison.Ordinal)).RootElement, [])!, TimeSpan.Zero, default);
        gate.SetResult();
        await body.ReadExactlyAsync(bytes.AsMemory(100_001));
        bytes.AsSpan().SequenceEqual(FileOrigin.Slice(1, 0, 131071)).ShouldBeTrue(); // who asked before may have what was before
        await proxy.WaitForFetchesAsync();
        await Eventually.TrueAsync(() => proxy.Core.Store.Count == 0, "nothing is left of it");

        origin.Instead = null;
        proxy.Time.Advance(TimeSpan.FromSeconds(11));
        (await AskAsync(proxy, "bytes=0-131071", "/file")).ShouldBe((206, how == "POST" ? 2 : 1, 0, 131071));
        origin.Asked.Skip(3).ShouldBe([null, "bytes=0-131071"]);
    }

    [Fact]
    public async Task What_is_purged_while_an_answer_is_under_way_does_not_live_on_in_its_head()
    {
        var gate = new TaskCompletionSource();
        await using var origin = new FileOrigin();
        origin.Instead = async r =>
        {
            if (r["Range"] is null)
            {
                await r.WriteAsync(origin.HeadOf(1, "200 OK", FileOrigin.Length, "X-Secret: of before\r\n"));
                return await Answered(r.WriteAsync(FileOrigin.Bytes(1)));
            }
            if (r["Range"] == "bytes=0-65535")
                await gate.Task;
            return false;
        };
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=65536-65536");
        await proxy.WaitForFetchesAsync();
        var asking = AskAsync(proxy, "bytes=0-200000"); // what is stored is in the middle
        await Eventually.TrueAsync(() => origin.Requests.Count == 3, "the first part is asked for");
        await proxy.Core.Invalidator.PurgeAsync(PurgeOrder.Read(System.Text.Json.JsonDocument.Parse("""{"all": true}""").RootElement, [])!, TimeSpan.Zero, default);
        gate.SetResult();
        (await asking).ShouldBe((206, 1, 0, 200000));
        await proxy.WaitForFetchesAsync();
        origin.Instead = null;
        var after = await AskAsync(proxy, "bytes=140000-140009");
        after.ShouldBe((206, 1, 140000, 140009));
        after["X-Secret"].ShouldBeNull();
    }

    [Fact]
    public async Task A_tag_that_the_head_was_given_later_reaches_the_parts_of_before()
    {
        await using var origin = new FileOrigin { Fields = "Cache-Control: max-age=60\r\nSurrogate-Key: one\r\n" };
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=0-9");
        await proxy.WaitForFetchesAsync();
        origin.Fields = "Cache-Control: max-age=60\r\nSurrogate-Key: two\r\n";
        proxy.Time.Advance(TimeSpan.FromSeconds(61));
        (await AskAsync(proxy, "bytes=5-9")).CacheStatus.ShouldStartWith("CacheProxy; fwd=stale; fwd-status=304");
        await proxy.Core.Invalidator.PurgeAsync(PurgeOrder.Read(System.Text.Json.JsonDocument.Parse("""{"tag": "two"}""").RootElement, [])!, TimeSpan.Zero, default);
        (await AskAsync(proxy, "bytes=5-9")).ShouldBe((206, 1, 5, 9));
        origin.Asked.Skip(3).ShouldBe([null, "bytes=0-65535"]);
    }

    [Theory]
    [InlineData(FileOrigin.Length)]
    [InlineData(60_000)]
    public async Task A_digest_of_the_whole_is_not_told_of_a_part(int size)
    {
        await using var origin = new FileOrigin { Size = size, Fields = "Cache-Control: max-age=60\r\nContent-Digest: sha-256=:AA==:\r\nContent-MD5: AA==\r\nRepr-Digest: sha-256=:AA==:\r\n" };
        await using var proxy = await StartAsync(origin);
        for (var i = 0; i < 2; i++)
        {
            var part = await AskAsync(proxy, "bytes=5-9");
            part.ShouldBe((206, 1, 5, 9), size);
            (part["Content-Digest"], part.Response.Content.Headers.ContentMD5, part["Repr-Digest"]).ShouldBe((null, null, "sha-256=:AA==:"));
            await proxy.WaitForFetchesAsync();
        }
        await AskAsync(proxy, "bytes=0-");
        await proxy.WaitForFetchesAsync();
        (await AskAsync(proxy))["Content-Digest"].ShouldBe("sha-256=:AA==:");
    }

    [Fact]
    public async Task Stale_parts_are_asked_about_and_live_on_while_they_are_unchanged()
    {
        await using var origin = new FileOrigin();
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=0-9");
        await proxy.WaitForFetchesAsync();
        proxy.Time.Advance(TimeSpan.FromSeconds(61));
        var validated = await AskAsync(proxy, "bytes=5-9");
        validated.ShouldBe((206, 1, 5, 9));
        validated.CacheStatus.ShouldBe("CacheProxy; fwd=stale; fwd-status=304; ttl=60; stored");
        (origin.Requests[^1]["If-None-Match"], origin.Requests[^1]["Range"], origin.Requests.Count).ShouldBe(("\"v1\"", null, 3));
        (await AskAsync(proxy, "bytes=6-9")).CacheStatus.ShouldStartWith("CacheProxy; hit");

        proxy.Time.Advance(TimeSpan.FromSeconds(61));
        origin.Version = 2;
        (await AskAsync(proxy, "bytes=5-9")).ShouldBe((206, 2, 5, 9));
    }

    [Fact]
    public async Task A_head_that_goes_to_the_origin_freshens_parts_or_drops_them()
    {
        await using var origin = new FileOrigin();
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=0-9");
        await proxy.WaitForFetchesAsync();
        proxy.Time.Advance(TimeSpan.FromSeconds(61));
        (await proxy.SendAsync(HttpMethod.Head, "/")).Content.Headers.ContentLength.ShouldBe(FileOrigin.Length);
        var hit = await AskAsync(proxy, "bytes=5-9");
        hit.ShouldBe((206, 1, 5, 9));
        hit.CacheStatus.ShouldBe("CacheProxy; hit; ttl=60");

        proxy.Time.Advance(TimeSpan.FromSeconds(61));
        origin.Version = 2;
        await proxy.SendAsync(HttpMethod.Head, "/");
        (await AskAsync(proxy, "bytes=5-9")).ShouldBe((206, 2, 5, 9));
    }

    [Fact]
    public async Task A_client_with_authorization_neither_stores_parts_nor_drops_them()
    {
        await using var origin = new FileOrigin();
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=0-9");
        await proxy.WaitForFetchesAsync();
        (await AskAsync(proxy, "bytes=70000-70001", "Authorization: Basic 1")).ShouldBe((206, 1, 70000, 70001));
        (await AskAsync(proxy, "bytes=70000-70001", "Cache-Control: only-if-cached")).StatusCode.ShouldBe(504);
        (await AskAsync(proxy, "bytes=5-9", "Cache-Control: only-if-cached")).ShouldBe((206, 1, 5, 9));
    }

    [Fact]
    public async Task Parts_of_variants_are_kept_apart()
    {
        await using var origin = new FileOrigin { Fields = "Cache-Control: max-age=60\r\nVary: X-Variant\r\n" };
        origin.Instead = r =>
        {
            origin.Version = int.Parse(r["X-Variant"]!, null);
            return Task.FromResult(false);
        };
        await using var proxy = await StartAsync(origin);
        for (var round = 0; round < 2; round++)
        {
            for (var variant = 1; variant <= 2; variant++)
            {
                var answer = await AskAsync(proxy, "bytes=5-131071", $"X-Variant: {variant}");
                answer.ShouldBe((206, variant, 5, 131071));
                answer.CacheStatus.Contains("hit", StringComparison.Ordinal).ShouldBe(round == 1);
                await proxy.WaitForFetchesAsync();
                proxy.Time.Advance(TimeSpan.FromSeconds(11));
            }
        }
    }

    [Fact]
    public async Task Clients_that_need_the_same_parts_make_one_request()
    {
        var gate = new TaskCompletionSource();
        await using var origin = new FileOrigin();
        origin.Instead = async r =>
        {
            if (r["Range"] is not null)
                await gate.Task;
            return false;
        };
        await using var proxy = await StartAsync(origin);
        var all = Enumerable.Range(0, 20).Select(i => AskAsync(proxy, $"bytes={i}-{60000 + i}")).ToArray();
        await Eventually.TrueAsync(() => proxy.Waiting == 20 && origin.Requests.Count > 1, "all wait");
        gate.SetResult();
        var answers = await Task.WhenAll(all);
        for (var i = 0; i < answers.Length; i++)
            answers[i].ShouldBe((206, 1, i, 60000 + i));
        origin.Asked.ShouldBe([null, "bytes=0-65535"]);
    }

    [Fact]
    public async Task Parts_of_one_url_take_half_of_the_budget_at_most_and_give_way_to_others()
    {
        await using var origin = new FileOrigin { Size = 2_000_000 };
        await using var proxy = await StartAsync(origin, options => options.MemoryBudgetBytes = 1 << 20);
        for (var round = 0; round < 2; round++)
            for (var first = 0; first < 2_000_000; first += 70_000)
                (await AskAsync(proxy, $"bytes={first}-{first + 9}")).ShouldBe((206, 1, first, first + 9), 2_000_000);
        await proxy.WaitForFetchesAsync();
        proxy.Core.Store.Count.ShouldBeLessThanOrEqualTo(9);
        proxy.Core.Store.SizeBytes.ShouldBeLessThan(540_000);
        for (var i = 0; i < 12; i++)
            (await AskAsync(proxy, "bytes=0-9", $"/{i}")).ShouldBe((206, 1, 0, 9), 2_000_000);
        await proxy.WaitForFetchesAsync();
        proxy.Core.Store.Evicted.ShouldBeGreaterThan(0);
        proxy.Core.Store.SizeBytes.ShouldBeLessThanOrEqualTo(1 << 20);
        (await AskAsync(proxy, "bytes=0-")).ShouldBe((206, 1, 0, 1_999_999), 2_000_000);
    }

    [Fact]
    public async Task However_many_long_downloads_dawdle_others_are_still_recorded()
    {
        var gate = new TaskCompletionSource();
        await using var origin = new FileOrigin();
        origin.Instead = async r =>
        {
            if (r.Target == "/small")
                return await Answered(r.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nCache-Control: max-age=60\r\n\r\nbody"));
            if (r["Range"] is null)
                return false;
            await r.WriteAsync(origin.HeadOf(1, "206 Partial Content", FileOrigin.Length, "Content-Range: bytes 0-299999/300000\r\n"));
            await r.WriteAsync(FileOrigin.Slice(1, 0, 99));
            await gate.Task;
            await r.WriteAsync(FileOrigin.Slice(1, 100, Last));
            return true;
        };
        await using var proxy = await StartAsync(origin, options => options.RecordingBudgetBytes = 1 << 20);
        var downloads = new List<Task<Answer>>();
        for (var i = 0; i < (1 << 20) / Part; i++)
            downloads.Add(AskAsync(proxy, "bytes=0-", $"/{i}"));
        await Eventually.TrueAsync(() => origin.Requests.Count == 2 * downloads.Count, "all are under way");
        for (var i = 0; i < 2; i++)
            (await (await proxy.GetAsync("/small")).Content.ReadAsStringAsync()).ShouldBe("body");
        origin.Requests.Count(r => r.Target == "/small").ShouldBe(1);
        gate.SetResult();
        foreach (var download in downloads)
            (await download).ShouldBe((206, 1, 0, Last));
    }

    [Fact]
    public async Task Only_if_cached_is_answered_from_what_is_there()
    {
        await using var origin = new FileOrigin();
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=0-9");
        await proxy.WaitForFetchesAsync();
        (await AskAsync(proxy, "bytes=5-9", "Cache-Control: only-if-cached")).ShouldBe((206, 1, 5, 9));
        (await AskAsync(proxy, "bytes=5-65536", "Cache-Control: only-if-cached")).StatusCode.ShouldBe(504);
        (await AskAsync(proxy, null, "Cache-Control: only-if-cached")).StatusCode.ShouldBe(504);
    }

    [Fact]
    public async Task An_origin_that_fails_while_parts_are_missing_fails_those_who_need_them_alone()
    {
        await using var origin = new FileOrigin();
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=0-9");
        await proxy.WaitForFetchesAsync();
        origin.Instead = async r => await Answered(r.WriteAsync("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"));
        (await proxy.GetAsync("/", "Range: bytes=70000-70001")).StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await AskAsync(proxy, "bytes=5-9")).ShouldBe((206, 1, 5, 9));
        origin.Instead = null;
        (await AskAsync(proxy, "bytes=70000-70001")).ShouldBe((206, 1, 70000, 70001));
    }

    [Fact]
    public async Task A_body_that_is_small_enough_is_asked_for_whole_and_stored_so()
    {
        await using var origin = new FileOrigin { Size = 60_000 };
        await using var proxy = await StartAsync(origin);
        (await AskAsync(proxy, "bytes=5-9")).ShouldBe((206, 1, 5, 9), 60_000);
        await proxy.WaitForFetchesAsync();
        (await AskAsync(proxy)).ShouldBe((200, 1, 0, 59_999), 60_000);
        origin.Asked.ShouldBe([null]);
    }

    [Theory]
    [InlineData("bytes=0-9", "hit")]
    [InlineData("bytes=0-65536", "fetch")]
    [InlineData("bytes=300000-", "hit")]
    [InlineData(null, "fetch")]
    public async Task Explain_says_whether_the_parts_are_there(string? range, string verdict)
    {
        await using var origin = new FileOrigin();
        await using var proxy = await StartAsync(origin);
        await AskAsync(proxy, "bytes=0-9");
        await proxy.WaitForFetchesAsync();
        var explained = await ExplainAsync(proxy, range);
        explained.Verdict.ShouldBe(verdict);
        explained.Variants.Single().Stored.IsIncomplete.ShouldBeTrue();
    }

    /// <summary>
    /// Whatever is asked for, whenever the file changes, is purged, written, expires or is evicted: what is delivered as whole is of the one version that its tag names.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Whatever_is_delivered_is_of_one_version(int seed)
    {
        const int versions = 40;
        var random = new Random(seed);
        await using var origin = new FileOrigin { Size = FileOrigin.Length };
        var changes = new Random(seed);
        origin.Instead = r =>
        {
            lock (changes)
            {
                if (origin.Version < versions && changes.Next(12) == 0)
                    origin.Version++;
                if (changes.Next(25) != 0)
                    return Task.FromResult(false);
            }
            r.Close(); // once in a while it fails
            return Task.FromResult(true);
        };
        await using var proxy = await StartAsync(origin, options => (options.MemoryBudgetBytes, options.UncacheableMemory) = (1 << 20, TimeSpan.FromSeconds(seed - 1)));
        var (hits, partial, cut) = (0, 0, 0);
        for (var step = 0; step < 60; step++)
        {
            var asking = new List<Task<Answer>>();
            for (var client = 0; client < 4; client++)
            {
                var (one, other) = (random.Next(FileOrigin.Length), random.Next(FileOrigin.Length));
                var range = random.Next(10) switch { 0 => null, 1 => $"bytes={one}-", 2 => $"bytes=-{one + 1}", 3 => $"bytes={one}-{one}", _ => $"bytes={Math.Min(one, other)}-{Math.Max(one, other)}" };
                asking.Add(random.Next(5) == 0 ? AskAsync(proxy, range, $"If-Range: {FileOrigin.TagOf(origin.Version)}") : AskAsync(proxy, range));
            }
            switch (random.Next(12))
            {
                case 0:
                    proxy.Time.Advance(TimeSpan.FromSeconds(random.Next(70)));
                    break;
                case 1:
                    await proxy.Core.Invalidator.PurgeAsync(PurgeOrder.Read(System.Text.Json.JsonDocument.Parse("""{"all": true}""").RootElement, [])!, TimeSpan.Zero, default);
                    break;
                case 2:
                    await AskAsync(proxy, "bytes=0-", $"/{step}").ContinueWith(_ => { }, TaskScheduler.Default);
                    break;
            }
            foreach (var asked in asking)
            {
                try
                {
                    var answer = await asked;
                    if (answer.StatusCode is not (200 or 206))
                    {
                        answer.StatusCode.ShouldBeOneOf(416, 502);
                        continue;
                    }
                    var version = int.Parse(answer["ETag"]!.Trim('"')[1..], null);
                    var range = answer.Response.Content.Headers.ContentRange;
                    answer.ShouldBe((answer.StatusCode, version, (int)(range?.From ?? 0), (int)(range?.To ?? Last)));
                    hits += answer.CacheStatus.Contains("; hit", StringComparison.Ordinal) ? 1 : 0;
                    partial += answer.CacheStatus.Contains("fwd=partial", StringComparison.Ordinal) ? 1 : 0;
                }
                catch (HttpRequestException)
                {
                    cut++;
                }
            }
        }
        (hits, partial).ShouldSatisfyAllConditions(seen => seen.hits.ShouldBeGreaterThan(0), seen => seen.partial.ShouldBeGreaterThan(0));
        cut.ShouldBeLessThan(120);
    }

    private static Task<RunningProxy> StartAsync(FileOrigin origin, Action<CacheProxyOptions>? configure = null) => RunningProxy.StartAsync(origin.Address, options =>
    {
        options.Profile = CacheProfile.Rfc9111;
        options.MaxBodyBytes = 130 << 10; // parts of 64 KiB would come of less than twice that
        options.Routes["origin"] = new() { MaxBodyBytes = Part };
        configure?.Invoke(options);
    });

    /// <param name="proxy">The proxy.</param>
    /// <param name="range">A range; <c>null</c> for the whole.</param>
    /// <param name="more">A field, or another path.</param>
    private static async Task<Answer> AskAsync(RunningProxy proxy, string? range = null, string? more = null)
    {
        var path = more?[0] == '/' ? more : "/";
        List<string> fields = [];
        if (range is not null)
            fields.Add($"Range: {range}");
        if (more is not null && more != path)
            fields.Add(more);
        var response = await proxy.GetAsync(path, [.. fields]);
        return new Answer(response, await response.Content.ReadAsByteArrayAsync());
    }

    private static Task<Explanation> ExplainAsync(RunningProxy proxy, string? range)
    {
        var fields = new HeaderDictionary();
        if (range is not null)
            fields["Range"] = range;
        return proxy.Services.GetRequiredService<Explainer>().ExplainAsync("GET", "http", $"127.0.0.1:{proxy.Address.Port}", "/", fields);
    }

    private static async Task<bool> Answered(Task writing)
    {
        await writing;
        return true;
    }

    private sealed record Answer(HttpResponseMessage Response, byte[] Body)
    {
        public int StatusCode => (int)Response.StatusCode;

        public string CacheStatus => this["Cache-Status"] ?? "";

        public string? this[string name] => Response.Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : null;

        /// <summary>Every byte of it, and its head, is of that version and place.</summary>
        public void ShouldBe((int Status, int Version, int First, int Last) expected, int size = FileOrigin.Length)
        {
            (StatusCode, this["ETag"]).ShouldBe((expected.Status, FileOrigin.TagOf(expected.Version)), CacheStatus);
            if (StatusCode == 206)
                Response.Content.Headers.ContentRange!.ToString().ShouldBe($"bytes {expected.First}-{expected.Last}/{size}", CacheStatus);
            Response.Content.Headers.ContentLength.ShouldBe(expected.Last - expected.First + 1);
            Body.AsSpan().SequenceEqual(FileOrigin.Slice(expected.Version, expected.First, expected.Last, size)).ShouldBeTrue(CacheStatus);
        }
    }
}
