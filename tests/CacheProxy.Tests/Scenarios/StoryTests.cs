using System.Net;

namespace CacheProxy.Tests.Scenarios;

/// <summary>The main job, as a user sees it.</summary>
public sealed class StoryTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Get_is_answered_from_memory_for_one_minute_and_not_longer()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"body {r.Number}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);

        var miss = await proxy.GetAsync("/items/1");
        (await Text(miss)).ShouldBe("body 1");
        Field(miss, "Cache-Status").ShouldBe("CacheProxy; fwd=uri-miss; fwd-status=200; ttl=60; stored");
        miss.Headers.Age.ShouldBeNull();

        proxy.Time.Advance(59 * Second);
        var hit = await proxy.GetAsync("/items/1");
        (await Text(hit)).ShouldBe("body 1");
        hit.Headers.Age.ShouldBe(59 * Second);
        Field(hit, "Cache-Status").ShouldBe("CacheProxy; hit; ttl=1");
        Field(hit, "X-Kept").ShouldBe("yes");

        proxy.Time.Advance(Second);
        (await Text(await proxy.GetAsync("/items/1"))).ShouldBe("body 2");
    }

    [Fact]
    public async Task Hits_do_not_prolong_the_minute()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"body {r.Number}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        for (var second = 0; second < 60; second += 10)
        {
            (await Text(await proxy.GetAsync("/"))).ShouldBe("body 1");
            proxy.Time.Advance(10 * Second);
        }
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 2");
    }

    [Fact]
    public async Task Wall_clock_set_back_does_not_make_anything_fresh_again()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"body {r.Number}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        proxy.Time.Advance(30 * Second);
        proxy.Time.JumpWallClock(TimeSpan.FromHours(-1));
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 1");
        proxy.Time.Advance(31 * Second);
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 2");
    }

    [Fact]
    public async Task Head_is_answered_from_a_stored_get()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("hello"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        await proxy.WaitForFetchesAsync();
        var head = await proxy.SendAsync(HttpMethod.Head, "/");
        head.StatusCode.ShouldBe(HttpStatusCode.OK);
        head.Content.Headers.ContentLength.ShouldBe(5);
        (await Text(head)).ShouldBe("");
        origin.Requests.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("PATCH")]
    [InlineData("DELETE")]
    [InlineData("M-SEARCH")]
    public async Task Unsafe_method_passes_once_and_its_write_is_seen_by_the_next_get(string method)
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"{r.Method} {r.Number}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/items/1");
        var write = await proxy.SendAsync(new HttpMethod(method), "/items/1");
        (await Text(write)).ShouldBe($"{method} 2");
        Field(write, "Cache-Status").ShouldBe("CacheProxy; fwd=method; fwd-status=200");
        (await Text(await proxy.GetAsync("/items/1"))).ShouldBe("GET 3");
        origin.Requests.Count.ShouldBe(3);
    }

    [Fact]
    public async Task Failed_write_leaves_what_is_stored()
    {
        await using var origin = ScriptedOrigin.Answering(r => r.Method == "GET" ? Respond($"body {r.Number}") : Respond("no", "500 Oops"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        (await proxy.SendAsync(HttpMethod.Post, "/")).StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 1");
    }

    [Fact]
    public async Task Write_whose_answer_never_came_invalidates_all_the_same()
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Method == "GET")
                await r.WriteAsync(Respond($"body {r.Number}"));
            else
                r.Reset();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        (await proxy.SendAsync(HttpMethod.Post, "/")).StatusCode.ShouldBe(HttpStatusCode.BadGateway);
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 3");
    }

    [Fact]
    public async Task Fill_that_began_before_a_write_never_comes_back_after_it()
    {
        var release = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Number == 1)
            {
                arrived.SetResult();
                await release.Task; // the old value was read, the answer is held
            }
            await r.WriteAsync(Respond($"body {r.Number}"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var old = proxy.GetAsync("/items/1");
        await arrived.Task;
        await proxy.SendAsync(HttpMethod.Put, "/items/1");
        // Came after the write: must not board the old fetch.
        (await Text(await proxy.GetAsync("/items/1"))).ShouldBe("body 3");
        release.SetResult();
        (await Text(await old)).ShouldBe("body 1"); // it overlapped the write
        (await Text(await proxy.GetAsync("/items/1"))).ShouldBe("body 3");
        origin.Requests.Count.ShouldBe(3);
    }

    [Fact]
    public async Task Cold_key_makes_one_origin_request_for_all_clients()
    {
        var release = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
            await release.Task;
            await r.WriteAsync("56789");
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var clients = Enumerable.Range(0, 200).Select(_ => proxy.Client.GetAsync("/cold", HttpCompletionOption.ResponseHeadersRead)).ToArray();
        await Task.WhenAll(clients); // everybody has the head while the body is still under way
        release.SetResult();
        foreach (var client in clients)
            (await Text(await client)).ShouldBe("0123456789");
        origin.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Stale_response_is_validated_and_freshened()
    {
        await using var origin = ScriptedOrigin.Answering(r => r["If-None-Match"] == "\"a\""
            ? "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nCache-Control: max-age=10\r\nX-New: 1\r\n\r\n"
            : Respond("hello", "200 OK", "ETag: \"a\"\r\nCache-Control: max-age=10\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        proxy.Time.Advance(11 * Second);
        var validated = await proxy.GetAsync("/");
        validated.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Text(validated)).ShouldBe("hello");
        Field(validated, "X-New").ShouldBe("1");
        proxy.Time.Advance(9 * Second);
        (await Text(await proxy.GetAsync("/"))).ShouldBe("hello");
        origin.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Client_gets_its_own_304_and_ranges_from_the_store()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("0123456789", "200 OK", "ETag: \"a\"\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        (await proxy.GetAsync("/", "If-None-Match: \"x\", W/\"a\"")).StatusCode.ShouldBe(HttpStatusCode.NotModified);
        var part = await proxy.GetAsync("/", "Range: bytes=2-4");
        part.StatusCode.ShouldBe(HttpStatusCode.PartialContent);
        (await Text(part)).ShouldBe("234");
        part.Content.Headers.ContentRange!.ToString().ShouldBe("bytes 2-4/10");
        var beyond = await proxy.GetAsync("/", "Range: bytes=10-");
        beyond.StatusCode.ShouldBe(HttpStatusCode.RequestedRangeNotSatisfiable);
        origin.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Range_of_a_cold_url_fetches_the_whole_and_answers_the_part()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("0123456789", "200 OK", "ETag: \"a\"\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var part = await proxy.GetAsync("/", "Range: bytes=8-", "If-None-Match: \"b\"");
        part.StatusCode.ShouldBe(HttpStatusCode.PartialContent);
        (await Text(part)).ShouldBe("89");
        (await Text(await proxy.GetAsync("/"))).ShouldBe("0123456789");
        origin.Requests.Single()["Range"].ShouldBeNull();
        origin.Requests.Single()["If-None-Match"].ShouldBeNull();
    }

    [Fact]
    public async Task Variants_are_kept_apart_by_vary()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"{r["Accept-Language"]} {r.Number}", "200 OK", "Vary: Accept-Language\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        (await Text(await proxy.GetAsync("/", "Accept-Language: de"))).ShouldBe("de 1");
        var other = await proxy.GetAsync("/", "Accept-Language: fr");
        (await Text(other)).ShouldBe("fr 2");
        Field(other, "Cache-Status")!.ShouldContain("fwd=vary-miss");
        (await Text(await proxy.GetAsync("/", "Accept-Language: de"))).ShouldBe("de 1");
        await proxy.SendAsync(HttpMethod.Delete, "/");
        (await Text(await proxy.GetAsync("/", "Accept-Language: fr"))).ShouldBe("fr 4");
    }

    [Theory]
    [InlineData("Cache-Control: no-store\r\n")]
    [InlineData("Cache-Control: private\r\n")]
    [InlineData("Set-Cookie: a=b\r\n")]
    [InlineData("Vary: *\r\n")]
    [InlineData("Cache-Control: max-age=0\r\n")]
    [InlineData("Expires: 0\r\n")]
    public async Task Private_and_forbidden_responses_are_not_stored(string fields)
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"body {r.Number}", "200 OK", fields));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        for (var i = 1; i <= 3; i++)
            (await Text(await proxy.GetAsync("/"))).ShouldBe($"body {i}");
    }

    [Theory]
    [InlineData("Authorization: Bearer 1")]
    [InlineData("Cookie: a=b")]
    [InlineData("X-Api-Key: 1")]
    public async Task Credentials_neither_take_nor_make_a_response_with_the_default_lifetime(string field)
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"body {r.Number}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        (await Text(await proxy.GetAsync("/", field))).ShouldBe("body 1");
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 2");
        (await Text(await proxy.GetAsync("/"))).ShouldBe("body 2");
        (await Text(await proxy.GetAsync("/", field))).ShouldBe("body 3");
    }

    [Fact]
    public async Task What_cannot_be_shared_is_fetched_side_by_side_and_nobody_queues()
    {
        var arrived = 0;
        var all = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Target == "/private" && r.Number > 1)
            {
                if (Interlocked.Increment(ref arrived) == 10)
                    all.SetResult();
                await all.Task; // answers only when all ten are here at one time
            }
            await r.WriteAsync(Respond($"body {r.Number}", "200 OK", "Cache-Control: private\r\n"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/private");
        var bodies = await Task.WhenAll(Enumerable.Range(0, 10).Select(async _ => await Text(await proxy.GetAsync("/private"))));
        bodies.Distinct().Count().ShouldBe(10);
    }

    [Theory]
    [InlineData("max-age=10", true)]
    [InlineData("max-age=10, must-revalidate", false)]
    [InlineData("s-maxage=10", false)]
    [InlineData("s-maxage=10, stale-if-error=5", true)]
    public async Task Origin_that_fails_is_covered_by_what_is_at_most_a_minute_old(string cacheControl, bool covered)
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Number == 1)
                await r.WriteAsync(Respond("old", "200 OK", $"Cache-Control: {cacheControl}\r\nETag: \"1\"\r\n"));
            else
                r.Reset();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        proxy.Time.Advance(11 * Second);
        (await proxy.GetAsync("/")).StatusCode.ShouldBe(covered ? HttpStatusCode.OK : HttpStatusCode.BadGateway);
        proxy.Time.Advance(50 * Second);
        (await proxy.GetAsync("/")).StatusCode.ShouldBe(HttpStatusCode.BadGateway);
    }

    [Theory]
    [InlineData("X-Api-Key: 1", "max-age=60", false)]
    [InlineData("X-Api-Key: 1", "public, max-age=60", true)]
    [InlineData("Authorization: Basic 1", "max-age=60", false)]
    [InlineData("Authorization: Basic 1", "s-maxage=60", true)]
    [InlineData("Cookie: a=b", "max-age=60", true)]
    public async Task Answer_to_credentials_is_stored_only_with_leave_of_the_origin(string field, string cacheControl, bool stored)
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"body {r.Number}", "200 OK", $"Cache-Control: {cacheControl}\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/", field);
        await proxy.WaitForFetchesAsync(); // an anonymous client does not board the fetch
        (await Text(await proxy.GetAsync("/"))).ShouldBe(stored ? "body 1" : "body 2");
    }

    [Theory]
    [InlineData("get")]
    [InlineData("head")]
    public async Task Method_in_lower_case_is_refused(string method)
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"{r.Method} {r.Number}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        var answer = await RawClient.AskAsync(proxy, $"{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
        answer.Status.ShouldBe(400);
    }

    [Fact]
    public async Task Origin_that_fails_gives_nobody_a_page_that_was_not_for_them()
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Number == 1)
                await r.WriteAsync(Respond("for anybody"));
            else
                r.Reset();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        (await proxy.GetAsync("/", "Cookie: session=1")).StatusCode.ShouldBe(HttpStatusCode.BadGateway);
        (await proxy.GetAsync("/", "Authorization: Bearer 1")).StatusCode.ShouldBe(HttpStatusCode.BadGateway);
        (await Text(await proxy.GetAsync("/"))).ShouldBe("for anybody");
    }

    internal static string Respond(string body, string status = "200 OK", string fields = "") =>
        $"HTTP/1.1 {status}\r\nContent-Length: {body.Length}\r\nX-Kept: yes\r\n{fields}\r\n{body}";

    internal static Task<string> Text(HttpResponseMessage response) => response.Content.ReadAsStringAsync();

    internal static string? Field(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : null;
}
