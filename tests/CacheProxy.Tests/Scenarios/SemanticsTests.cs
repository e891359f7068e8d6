using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Yarp.ReverseProxy.Model;
using static CacheProxy.Tests.Scenarios.StoryTests;

namespace CacheProxy.Tests.Scenarios;

/// <summary>What HTTP lets a cache do besides answering GET from a stored GET.</summary>
public sealed class SemanticsTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private static void Rfc9111(CacheProxyOptions options) => options.Profile = CacheProfile.Rfc9111;

    // RFC 9111 section 4.3.5
    [Theory]
    [InlineData("HEAD agrees: updated", "ETag: \"a\"\r\nContent-Length: 4\r\nCache-Control: max-age=100\r\nX-New: 1\r\n", "body", 2)]
    [InlineData("another tag: out of date", "ETag: \"b\"\r\nContent-Length: 4\r\nCache-Control: max-age=100\r\n", "GET3", 3)]
    [InlineData("another date: out of date", "Last-Modified: Wed, 04 Mar 2026 05:06:07 GMT\r\nCache-Control: max-age=100\r\n", "GET3", 3)]
    [InlineData("another length: out of date", "ETag: \"a\"\r\nContent-Length: 5\r\nCache-Control: max-age=100\r\n", "GET3", 3)]
    [InlineData("it says that nothing is to be stored", "ETag: \"a\"\r\nContent-Length: 4\r\nCache-Control: no-store\r\n", "GET3", 3)]
    public async Task Head_updates_the_stored_get_or_puts_it_out_of_date(string source, string fields, string expected, int requests)
    {
        await using var origin = ScriptedOrigin.Answering(r => r.Method == "HEAD" ? $"HTTP/1.1 200 OK\r\n{fields}\r\n"
            : Respond(r.Number == 1 ? "body" : $"GET{r.Number}", "200 OK", "ETag: \"a\"\r\nCache-Control: max-age=10\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        proxy.Time.Advance(11 * Second);
        await proxy.SendAsync(HttpMethod.Head, "/");
        var after = await proxy.GetAsync("/");

        (await Text(after)).ShouldBe(expected, source);
        origin.Requests.Count.ShouldBe(requests, source);
        if (fields.Contains("X-New", StringComparison.Ordinal))
            Field(after, "X-New").ShouldBe("1", source);
    }

    [Theory]
    [InlineData(CacheProfile.Rfc9111, "hit")]
    [InlineData(CacheProfile.OneMinute, "fwd")] // the bytes may be older than a minute by then, and nothing says that they are still right
    public async Task Head_without_validators_updates_where_age_has_no_bound(CacheProfile profile, string expected)
    {
        await using var origin = ScriptedOrigin.Answering(r => r.Method == "HEAD"
            ? "HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\n\r\n" : Respond("body", "200 OK", "Cache-Control: max-age=10\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.Profile = profile);
        await proxy.GetAsync("/");
        proxy.Time.Advance(11 * Second);
        await proxy.SendAsync(HttpMethod.Head, "/");

        Field(await proxy.GetAsync("/"), "Cache-Status")!.ShouldStartWith($"CacheProxy; {expected}");
    }

    [Theory]
    [InlineData("Authorization: a", "200 OK")] // an answer to one client
    [InlineData("If-None-Match: \"x\"", "200 OK")]
    [InlineData("X-None: 1", "404 Not Found")]
    public async Task Head_of_one_client_or_without_success_says_nothing_of_what_is_stored(string field, string status)
    {
        await using var origin = ScriptedOrigin.Answering(r => r.Method == "HEAD" ? $"HTTP/1.1 {status}\r\nETag: \"other\"\r\nContent-Length: 9\r\n\r\n"
            : Respond("body", "200 OK", "ETag: \"a\"\r\nCache-Control: max-age=10, stale-while-revalidate=0, public\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, Rfc9111);
        await proxy.GetAsync("/");
        proxy.Time.Advance(11 * Second);
        await proxy.SendAsync(HttpMethod.Head, "/", field);

        (await proxy.GetAsync("/")).Dispose();
        origin.Requests[^1]["If-None-Match"].ShouldBe("\"a\""); // still there to be validated
    }

    [Fact]
    public async Task Write_during_a_head_keeps_the_old_bytes_out()
    {
        var release = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Method == "HEAD")
            {
                arrived.SetResult();
                await release.Task;
                await r.WriteAsync("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nCache-Control: max-age=100\r\n\r\n");
            }
            else
            {
                await r.WriteAsync(Respond($"{r.Method}{r.Number}", "200 OK", "ETag: \"a\"\r\nCache-Control: max-age=10\r\n"));
            }
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        proxy.Time.Advance(11 * Second);
        var head = proxy.SendAsync(HttpMethod.Head, "/");
        await arrived.Task;
        await proxy.SendAsync(HttpMethod.Put, "/");
        release.SetResult();
        await head;

        (await Text(await proxy.GetAsync("/"))).ShouldBe("GET4");
    }

    // RFC 9110 section 9.3.3
    [Theory]
    [InlineData("/a", "Content-Location: /a\r\nCache-Control: max-age=10\r\n", true)]
    [InlineData("/a", "Content-Location: a\r\nCache-Control: max-age=10\r\n", true)]
    [InlineData("/a", "Content-Location: /b\r\nCache-Control: max-age=10\r\n", false)] // of something else
    [InlineData("/a", "Cache-Control: max-age=10\r\n", false)] // of the action
    [InlineData("/a", "Content-Location: /a\r\n", false)] // no word of the origin's on how long
    [InlineData("/a", "Content-Location: /a\r\nLast-Modified: Wed, 04 Mar 2020 05:06:07 GMT\r\n", false)]
    [InlineData("/a", "Content-Location: /a\r\nCache-Control: max-age=10, private\r\n", false)]
    [InlineData("/a", "Content-Location: /a\r\nCache-Control: max-age=10\r\nSet-Cookie: a=b\r\n", false)]
    public async Task Answer_to_post_that_is_that_of_get_is_kept_for_it(string target, string fields, bool kept)
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"{r.Method} {r.Number}", "200 OK", fields));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync(target);
        var post = await proxy.SendAsync(HttpMethod.Post, target);
        (await Text(post)).ShouldBe("POST 2");
        Field(post, "Cache-Status").ShouldBe(kept ? "CacheProxy; fwd=method; fwd-status=200; ttl=10; stored" : "CacheProxy; fwd=method; fwd-status=200");

        (await Text(await proxy.GetAsync(target))).ShouldBe(kept ? "POST 2" : "GET 3");
    }

    [Fact]
    public async Task Cut_answer_to_post_is_not_kept()
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Method == "GET")
            {
                await r.WriteAsync(Respond("GET"));
                return;
            }
            await r.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Location: /\r\nCache-Control: max-age=10\r\n\r\n01234");
            r.Close();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await Should.ThrowAsync<HttpRequestException>(() => proxy.SendAsync(HttpMethod.Post, "/"));

        (await Text(await proxy.GetAsync("/"))).ShouldBe("GET");
    }

    [Fact]
    public async Task Answer_to_post_that_another_write_has_overtaken_is_not_kept()
    {
        var release = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Method == "POST")
            {
                arrived.SetResult();
                await release.Task;
            }
            await r.WriteAsync(Respond($"{r.Method} {r.Number}", "200 OK", "Content-Location: /\r\nCache-Control: max-age=10\r\n"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var post = proxy.SendAsync(HttpMethod.Post, "/");
        await arrived.Task;
        await proxy.SendAsync(HttpMethod.Delete, "/");
        release.SetResult();
        await post;

        (await Text(await proxy.GetAsync("/"))).ShouldBe("GET 3");
    }

    // RFC 9213
    [Fact]
    public async Task What_is_said_to_this_cache_alone_goes_before_all_and_no_further()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"body {r.Number}", "200 OK",
            "Cache-Control: no-store\r\nCDN-Cache-Control: max-age=5\r\nCacheProxy-Cache-Control: max-age=20\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var miss = await proxy.GetAsync("/");
        proxy.Time.Advance(19 * Second);
        var hit = await proxy.GetAsync("/");
        proxy.Time.Advance(Second);

        Field(miss, "Cache-Status")!.ShouldContain("ttl=20; stored");
        (await Text(hit)).ShouldBe("body 1");
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 2");
        foreach (var answer in new[] { miss, hit, await proxy.SendAsync(HttpMethod.Post, "/") })
        {
            Field(answer, "CacheProxy-Cache-Control").ShouldBeNull();
            Field(answer, "CDN-Cache-Control").ShouldBe("max-age=5");
            Field(answer, "Cache-Control").ShouldBe("no-store");
        }
    }

    // RFC 10008
    [Fact]
    public async Task Query_is_answered_by_its_content()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"{r.Method} {System.Text.Encoding.ASCII.GetString(r.Body)} {r.Number}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.Routes["origin"] = new() { QueryMethodBytes = 10 });

        (await QueryAsync(proxy, "a")).ShouldBe("QUERY a 1");
        (await QueryAsync(proxy, "a")).ShouldBe("QUERY a 1");
        (await QueryAsync(proxy, "b")).ShouldBe("QUERY b 2");
        (await QueryAsync(proxy, "a", "text/other")).ShouldBe("QUERY a 3"); // the type says what the content means
        (await Text(await proxy.GetAsync("/"))).ShouldBe("GET  4"); // and a GET is no QUERY
        (await QueryAsync(proxy, "01234567890")).ShouldBe("QUERY 01234567890 5"); // too long to be kept
        (await QueryAsync(proxy, "01234567890")).ShouldBe("QUERY 01234567890 6");
        await proxy.SendAsync(HttpMethod.Put, "/");
        (await QueryAsync(proxy, "a")).ShouldBe("QUERY a 8"); // a write invalidates all that is stored for the URI
        (await QueryAsync(proxy, "a")).ShouldBe("QUERY a 8");
        proxy.Time.Advance(60 * Second);
        (await QueryAsync(proxy, "a")).ShouldBe("QUERY a 9");
    }

    [Fact]
    public async Task Query_passes_unless_the_route_says_otherwise()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"{r.Method} {System.Text.Encoding.ASCII.GetString(r.Body)} {r.Number}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);

        (await QueryAsync(proxy, "a")).ShouldBe("QUERY a 1");
        (await QueryAsync(proxy, "a")).ShouldBe("QUERY a 2");
    }

    // RFC 8586
    [Fact]
    public async Task Request_that_comes_back_is_refused()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("body", "200 OK", "Cache-Control: max-age=10\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/", "CDN-Loop: one, two;v=\"CacheProxy\"");
        await proxy.SendAsync(HttpMethod.Post, "/post");

        var name = proxy.Core.LoopName;
        origin.Requests[0]["CDN-Loop"].ShouldBe($"one, two;v=\"CacheProxy\", {name}");
        origin.Requests[1]["CDN-Loop"].ShouldBe(name);
        foreach (var (method, target) in new[] { (HttpMethod.Get, "/cold"), (HttpMethod.Post, "/post") })
        {
            var answer = await proxy.SendAsync(method, target, $"CDN-Loop: one, {name};x=1");
            answer.StatusCode.ShouldBe(HttpStatusCode.LoopDetected);
        }
        (await proxy.GetAsync("/", $"CDN-Loop: {name}")).StatusCode.ShouldBe(HttpStatusCode.OK); // what is stored ends a loop as well
        origin.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Loop_ends_with_the_request_that_comes_back()
    {
        RunningProxy? proxy = null;
        await using var origin = new ScriptedOrigin(async r =>
        {
            var again = await proxy!.GetAsync(r.Target, $"CDN-Loop: {r["CDN-Loop"]}"); // the origin sends it round once more
            await r.WriteAsync(Respond($"{(int)again.StatusCode}"));
        });
        await using (proxy = await RunningProxy.StartAsync(origin.Address))
        {
            (await Text(await proxy.GetAsync("/"))).ShouldBe("508");
            origin.Requests.Count.ShouldBe(1);
        }
    }

    [Theory]
    [InlineData("@tracking", null, false, "/a?utm_source=x&id=1", "/a?id=1&gclid=2", "/a?id=1")]
    [InlineData(null, "id", false, "/a?x=1&id=1", "/a?id=1&y=2", "/a?id=1")]
    [InlineData(null, null, true, "/a?b=1&a=2", "/a?a=2&b=1", "/a?a=2&b=1")]
    public async Task Query_rules_make_what_is_keyed_and_what_is_forwarded(
        string? deny, string? allow, bool sort, string one, string other, string forwarded)
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"{r.Number} {r.Target}"));
        await using var proxy = await RunningProxy.StartAsync(
            origin.Address, options => options.Routes["origin"] = new() { QueryDeny = deny, QueryAllow = allow, QuerySort = sort });

        (await Text(await proxy.GetAsync(one))).ShouldBe($"1 {forwarded}");
        (await Text(await proxy.GetAsync(other))).ShouldBe($"1 {forwarded}");
        (await Text(await proxy.SendAsync(HttpMethod.Post, one))).ShouldBe($"2 {one}"); // a write goes on as it is,
        (await Text(await proxy.GetAsync(other))).ShouldBe($"3 {forwarded}"); // and is seen under every spelling
    }

    [Fact]
    public async Task Query_rules_are_seen_by_the_routes_own_transforms()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond(r.Target));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.Routes["origin"] = new() { QueryDeny = "a" },
            route => route with { Transforms = [new Dictionary<string, string> { ["PathPrefix"] = "/v1" }] });

        (await Text(await proxy.GetAsync("/x?a=1&b=2"))).ShouldBe("/v1/x?b=2");
    }

    [Theory]
    [InlineData("X-Number: 1", "200 OK", "Cache-Control: max-age=10\r\nETag: \"a\"\r\n", "CacheProxy; fwd=stale; fwd-status=304; ttl=10; stored")]
    [InlineData("X-Number: 2", "200 OK", "Cache-Control: max-age=10, stale-if-error=40\r\nETag: \"b\"\r\n", "CacheProxy; fwd=stale; fwd-status=503; ttl=-1; detail=stale-if-error")]
    public async Task Cache_status_tells_what_the_origin_said(string field, string status, string fields, string expected)
    {
        await using var origin = ScriptedOrigin.Answering(r => r["If-None-Match"] switch
        {
            "\"a\"" => "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nCache-Control: max-age=10\r\n\r\n",
            "\"b\"" => Respond("no", "503 No"),
            _ => Respond("body", status, fields),
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/", field);
        proxy.Time.Advance(11 * Second);

        Field(await proxy.GetAsync("/", field), "Cache-Status").ShouldBe(expected);
    }

    [Fact]
    public async Task Cache_status_tells_the_key_where_asked()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("body"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.CacheStatusKey = true);
        var key = $"key=\"{proxy.Address}a?b\"";

        Field(await proxy.GetAsync("/a?b"), "Cache-Status").ShouldBe($"CacheProxy; fwd=uri-miss; fwd-status=200; ttl=60; stored; {key}");
        Field(await proxy.GetAsync("/a?b"), "Cache-Status").ShouldBe($"CacheProxy; hit; ttl=60; {key}");
        Field(await proxy.SendAsync(HttpMethod.Post, "/a?b"), "Cache-Status").ShouldBe($"CacheProxy; fwd=method; fwd-status=200; {key}");
    }

    // RFC 9110 section 14.6
    [Fact]
    public async Task Several_ranges_of_what_is_stored_are_one_answer()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("0123456789", "200 OK", "Content-Type: text/x\r\nETag: \"a\"\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        var answer = await proxy.GetAsync("/", "Range: bytes=0-1, 4-5,-1", "If-Range: \"a\"");

        answer.StatusCode.ShouldBe(HttpStatusCode.PartialContent);
        answer.Content.Headers.ContentRange.ShouldBeNull();
        var type = answer.Content.Headers.ContentType!;
        type.MediaType.ShouldBe("multipart/byteranges");
        var boundary = type.Parameters.Single().Value;
        (await Text(answer)).ShouldBe(
            string.Concat(new[] { ("0-1", "01"), ("4-5", "45"), ("9-9", "9") }.Select(part => $"\r\n--{boundary}\r\nContent-Type: text/x\r\nContent-Range: bytes {part.Item1}/10\r\n\r\n{part.Item2}"))
            + $"\r\n--{boundary}--\r\n");
        (await Text(await proxy.GetAsync("/", "Range: bytes=0-1, 4-5", "If-Range: \"b\""))).ShouldBe("0123456789"); // of another state: the whole
        (await Text(await proxy.GetAsync("/", "Range: bytes=4-5, 0-1"))).ShouldBe("0123456789");
        (await Text(await proxy.GetAsync("/cold", "Range: bytes=0-1, 4-5"))).ShouldBe("0123456789"); // not put together while it arrives
        origin.Requests.Count.ShouldBe(2);
    }

    [Theory]
    [InlineData(CacheProfile.Rfc9111, HttpStatusCode.OK)]
    [InlineData(CacheProfile.OneMinute, HttpStatusCode.ServiceUnavailable)] // nothing older than a minute, ever
    public async Task Without_a_healthy_server_what_is_kept_is_served(CacheProfile profile, HttpStatusCode expected)
    {
        var isHealthy = true;
        await using var origin = ScriptedOrigin.Answering(_ => Respond("body", "200 OK", "Cache-Control: max-age=10\r\nETag: \"a\"\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.Profile = profile, afterCache: pipeline => pipeline.Use((context, next) =>
        {
            if (!isHealthy)
                context.Features.GetRequiredFeature<IReverseProxyFeature>().AvailableDestinations = [];
            return next();
        }));
        await proxy.GetAsync("/");
        isHealthy = false;
        proxy.Time.Advance(TimeSpan.FromMinutes(10));

        (await proxy.GetAsync("/")).StatusCode.ShouldBe(expected);
    }

    // The owner's two switches.
    [Theory]
    [InlineData(true, "max-age=10", "body 1")]
    [InlineData(true, "", "body 2")] // never with a lifetime that the origin did not give
    [InlineData(false, "max-age=10", "body 2")]
    public async Task Cookies_are_stored_only_where_the_operator_says_so(bool switched, string cacheControl, string expected)
    {
        var field = cacheControl.Length > 0 ? $"Cache-Control: {cacheControl}\r\n" : "";
        await using var origin = ScriptedOrigin.Answering(r => Respond($"body {r.Number}", "200 OK", $"Set-Cookie: a=b\r\n{field}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.Routes["origin"] = new() { StoreSetCookie = switched });
        await proxy.GetAsync("/");
        var second = await proxy.GetAsync("/");

        (await Text(second)).ShouldBe(expected);
        Field(second, "Set-Cookie").ShouldBe("a=b");
    }

    [Theory]
    [InlineData(true, "body 1")]
    [InlineData(false, "body 2")]
    public async Task Response_that_only_its_connection_ends_is_stored_only_where_the_operator_says_so(bool switched, string expected)
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync($"HTTP/1.1 200 OK\r\nCache-Control: max-age=10\r\n\r\nbody {r.Number}");
            r.Close();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.Routes["origin"] = new() { StoreCloseDelimited = switched });
        await proxy.GetAsync("/");

        (await Text(await proxy.GetAsync("/"))).ShouldBe(expected);
    }

    [Fact]
    public async Task Bytes_beyond_ascii_survive_in_fields()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("body", "200 OK", $"ETag: \"{r["X-In"]}\"\r\nVary: X-In\r\nX-Out: \u00e9\u00ff\u0080\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        const string request = "GET / HTTP/1.1\r\nHost: a\r\nX-In: \u00fc\u00e9\r\n";
        (await RawClient.AskAsync(proxy, request + "\r\n")).Head.ShouldContain("X-Out: \u00e9\u00ff\u0080");
        var hit = await RawClient.AskAsync(proxy, request + "\r\n");
        hit.Head.ShouldContain("X-Out: \u00e9\u00ff\u0080");
        hit.Head.ShouldContain("Cache-Status: CacheProxy; hit");
        (await RawClient.AskAsync(proxy, request + "If-None-Match: \"\u00fc\u00e9\"\r\n\r\n")).Status.ShouldBe(304);
    }

    [Fact]
    public async Task Range_of_what_is_too_large_to_be_stored_goes_to_the_origin_as_it_came()
    {
        await using var origin = ScriptedOrigin.Answering(r => r["Range"] is null
            ? Respond(new string('x', 5000), "200 OK", "Cache-Control: max-age=50\r\n")
            : "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/5000\r\nContent-Length: 2\r\nCache-Control: max-age=50\r\n\r\nxx");
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.Routes["origin"] = new() { MaxBodyBytes = 1000 });
        for (var i = 0; i < 3; i++)
        {
            var answer = await proxy.GetAsync("/", "Range: bytes=0-1");
            ((int)answer.StatusCode, await Text(answer)).ShouldBe((206, "xx"));
        }
        // The whole is asked for once, and broken off; then it is known.
        origin.Requests.Select(r => r["Range"]).ShouldBe([null, "bytes=0-1", "bytes=0-1", "bytes=0-1"]);
    }

    [Fact]
    public async Task Language_is_guessed_only_where_a_route_says_so_and_what_it_guessed_is_asked_about_when_stale()
    {
        await using var origin = ScriptedOrigin.Answering(r => r["If-None-Match"] == "\"de\"" && r["Accept-Language"]!.StartsWith("de", StringComparison.Ordinal)
            ? "HTTP/1.1 304 Not Modified\r\nETag: \"de\"\r\n\r\n"
            : Respond("deutsch", "200 OK", "Cache-Control: max-age=10\r\nVary: Accept-Language, X-Other\r\nContent-Language: de\r\nETag: \"de\"\r\n"));
        await using var off = await RunningProxy.StartAsync(origin.Address);
        foreach (var language in new[] { "de;q=0.9", "de" })
            await off.GetAsync("/", $"Accept-Language: {language}");
        origin.Requests.Count.ShouldBe(2);

        await using var on = await RunningProxy.StartAsync(origin.Address, options => options.Routes["origin"] = new() { SelectByLanguage = true });
        await on.GetAsync("/", "Accept-Language: de;q=0.9");
        await on.GetAsync("/", "Accept-Language: de");
        await on.GetAsync("/", "Accept-Language: de-AT");
        origin.Requests.Count.ShouldBe(3);
        await on.GetAsync("/", "Accept-Language: de", "X-Other: 1"); // whatever else varies has to match
        origin.Requests.Count.ShouldBe(4);
        on.Time.Advance(11 * Second);
        Field(await on.GetAsync("/", "Accept-Language: de-CH"), "Cache-Status")!.ShouldContain("fwd-status=304");
        origin.Requests[4]["Accept-Language"].ShouldBe("de-CH");
        Field(await on.GetAsync("/", "Accept-Language: de-CH"), "Cache-Status")!.ShouldContain("hit");
    }

    [Fact]
    public async Task Bytes_beyond_ascii_survive_over_http2_on_both_sides_through_miss_hit_condition_and_validation()
    {
        const string tag = "\"\u00fc\u0080\u00ff\"";
        var seen = new List<string>();
        await using var origin = await KestrelOrigin.StartAsync(async context =>
        {
            seen.Add($"{context.Request.Headers["X-In"]} {context.Request.Headers.IfNoneMatch}");
            context.Response.Headers.ETag = tag;
            context.Response.Headers["X-Out"] = "\u00e9\u00ff\u0080";
            context.Response.Headers.CacheControl = "max-age=10";
            if (context.Request.Headers.IfNoneMatch == tag)
                context.Response.StatusCode = 304;
            else
                await context.Response.WriteAsync("body");
        }, HttpProtocols.Http2);
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: cluster => cluster with
        {
            HttpRequest = cluster.HttpRequest! with { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact },
        });
        using var handler = new SocketsHttpHandler
        {
            UseCookies = false,
            RequestHeaderEncodingSelector = (_, _) => Encoding.Latin1,
            ResponseHeaderEncodingSelector = (_, _) => Encoding.Latin1,
        };
        using var client = new HttpClient(handler)
        {
            BaseAddress = proxy.Http2Address,
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        foreach (var (after, condition, status) in new[] { (0, false, 200), (1, false, 200), (1, true, 304), (11, false, 200), (11, true, 304) })
        {
            proxy.Time.Advance(after * Second);
            var request = new HttpRequestMessage(HttpMethod.Get, "/") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
            request.Headers.TryAddWithoutValidation("X-In", "\u00fc\u00e9");
            if (condition)
                request.Headers.TryAddWithoutValidation("If-None-Match", tag);
            var answer = await client.SendAsync(request);
            ((int)answer.StatusCode, Field(answer, "ETag"), Field(answer, "X-Out")).ShouldBe((status, tag, "\u00e9\u00ff\u0080"));
            (await Text(answer)).ShouldBe(status == 200 ? "body" : "");
            await proxy.WaitForFetchesAsync();
        }
        seen.ShouldBe(["\u00fc\u00e9 ", $"\u00fc\u00e9 {tag}", $"\u00fc\u00e9 {tag}"]);
    }

    private static async Task<string> QueryAsync(RunningProxy proxy, string content, string type = "text/plain")
    {
        var request = new HttpRequestMessage(new HttpMethod("QUERY"), "/") { Content = new StringContent(content) };
        request.Content.Headers.ContentType = new(type);
        return await Text(await proxy.Client.SendAsync(request));
    }
}
