using static CacheProxy.Tests.Scenarios.RawClient;

namespace CacheProxy.Tests.Scenarios;

/// <summary>What may be stored, and who may get it.</summary>
public sealed class SecuritySharingTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    public static readonly TheoryData<string, bool> Credentials = new()
    {
        { "Authorization: Basic YTpi", false }, { "Authorization: x", false }, { "Authorization:", false },
        { "Cookie: session=1", false }, { "Cookie:", false }, { "X-Api-Key: k", false }, { "x-AUTH-token: k", false },
        { "X-Access-Token: k", false }, { "X-Other: k", true },
    };

    [Theory]
    [MemberData(nameof(Credentials))]
    public async Task Default_lifetime_is_neither_made_nor_taken_with_credentials(string field, bool isPlain)
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond($"body {r.Number}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        (await GetAsync(proxy, "/p", field)).Body.ShouldBe("body 1");
        (await GetAsync(proxy, "/p")).Body.ShouldBe(isPlain ? "body 1" : "body 2");
        (await GetAsync(proxy, "/p", field)).Body.ShouldBe(isPlain ? "body 1" : "body 3");
        (await AskAsync(proxy, Request("HEAD", "/p", field)))["Cache-Status"]!.Contains("; hit").ShouldBe(isPlain);
    }

    [Theory]
    [MemberData(nameof(Credentials))]
    public async Task Anonymous_default_answer_does_not_stand_in_for_an_error_to_someone_with_credentials(string field, bool isPlain)
    {
        await using var origin = ScriptedOrigin.Answering(r => r.Number == 1 ? StoryTests.Respond("anonymous") : StoryTests.Respond("down", "503 Service Unavailable"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await GetAsync(proxy, "/p");
        (await GetAsync(proxy, "/p", field)).Body.ShouldBe(isPlain ? "anonymous" : "down");
    }

    [Theory]
    [InlineData("Authorization: a", "Authorization: b")]
    [InlineData("Cookie: a", "Cookie: b")]
    [InlineData("X-Api-Key: a", "X-Api-Key: b")]
    [InlineData("Authorization: a", "Cookie: b")]
    [InlineData("Cookie: a", "Authorization: b")]
    [InlineData("Cookie: a", "X: none")]
    [InlineData("X: none", "Authorization: b")]
    public async Task Waiting_together_never_mixes_credentials(string leader, string follower)
    {
        foreach (var withCookie in new[] { false, true })
        {
            var release = new TaskCompletionSource();
            var arrived = new TaskCompletionSource();
            await using var origin = new ScriptedOrigin(async r =>
            {
                if (r.Number == 1)
                {
                    arrived.SetResult();
                    await release.Task;
                }
                await r.WriteAsync(StoryTests.Respond($"{r["Authorization"]}{r["Cookie"]}{r["X-Api-Key"]}"));
            });
            await using var proxy = await RunningProxy.StartAsync(
                origin.Address, route: c => c with { Metadata = new Dictionary<string, string> { ["Cache.DefaultLifetimeWithCookie"] = withCookie ? "true" : "false" } });
            var first = GetAsync(proxy, "/p", leader);
            await arrived.Task;
            var second = GetAsync(proxy, "/p", follower);
            await WaitAsync(proxy, second);
            release.SetResult();
            (await first).Body.ShouldBe(Of(leader));
            var got = (await second).Body;
            // The operator may say that the origin does not look at cookies; of Authorization nobody can say so.
            if (!(withCookie && !leader.StartsWith('A') && !follower.StartsWith('A') && !(leader + follower).Contains("X-Api")))
                got.ShouldBe(Of(follower), $"{withCookie}");
        }

        static string Of(string field) => field.StartsWith("X:", StringComparison.Ordinal) ? "" : field.Split(": ")[1];
    }

    [Theory]
    [InlineData("Cache-Control: max-age=0")]
    [InlineData("Cache-Control: no-cache")]
    [InlineData("Expires: 0")]
    [InlineData("Cache-Control: max-age=60\r\nAge: 60")]
    public async Task What_is_stale_at_once_goes_to_nobody_who_waits(string fields)
    {
        var release = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Number == 1)
            {
                arrived.SetResult();
                await release.Task;
            }
            await r.WriteAsync(StoryTests.Respond($"body {r.Number}", "200 OK", $"ETag: \"{r.Number}\"\r\n{fields}\r\n"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var first = GetAsync(proxy, "/p");
        await arrived.Task;
        var second = GetAsync(proxy, "/p");
        await WaitAsync(proxy, second);
        release.SetResult();
        (await first).Body.ShouldBe("body 1");
        (await second).Body.ShouldBe("body 2");
    }

    [Theory]
    [InlineData("X: none", "Authorization: b")]
    [InlineData("X: none", "Cookie: b")]
    [InlineData("Cookie: a", "X: none")]
    [InlineData("Authorization: a", "Authorization: b")]
    public async Task Error_is_shared_only_among_those_without_credentials(string leader, string follower)
    {
        var release = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Number == 1)
            {
                arrived.SetResult();
                await release.Task;
            }
            await r.WriteAsync(StoryTests.Respond($"{r["Authorization"]}{r["Cookie"]}.", "503 Service Unavailable"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var first = GetAsync(proxy, "/p", leader);
        await arrived.Task;
        var second = GetAsync(proxy, "/p", follower);
        await WaitAsync(proxy, second);
        release.SetResult();
        (await first).Body.ShouldBe(leader.StartsWith('X') ? "." : "a.");
        (await second).Body.ShouldBe(follower.StartsWith('X') ? "." : "b.");
    }

    [Theory]
    [InlineData("Cache-Control: max-age=10, private")]
    [InlineData("Cache-Control: no-store")]
    public async Task Waiters_for_a_validation_do_not_get_what_the_304_makes_private(string fields)
    {
        var release = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Number == 1)
            {
                await r.WriteAsync(StoryTests.Respond("old", "200 OK", "ETag: \"a\"\r\nCache-Control: public, max-age=1\r\n"));
            }
            else if (r.Number == 2)
            {
                arrived.SetResult();
                await release.Task;
                await r.WriteAsync($"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n{fields}\r\n\r\n");
            }
            else
            {
                await r.WriteAsync(StoryTests.Respond($"for {r["Cookie"]}", "200 OK", fields + "\r\n"));
            }
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await GetAsync(proxy, "/p");
        proxy.Time.Advance(2 * Second);
        var leader = GetAsync(proxy, "/p", "Cookie: leader");
        await arrived.Task;
        var follower = GetAsync(proxy, "/p", "Cookie: follower");
        await WaitAsync(proxy, follower);
        release.SetResult();
        (await leader).Body.ShouldBe("old"); // the origin said to the leader that it holds
        (await follower).Body.ShouldBe("for follower");
    }

    [Theory]
    [InlineData("Cache-Control: max-age=60", false)]
    [InlineData("Expires: Fri, 01 Jan 2100 00:00:00 GMT", false)]
    [InlineData("Cache-Control: public, max-age=60", true)]
    [InlineData("Cache-Control: s-maxage=60", true)]
    [InlineData("Cache-Control: max-age=60, must-revalidate", true)]
    [InlineData("Cache-Control: max-age=60, proxy-revalidate", false)]
    [InlineData("Cache-Control: max-age=60, immutable", false)]
    [InlineData("Cache-Control: max-age=60, \"public\"", false)]
    [InlineData("Cache-Control: max-age=60, x=\"public\"", false)]
    [InlineData("Cache-Control: private, public, max-age=60", false)]
    public async Task Authorized_answer_is_shared_only_with_leave(string field, bool shared)
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond($"body {r.Number}", "200 OK", field + "\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await GetAsync(proxy, "/p", "Authorization: a");
        (await GetAsync(proxy, "/p", "Authorization: b")).Body.ShouldBe(shared ? "body 1" : "body 2");
        (await GetAsync(proxy, "/p", "Authorization: a")).Body.ShouldBe(shared ? "body 1" : "body 3");
    }

    [Theory]
    [InlineData("Cache-Control: no-store")]
    [InlineData("Cache-Control: NO-STORE")]
    [InlineData("Cache-Control: max-age=60\r\nCache-Control: no-store")]
    [InlineData("Cache-Control: max-age=60, private")]
    [InlineData("Cache-Control: private=\"x-secret, content-type\"")]
    [InlineData("Cache-Control: max-age=x")]
    [InlineData("Cache-Control: max-age=")]
    [InlineData("Cache-Control: max-age=-1")]
    [InlineData("Cache-Control: max-age=1.5")]
    [InlineData("Cache-Control: max-age")]
    [InlineData("Cache-Control:")]
    [InlineData("Cache-Control: x")]
    [InlineData("Cache-Control: s-maxage=0, max-age=60")]
    [InlineData("Cache-Control: x=\"a, max-age=60")]
    [InlineData("Expires: 0")]
    [InlineData("Expires: x")]
    [InlineData("Expires:")]
    [InlineData("Pragma: no-cache")]
    [InlineData("Pragma: x")]
    [InlineData("Set-Cookie: a=b")]
    [InlineData("Set-Cookie: a=b\r\nCache-Control: public, max-age=60")]
    [InlineData("set-COOKIE: a=b\r\nCache-Control: max-age=60, no-cache=\"set-cookie\"")]
    [InlineData("Set-Cookie2: a=b")]
    [InlineData("Set-Cookie2: a=b\r\nSet-Cookie: a=b\r\nCache-Control: max-age=60")]
    [InlineData("Vary: *")]
    [InlineData("Vary: a, *\r\nCache-Control: max-age=60")]
    [InlineData("Vary: a\r\nvary: b,*")]
    [InlineData("Vary:\t * \t")]
    [InlineData("Vary: a b")]
    [InlineData("Vary: \"*\"")]
    [InlineData("Age: 60\r\nCache-Control: max-age=60")]
    [InlineData("Age: 2147483648\r\nCache-Control: max-age=2147483647")]
    [InlineData("Age: 99999999999999999999\r\nCache-Control: max-age=60")]
    [InlineData("Date: Mon, 01 Jan 1990 00:00:00 GMT\r\nCache-Control: max-age=60")]
    public async Task What_is_not_clearly_shareable_is_not_stored(string fields)
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond($"body {r.Number}", "200 OK", fields + "\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        for (var i = 1; i <= 3; i++)
        {
            var response = await GetAsync(proxy, "/p");
            response.Body.ShouldBe($"body {i}");
            response[fields.Split(':')[0]].ShouldNotBeNull(); // what the origin says reaches the client
        }
    }

    [Theory]
    [InlineData(201)]
    [InlineData(202)]
    [InlineData(204)]
    [InlineData(206)]
    [InlineData(207)]
    [InlineData(226)]
    [InlineData(299)]
    [InlineData(300)]
    [InlineData(302)]
    [InlineData(303)]
    [InlineData(304)]
    [InlineData(307)]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(405)]
    [InlineData(410)]
    [InlineData(412)]
    [InlineData(413)]
    [InlineData(414)]
    [InlineData(416)]
    [InlineData(429)]
    [InlineData(431)]
    [InlineData(451)]
    [InlineData(500)]
    [InlineData(501)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(504)]
    [InlineData(599)]
    [InlineData(999)]
    public async Task Status_other_than_a_complete_answer_takes_no_default_lifetime(int status)
    {
        await using var origin = ScriptedOrigin.Answering(r => status is 204 or 304
            ? $"HTTP/1.1 {status} X\r\nX-Number: {r.Number}\r\n\r\n"
            : StoryTests.Respond($"body {r.Number}", $"{status} X", $"X-Number: {r.Number}\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var numbers = new HashSet<string?>();
        for (var i = 0; i < 3; i++)
        {
            var response = await GetAsync(proxy, "/p");
            response.Status.ShouldBe(status);
            numbers.Add(response["X-Number"]);
        }
        numbers.Count.ShouldBe(3);
    }

    [Theory]
    [InlineData("206 Partial Content", "Content-Range: bytes 0-1/9\r\n")]
    [InlineData("206 Partial Content", "")]
    [InlineData("416 Range Not Satisfiable", "Content-Range: bytes */9\r\n")]
    [InlineData("412 Precondition Failed", "")]
    [InlineData("304 Not Modified", "")]
    public async Task Part_or_condition_never_becomes_the_whole_even_with_a_lifetime(string status, string fields)
    {
        await using var origin = ScriptedOrigin.Answering(r => r.Number <= 2
            ? status.StartsWith("304", StringComparison.Ordinal) ? $"HTTP/1.1 {status}\r\nCache-Control: max-age=60\r\nETag: \"a\"\r\n\r\n"
                : StoryTests.Respond("pa", status, fields + "Cache-Control: max-age=60\r\nETag: \"a\"\r\n")
            : StoryTests.Respond("whole"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await GetAsync(proxy, "/p", "Range: bytes=0-1", "If-None-Match: \"a\"");
        while (origin.Requests.Count < 2)
            await GetAsync(proxy, "/p", "If-Match: \"b\"", "Range: bytes=99-");
        (await GetAsync(proxy, "/p")).Body.ShouldBe("whole");
        (await GetAsync(proxy, "/p")).Body.ShouldBe("whole");
    }

    [Fact]
    public async Task Unasked_304_goes_to_each_alone_and_makes_no_loop()
    {
        await using var origin = ScriptedOrigin.Answering(_ => "HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\n\r\n");
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        (await GetAsync(proxy, "/p")).Status.ShouldBe(304);
        origin.Requests.Count.ShouldBe(2); // once for all, once for this client
        origin.Script = r => r.WriteAsync(StoryTests.Respond("whole"));
        (await GetAsync(proxy, "/p")).Body.ShouldBe("whole");
    }

    /// <summary>RFC 9111 sections 5.2.2.4 and 5.2.2.7: not only the store leaves them out.</summary>
    [Theory]
    [InlineData("private=\"X-User\"")]
    [InlineData("no-cache=\"x-user\"")]
    public async Task Field_that_is_for_one_client_does_not_reach_those_who_waited_with_it(string directive)
    {
        var release = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            await release.Task;
            await r.WriteAsync(StoryTests.Respond("hello", "200 OK", $"Cache-Control: max-age=60, {directive}\r\nX-User: {r["X-Name"]}\r\nX-All: all\r\n"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var leader = WireClient.AnswerAsync(proxy.Address, "GET", "/p", "X-Name: A\r\n");
        await proxy.WaitForWaitingAsync(1);
        var follower = WireClient.AnswerAsync(proxy.Address, "GET", "/p", "X-Name: B\r\n");
        await proxy.WaitForWaitingAsync(2);
        release.SetResult();
        ((await leader)["X-User"], (await leader)["X-All"], (await leader).Content).ShouldBe(("A", "all", "hello"));
        ((await follower)["X-User"], (await follower)["X-All"], (await follower).Content).ShouldBe((null, "all", "hello"));
        (await follower)["Cache-Status"]!.ShouldContain("collapsed");
        origin.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Cookies_of_a_304_reach_nobody()
    {
        await using var origin = ScriptedOrigin.Answering(r => r["If-None-Match"] is not null
            ? $"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nCache-Control: max-age=10\r\nSet-Cookie: of={r.Number}\r\n\r\n"
            : StoryTests.Respond("hello", "200 OK", "ETag: \"a\"\r\nCache-Control: max-age=10\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await GetAsync(proxy, "/p");
        proxy.Time.Advance(11 * Second);
        for (var i = 0; i < 3; i++)
        {
            var response = await GetAsync(proxy, "/p");
            response.Body.ShouldBe("hello");
            response["Set-Cookie"].ShouldBeNull();
        }
        origin.Requests.Count.ShouldBe(2);
    }

    [Theory]
    [InlineData("must-revalidate")]
    [InlineData("proxy-revalidate")]
    [InlineData("no-cache")]
    public async Task Strict_directives_forbid_every_stale_answer(string directive)
    {
        await using var origin = ScriptedOrigin.Answering(r => r.Number == 1
            ? StoryTests.Respond("old", "200 OK", $"ETag: \"a\"\r\nCache-Control: max-age=1, stale-if-error=50, stale-while-revalidate=50, {directive}\r\n")
            : StoryTests.Respond("down", "503 Service Unavailable"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await GetAsync(proxy, "/p");
        proxy.Time.Advance(2 * Second);
        (await GetAsync(proxy, "/p")).Body.ShouldBe("down");
    }

    [Theory]
    [InlineData("/p", "Location: /other", "/other", true)]
    [InlineData("/p", "Content-Location: other", "/other", true)]
    [InlineData("/p", "Location: http://site.example/other", "/other", true)]
    [InlineData("/p", "Location: http://SITE.example:80/other#x", "/other", true)]
    [InlineData("/p", "Location: //site.example/other", "/other", true)]
    [InlineData("/p", "Location: /a/../other", "/other", true)]
    [InlineData("/p", "Location: http://other.example/other", "/other", false)]
    [InlineData("/p", "Location: //other.example/other", "/other", false)]
    [InlineData("/p", "Location: https://site.example/other", "/other", false)]
    [InlineData("/p", "Location: http://site.example:81/other", "/other", false)]
    [InlineData("/p", "Location: http://user@site.example/other", "/other", false)]
    [InlineData("/p", "Location: http://site.example@other.example/other", "/other", false)]
    [InlineData("/p", "Location: http://site.example.other.example/other", "/other", false)]
    [InlineData("/p", "Location: \\\\site.example\\other", "/other", false)]
    [InlineData("/p", "Location: javascript:/other", "/other", false)]
    [InlineData("/p", "Location: /other\r\nLocation: /x", "/other", false)]
    [InlineData("/p", "X: y", "/p", true)]
    [InlineData("/p", "X: y", "/p?x", false)]
    [InlineData("/p", "X: y", "/P", false)]
    public async Task Write_removes_what_it_names_on_its_own_host_and_nothing_else(string target, string field, string stored, bool removed)
    {
        await using var origin = ScriptedOrigin.Answering(r => r.Method == "GET"
            ? StoryTests.Respond($"body {r.Number}", "200 OK", "Vary: X-Lang\r\n")
            : StoryTests.Respond("done", "201 Created", field + "\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await GetAsync(proxy, stored);
        await GetAsync(proxy, stored, "X-Lang: de");
        await AskAsync(proxy, $"GET {stored} HTTP/1.1\r\nHost: other.example\r\n\r\n");
        await AskAsync(proxy, Request("POST", target, "Content-Length: 0"));
        (await GetAsync(proxy, stored)).Body.ShouldBe(removed ? "body 5" : "body 1");
        (await GetAsync(proxy, stored, "X-Lang: de")).Body.ShouldBe(removed ? "body 6" : "body 2");
        (await AskAsync(proxy, $"GET {stored} HTTP/1.1\r\nHost: other.example\r\n\r\n")).Body.ShouldBe("body 3");
    }

    [Theory]
    [InlineData("X-Lang: de", "X-LANG: de", true)]
    [InlineData("X-Lang: de", "X-Lang:de", true)]
    [InlineData("X-Lang: a, b", "X-Lang: a\r\nX-Lang: b", true)]
    [InlineData("X-Lang: a ,  b", "X-Lang: a,b", true)]
    [InlineData("X-Lang: \"a , b\"", "X-Lang: \"a, b\"", false)]
    [InlineData("X-Lang: de", "X-Lang: DE", false)]
    [InlineData("X-Lang:", "X-Other: x", false)]
    [InlineData("X-Lang: a", "X-Lang: a, a", false)]
    [InlineData("X-Lang: a,b", "X-Lang: b,a", false)]
    [InlineData("X-Lang: a b", "X-Lang: ab", false)]
    [InlineData("X-Lang: a\r\nX-Two: b", "X-Lang: a", false)]
    [InlineData("X-Lang: a\r\nX-Two: b", "X-Lang: b\r\nX-Two: a", false)]
    [InlineData("X-Lang: 1:a", "X-Lang: 1\r\nX-Two: a", false)]
    public async Task Vary_compares_all_lines_and_nothing_slips_between_fields(string one, string other, bool same)
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond($"body {r.Number}", "200 OK", "Vary: x-lang\r\nvary:\t, X-TWO ,\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await GetAsync(proxy, "/p", one);
        (await GetAsync(proxy, "/p", other)).Body.ShouldBe(same ? "body 1" : "body 2");
        (await GetAsync(proxy, "/p", one)).Body.ShouldBe("body 1");
    }

    [Theory]
    [InlineData("gzip, br", "br,gzip", true)]
    [InlineData("gzip", "GZIP, x-evil, foo;q=1", true)]
    [InlineData("x-evil", "y-evil", true)]
    [InlineData("gzip", "x-gzip", true)]
    [InlineData("gzip", "br", false)]
    [InlineData("gzip", "gzip;q=0", false)]
    public async Task Made_up_codings_make_no_variants_and_the_origin_sees_what_is_keyed(string one, string other, bool same)
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond($"<{r["Accept-Encoding"]}>", "200 OK", "Vary: Accept-Encoding\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await GetAsync(proxy, "/p", "Accept-Encoding: " + one);
        await GetAsync(proxy, "/p", "Accept-Encoding: " + other);
        origin.Requests.Count.ShouldBe(same ? 1 : 2);
        origin.Requests.ShouldAllBe(r => !r.Head.Contains("evil"));
    }

    /// <summary>
    /// Round trips through the same proxy: a request that came before them has long boarded its flight when they are done. Should it
    /// still be on its way, the test proves less, but does not fail.
    /// </summary>
    private static async Task WaitAsync(RunningProxy proxy, Task answered)
    {
        for (var i = 0; i < 20 && !answered.IsCompleted; i++)
            await GetAsync(proxy, $"/refused/../{i}");
    }
}
