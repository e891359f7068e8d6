using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Threading.RateLimiting;
using CacheProxy.Diagnostics;
using CacheProxy.Pipeline;
using CacheProxy.Tests.Scenarios;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Configuration;

namespace CacheProxy.Tests.Wire;

/// <summary>Hits answered on the connection: when they are, and when they must not be.</summary>
[Collection("activities")] // a listener is heard in the whole process, and fast hits then are none
public sealed class FastHitTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Hit_is_answered_without_the_pipeline_and_looks_the_same()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"body {r.Number}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await WarmAsync(proxy, "/a");
        proxy.Time.Advance(7 * Second);
        await using var other = await RawClient.ConnectAsync(proxy);
        var slow = await Ask(other, "/a"); // as the first of each connection
        var asked = proxy.Asked;
        var fast = await Ask(client, "/a");
        proxy.Asked.ShouldBe(asked);
        Lines(fast).ShouldBe(Lines(slow));
        fast["Age"].ShouldBe("7");
        fast["Cache-Status"].ShouldBe("CacheProxy; hit; ttl=53");
        fast.Body.ShouldBe("body 1");
    }

    [Fact]
    public async Task First_hit_after_a_fetch_is_answered_without_the_pipeline()
    {
        await using var origin = ScriptedOrigin.Answering(r => r["If-None-Match"] is null ? Respond($"body {r.Number}", "ETag: \"1\"", "Cache-Control: max-age=10") : "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nDate: Mon, 05 Jan 2026 13:00:00 GMT\r\nCache-Control: max-age=10\r\n\r\n");
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await WarmAsync(proxy, "/a");
        for (var fetch = 0; fetch < 2; fetch++) // of the whole, and of its validation
        {
            var asked = proxy.Asked;
            await Ask(client, "/b");
            proxy.Asked.ShouldBe(asked + 1);
            var hit = await Ask(client, "/b");
            proxy.Asked.ShouldBe(asked + 1);
            hit.Body.ShouldBe("body 2");
            hit["Cache-Status"].ShouldBe("CacheProxy; hit; ttl=10");
            proxy.Time.Advance(10 * Second);
        }
        origin.Requests.Count.ShouldBe(3);
    }

    [Fact]
    public async Task Every_connection_begins_in_the_pipeline()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("x"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await WarmAsync(proxy, "/a");
        var asked = proxy.Asked;
        await using var other = await RawClient.ConnectAsync(proxy);
        await Ask(other, "/a");
        proxy.Asked.ShouldBe(asked + 1);
        await Ask(other, "/a");
        proxy.Asked.ShouldBe(asked + 1);
    }

    [Fact]
    public async Task What_expires_is_purged_or_replaced_is_not_answered_any_more()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"body {r.Number}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await WarmAsync(proxy, "/a");
        (await Ask(client, "/a")).Body.ShouldBe("body 1");
        proxy.Time.Advance(60 * Second);
        (await Ask(client, "/a")).Body.ShouldBe("body 2");
        (await Ask(client, "/a")).Body.ShouldBe("body 2");
        (await Ask(client, "/a")).Body.ShouldBe("body 2");
        // A write through the proxy hides it at once, on the same connection and on others.
        await RawClient.AskAsync(proxy, "POST /a HTTP/1.1\r\nHost: site.example\r\nContent-Length: 0\r\n\r\n");
        (await Ask(client, "/a")).Body.ShouldBe("body 4");
    }

    /// <summary>Each row is asked on a warm connection; the pipeline must see it.</summary>
    [Theory]
    [InlineData("GET /a HTTP/1.1\r\nHost: site.example\r\nIf-Modified-Since: Mon, 05 Jan 2026 10:00:00 GMT\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: site.example\r\nIf-None-Match: \"x\"\r\nIf-None-Match: \"y\"\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: site.example\r\nRange: bytes=0-1\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: site.example\r\nAuthorization: Basic eDp5\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: site.example\r\nX-Api-Key: 1\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: site.example\r\nX-Unknown: 1\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: site.example\r\nConnection: keep-alive, x\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: site.example\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: SITE.example\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: site.example:80\r\n\r\n")]
    [InlineData("GET http://site.example/a HTTP/1.1\r\nHost: site.example\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: site.example\r\nUser-Agent: caf\u00e9\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: site.example\r\nExpect: 100-continue\r\n\r\n")]
    public async Task What_is_not_plain_goes_through_the_pipeline(string request)
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("x"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await WarmAsync(proxy, "/a");
        var asked = proxy.Asked;
        await client.SendAsync(request);
        (await client.ReadAsync()).Status.ShouldBeOneOf(200, 206);
        proxy.Asked.ShouldBe(asked + 1);
    }

    [Theory]
    [InlineData("If-None-Match: \"1\"", 304)]
    [InlineData("If-None-Match: \"0\", W/\"1\"", 304)]
    [InlineData("If-None-Match: *", 304)]
    [InlineData("If-None-Match: \"1\"\r\nIf-Modified-Since: Mon, 05 Jan 2026 10:00:00 GMT", 304)]
    [InlineData("If-None-Match: \"2\"", 200)]
    [InlineData("If-None-Match: \"2\"\r\nIf-Modified-Since: Mon, 05 Jan 2026 14:00:00 GMT", 200)]
    public async Task Condition_on_the_entity_tag_is_answered_without_the_pipeline_and_looks_the_same(string condition, int status)
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("x", "ETag: \"1\"", "Content-Type: text/plain"));
        await using var slow = await RunningProxy.StartAsync(origin.Address);
        await using var fast = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var one = await WarmAsync(slow, "/a");
        await using var other = await WarmAsync(fast, "/a");
        var asked = fast.Asked;
        var answer = await Ask(other, "/a", condition);
        fast.Asked.ShouldBe(asked);
        answer.Status.ShouldBe(status);
        (answer["Content-Type"] is not null).ShouldBe(status == 200);
        Lines(answer).ShouldBe(Lines(await Ask(one, "/a", condition)));
        (await Ask(other, "/a")).Body.ShouldBe("x"); // and the connection goes on
    }

    [Theory]
    [InlineData("User-Agent: x")]
    [InlineData("Accept-Encoding: gzip, br")]
    [InlineData("Connection: Keep-Alive")]
    [InlineData("Cache-Control: no-cache")]
    [InlineData("Cookie: a=b")]
    [InlineData("X-Forwarded-For: 10.0.0.1")]
    [InlineData("X-Forwarded-Proto: https")] // of a peer that is not believed
    public async Task Fields_without_a_say_do_not_keep_a_hit_from_it(string field)
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("x", "Cache-Control: max-age=50"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await WarmAsync(proxy, "/a");
        var asked = proxy.Asked;
        (await Ask(client, "/a", field))["Cache-Status"].ShouldStartWith("CacheProxy; hit");
        proxy.Asked.ShouldBe(asked);
    }

    [Fact]
    public async Task Lifetime_of_the_proxys_own_is_not_for_a_request_with_a_cookie()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"body {r.Number}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await WarmAsync(proxy, "/a");
        (await Ask(client, "/a", "Cookie: user=1")).Body.ShouldBe("body 2");
    }

    [Fact]
    public async Task Each_gets_the_content_coding_it_accepts_without_the_pipeline()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"{r.Number} for {r["Accept-Encoding"] ?? "none"}", "Vary: Accept-Encoding"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await WarmAsync(proxy, "/warm");
        string[] variants = ["gzip", "br, gzip", "identity", "br"];
        foreach (var accepted in variants)
            (await Ask(client, "/a", "Accept-Encoding: " + accepted))["Cache-Status"].ShouldStartWith("CacheProxy; fwd=");
        var (asked, fetched) = (proxy.Asked, origin.Requests.Count);
        (await Ask(client, "/a", "Accept-Encoding: gzip")).Body.ShouldEndWith("for gzip");
        (await Ask(client, "/a", "accept-encoding: X-Gzip , BR;q=1.0, made-up")).Body.ShouldEndWith("for br, gzip");
        (await Ask(client, "/a", "Accept-Encoding: br, gzip;q=0")).Body.ShouldEndWith("for br");
        (await Ask(client, "/a", "Accept-Encoding: identity")).Body.ShouldEndWith("for none");
        (await Ask(client, "/a", "Accept-Encoding:")).Body.ShouldEndWith("for none");
        (await Ask(client, "/a")).Body.ShouldEndWith("for none");
        (proxy.Asked, origin.Requests.Count).ShouldBe((asked, fetched));
        (await Ask(client, "/a", "Accept-Encoding: zstd")).Body.ShouldEndWith("for zstd"); // nobody has asked for that
        origin.Requests.Count.ShouldBe(fetched + 1);
    }

    [Theory]
    [InlineData("Accept-Encoding: br;q=0.5, gzip")]
    [InlineData("Accept-Encoding: gzip, *;q=0")]
    [InlineData("Accept-Encoding: identity;q=0")]
    [InlineData("Accept-Encoding: gzip\r\nAccept-Encoding: br")]
    public async Task Accept_Encoding_that_is_more_than_a_set_is_for_the_pipeline(string fields)
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"for {r["Accept-Encoding"] ?? "none"}", "Vary: Accept-Encoding"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await WarmAsync(proxy, "/warm");
        foreach (var plain in (string[])["Accept-Encoding: gzip", "X: 1", "Accept-Encoding: br, gzip", fields])
            await Ask(client, "/a", plain);
        var (asked, fetched) = (proxy.Asked, origin.Requests.Count);
        (await Ask(client, "/a", fields))["Cache-Status"].ShouldStartWith("CacheProxy; hit");
        (proxy.Asked, origin.Requests.Count).ShouldBe((asked + 1, fetched));
    }

    [Fact]
    public async Task Variants_are_freshened_and_purged_each_for_itself()
    {
        await using var origin = ScriptedOrigin.Answering(r => r["If-None-Match"] is null
            ? Respond($"{r.Number} for {r["Accept-Encoding"]}", "Vary: Accept-Encoding", $"ETag: \"{r["Accept-Encoding"]}\"", "Cache-Control: max-age=10")
            : $"HTTP/1.1 304 Not Modified\r\nETag: {r["If-None-Match"]!.Split(',')[^1].Trim()}\r\nVary: Accept-Encoding\r\nDate: Mon, 05 Jan 2026 13:00:00 GMT\r\nCache-Control: max-age=10\r\n\r\n");
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await WarmAsync(proxy, "/warm");
        await Ask(client, "/a", "Accept-Encoding: gzip");
        proxy.Time.Advance(6 * Second);
        await Ask(client, "/a", "Accept-Encoding: br");
        proxy.Time.Advance(6 * Second);
        var asked = proxy.Asked;
        (await Ask(client, "/a", "Accept-Encoding: br"))["Cache-Status"].ShouldBe("CacheProxy; hit; ttl=4");
        proxy.Asked.ShouldBe(asked);
        (await Ask(client, "/a", "Accept-Encoding: gzip"))["Cache-Status"].ShouldStartWith("CacheProxy; fwd=stale");
        proxy.Asked.ShouldBe(asked + 1);
        (await Ask(client, "/a", "Accept-Encoding: gzip")).Body.ShouldEndWith("for gzip");
        (await Ask(client, "/a", "Accept-Encoding: br", "If-None-Match: \"br\"")).Status.ShouldBe(304);
        (await Ask(client, "/a", "Accept-Encoding: br", "If-None-Match: \"gzip\"")).Body.ShouldEndWith("for br");
        proxy.Asked.ShouldBe(asked + 1);
        await RawClient.AskAsync(proxy, "POST /a HTTP/1.1\r\nHost: site.example\r\nContent-Length: 0\r\n\r\n");
        foreach (var coding in (string[])["gzip", "br"])
            (await Ask(client, "/a", "Accept-Encoding: " + coding))["Cache-Status"].ShouldStartWith("CacheProxy; fwd=");
    }

    [Fact]
    public async Task Large_body_in_the_content_coding_that_is_accepted_is_answered_without_the_pipeline()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond(new string(r["Accept-Encoding"] is null ? 'p' : 'g', 100_000), "Vary: Accept-Encoding"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await WarmAsync(proxy, "/warm");
        await Ask(client, "/a");
        await Ask(client, "/a", "Accept-Encoding: gzip");
        var asked = proxy.Asked;
        (await Ask(client, "/a", "Accept-Encoding: gzip")).Body.ShouldBe(new string('g', 100_000));
        (await Ask(client, "/a")).Body.ShouldBe(new string('p', 100_000));
        proxy.Asked.ShouldBe(asked);
    }

    /// <summary>In the order in which the pipeline asks: the newest first.</summary>
    [Fact]
    public async Task Variant_that_the_pipeline_would_ask_first_is_asked_first()
    {
        await using var origin = ScriptedOrigin.Answering(r => r.Number switch
        {
            2 => Respond("by coding", "Vary: Accept-Encoding"),
            3 => Respond("by language", "Vary: Accept-Language"),
            _ => Respond("other"),
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await WarmAsync(proxy, "/warm");
        await Ask(client, "/a", "Accept-Encoding: gzip");
        proxy.Time.Advance(Second);
        await Ask(client, "/a", "Accept-Encoding: br", "Accept-Language: de");
        var asked = proxy.Asked;
        (await Ask(client, "/a", "Accept-Encoding: gzip", "Accept-Language: de")).Body.ShouldBe("by language");
        (await Ask(client, "/a", "Accept-Encoding: gzip", "Accept-Language: fr")).Body.ShouldBe("by coding");
        proxy.Asked.ShouldBe(asked + 2);
    }

    [Theory]
    [InlineData("Vary: Accept")]
    [InlineData("Vary: Accept-Encoding, Accept")]
    [InlineData("X-Text: caf\u00e9")]
    public async Task Answers_that_are_not_simple_are_written_by_the_pipeline(string field)
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("x", field));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await WarmAsync(proxy, "/a");
        var asked = proxy.Asked;
        (await Ask(client, "/a"))["Cache-Status"].ShouldStartWith("CacheProxy; hit");
        proxy.Asked.ShouldBe(asked + 1);
    }

    [Theory]
    [InlineData("authorization")]
    [InlineData("rate limit")]
    [InlineData("cors")]
    [InlineData("timeout")]
    public async Task What_stands_on_a_route_before_the_cache_sees_every_hit(string what)
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("x"));
        await using var proxy = await RunningProxy.StartAsync(
            origin.Address, fastHits: true,
            route: r => what switch
            {
                "authorization" => r with { AuthorizationPolicy = "allowed" },
                "rate limit" => r with { RateLimiterPolicy = "few" },
                "timeout" => r with { Timeout = TimeSpan.FromMinutes(1) },
                _ => r with { CorsPolicy = "here" },
            },
            build: builder =>
            {
                builder.Services.AddAuthorization(o => o.AddPolicy("allowed", p => p.RequireAssertion(c => !((HttpContext)c.Resource!).Request.Headers.UserAgent.Equals("bad"))));
                builder.Services.AddAuthentication("none").AddCookie("none", o => o.Events.OnRedirectToLogin = c => { c.Response.StatusCode = 401; return Task.CompletedTask; });
                builder.Services.AddRateLimiter(o => o.AddFixedWindowLimiter("few", w => (w.PermitLimit, w.Window) = (5, TimeSpan.FromHours(1))));
                builder.Services.AddCors(o => o.AddPolicy("here", p => p.WithOrigins("http://here")));
                builder.Services.AddRequestTimeouts();
            },
            before: app =>
            {
                app.UseRouting();
                app.UseRequestTimeouts();
                app.UseCors();
                app.UseAuthentication();
                app.UseAuthorization();
                app.UseRateLimiter();
            });
        await using var client = await WarmAsync(proxy, "/a");
        var asked = proxy.Asked;
        (await Ask(client, "/a")).Status.ShouldBe(200);
        (await Ask(client, "/a")).Status.ShouldBe(200);
        proxy.Asked.ShouldBe(asked + 2);
        if (what == "authorization")
            (await Ask(client, "/a", "User-Agent: bad")).Status.ShouldBe(401);
        if (what == "rate limit")
            ((await Ask(client, "/a")).Status, (await Ask(client, "/a")).Status).ShouldBe((200, 503)); // the sixth
    }

    [Fact]
    public async Task Route_with_settings_that_read_the_request_is_not_fast()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("x"));
        foreach (var settings in (RouteCacheOptions[])[new() { HonorRequestDirectives = true }, new() { QueryDeny = "a" }, new() { ReadYourWrites = ReadYourWrites.Field }])
        {
            await using var proxy = await RunningProxy.StartAsync(origin.Address, o => o.Routes["origin"] = settings, fastHits: true);
            await using var client = await WarmAsync(proxy, "/a");
            var asked = proxy.Asked;
            await Ask(client, "/a");
            proxy.Asked.ShouldBe(asked + 1);
        }
    }

    [Fact]
    public async Task Routes_told_apart_by_fields_are_not_fast()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("x"));
        var config = new InMemoryConfigProvider([Route("plain"), Route("bots") with { Order = -1, Match = new RouteMatch { Path = "{**rest}", Headers = [new RouteHeader { Name = "User-Agent", Values = ["bot"] }] } }], [Cluster(origin)]);
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true, build: b => b.Services.AddSingleton<IProxyConfigProvider>(config), route: r => r with { Match = new RouteMatch { Path = "/never" } });
        await using var client = await WarmAsync(proxy, "/a");
        var asked = proxy.Asked;
        await Ask(client, "/a");
        await Ask(client, "/a", "User-Agent: bot");
        proxy.Asked.ShouldBe(asked + 2);
    }

    [Fact]
    public async Task Changed_configuration_takes_all_leave_back()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("x"));
        var config = new InMemoryConfigProvider([Route("plain")], [Cluster(origin)]);
        await using var proxy = await RunningProxy.StartAsync(
            origin.Address, fastHits: true, build: b =>
            {
                b.Services.AddSingleton<IProxyConfigProvider>(config);
                b.Services.AddRateLimiter(o => o.AddPolicy("none", _ => RateLimitPartition.GetFixedWindowLimiter("", _ => new() { PermitLimit = 1, Window = TimeSpan.FromHours(1) })));
            }, route: r => r with { Match = new RouteMatch { Path = "/never" } },
            before: app => { app.UseRouting(); app.UseRateLimiter(); });
        await using var client = await WarmAsync(proxy, "/a");
        var asked = proxy.Asked;
        await Ask(client, "/a");
        proxy.Asked.ShouldBe(asked);
        // A second route takes the path over, with a limit; the first stays what it was.
        config.Update([Route("plain"), Route("limited") with { Order = -1, Match = new RouteMatch { Path = "/a" }, RateLimiterPolicy = "none" }], [Cluster(origin)]);
        (await Ask(client, "/a")).Status.ShouldBe(200);
        (await Ask(client, "/a")).Status.ShouldBe(503);
        proxy.Time.Advance(Second);
        (await Ask(client, "/a")).Status.ShouldBe(503);
    }

    [Fact]
    public async Task Metrics_count_them_as_all_others()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("12345"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        using var durations = new MeterListener();
        var seen = new List<string>();
        durations.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "http.server.request.duration" && ReferenceEquals(instrument.Meter.Scope, proxy.Services.GetRequiredService<IMeterFactory>()))
                listener.EnableMeasurementEvents(instrument);
        };
        durations.SetMeasurementEventCallback<double>((_, value, tags, _) =>
        {
            lock (seen)
                seen.Add($"{value > 0} {string.Join(' ', tags.ToArray().OrderBy(t => t.Key).Select(t => $"{t.Key}={t.Value}"))}");
        });
        durations.Start();
        await using var client = await WarmAsync(proxy, "/a");
        var (asked, before) = (proxy.Asked, Hits(proxy));
        for (var i = 0; i < 3; i++)
            await Ask(client, "/a");
        proxy.Asked.ShouldBe(asked);
        Hits(proxy).ShouldBe((before.Requests + 3, before.Bytes + 15));
        await Eventually.TrueAsync(() => { lock (seen) return seen.Count == 5; }, "all five are counted");
        seen.Distinct().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Traces_see_every_request()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("x"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await WarmAsync(proxy, "/a");
        using var listener = new ActivityListener { ShouldListenTo = source => source.Name == "Microsoft.AspNetCore", Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.None };
        ActivitySource.AddActivityListener(listener);
        var asked = proxy.Asked;
        await Ask(client, "/a");
        await Ask(client, "/a");
        proxy.Asked.ShouldBe(asked + 2);
    }

    [Fact]
    public async Task Pipelined_requests_are_answered_in_order_whoever_answers()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond(r.Target));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await WarmAsync(proxy, "/a");
        await Ask(client, "/b");
        await Ask(client, "/b");
        string[] targets = [.. Enumerable.Range(0, 2000).Select(i => i % 97 == 0 ? $"/miss{i}" : i % 2 == 0 ? "/a" : "/b")];
        var asked = proxy.Asked;
        var sending = client.SendAsync(string.Concat(targets.Select(t => RawClient.Get(t))));
        foreach (var target in targets)
            (await client.ReadAsync()).Body.ShouldBe(target);
        await sending;
        (proxy.Asked - asked).ShouldBeLessThan(500);
    }

    /// <summary>Nobody but Kestrel knows where a body ends: what looks like a request in it is not one.</summary>
    [Theory]
    [InlineData("POST", "Content-Length: 39", "{0}")]
    [InlineData("POST", "Transfer-Encoding: chunked", "27\r\n{0}\r\n0\r\n\r\n")]
    [InlineData("POST", "Transfer-Encoding: chunked", "{0}")] // a chunk's length it is not: refused
    [InlineData("GET", "Content-Length: 39", "{0}")]
    [InlineData("QUERY", "Content-Length: 39", "{0}")]
    public async Task Body_that_looks_like_a_request_is_a_body(string method, string framing, string body)
    {
        var bodies = new List<string>();
        await using var origin = ScriptedOrigin.Answering(r =>
        {
            bodies.Add(System.Text.Encoding.ASCII.GetString(r.Body));
            return Respond("x", r.Method == "GET" && r.Body.Length == 0 ? "Cache-Control: max-age=60" : "Cache-Control: no-store");
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, o => o.Routes["origin"] = new() { QueryMethodBytes = 100 }, fastHits: true);
        await using var client = await WarmAsync(proxy, "/a");
        (await Ask(client, "/a")).Status.ShouldBe(200);
        var (hits, asked) = (Hits(proxy).Requests, proxy.Asked);
        await client.SendAsync($"{method} /other HTTP/1.1\r\nHost: site.example\r\nContent-Type: text/plain\r\n{framing}\r\n\r\n");
        await proxy.WaitForWaitingAsync(1);
        var inner = RawClient.Get("/a");
        inner.Length.ShouldBe(39);
        await client.SendAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, body, inner));
        var answer = await client.ReadAsync();
        Hits(proxy).Requests.ShouldBe(hits);
        if (framing.StartsWith("Transfer", StringComparison.Ordinal) && body == "{0}")
        {
            answer.Status.ShouldNotBe(200);
            return;
        }
        answer.Status.ShouldBe(200);
        bodies[^1].ShouldBe(inner);
        // And what follows is a request again, for Kestrel first.
        (await Ask(client, "/a")).Body.ShouldBe("x");
        (await Ask(client, "/a")).Body.ShouldBe("x");
        Hits(proxy).Requests.ShouldBe(hits + 2);
        (proxy.Asked - asked).ShouldBeInRange(2, 3);
    }

    /// <summary>Mostly: Kestrel gives a connection up when it hears of the end before the answer is sent.</summary>
    [Fact]
    public async Task Client_that_sends_its_last_request_and_half_closes_is_answered()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("x"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await (await WarmAsync(proxy, "/a")).DisposeAsync();
        for (var tries = 1; await AnswersOfHalfClosedAsync(proxy) != 2; tries++)
            tries.ShouldBeLessThan(100);
    }

    private static async Task<int> AnswersOfHalfClosedAsync(RunningProxy proxy)
    {
        using var tcp = new System.Net.Sockets.TcpClient();
        await tcp.ConnectAsync(proxy.Address.Host, proxy.Address.Port);
        var stream = tcp.GetStream();
        var get = System.Text.Encoding.ASCII.GetBytes(RawClient.Get("/a"));
        await stream.WriteAsync(get);
        await stream.ReadExactlyAsync(new byte[20]);
        await stream.WriteAsync(get);
        tcp.Client.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        try
        {
            return (await new StreamReader(stream).ReadToEndAsync()).Split("HTTP/1.1 200 OK").Length;
        }
        catch (IOException)
        {
            return 1; // reset
        }
    }

    [Fact]
    public async Task Idle_connection_is_closed_when_the_server_stops()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("x"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        await using var client = await WarmAsync(proxy, "/a");
        await Ask(client, "/a");
        await proxy.StopAsync().WaitAsync(10 * Second);
        (await client.IsClosedAsync()).ShouldBeTrue();
    }

    [Fact]
    public async Task Busy_connection_is_not_idle_to_Kestrel()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond("x"));
        await using var proxy = await RunningProxy.StartAsync(
            origin.Address, fastHits: true, build: b => b.Services.Configure<Microsoft.AspNetCore.Server.Kestrel.Core.KestrelServerOptions>(k => k.Limits.KeepAliveTimeout = 3 * Second));
        await using var client = await WarmAsync(proxy, "/a");
        var asked = proxy.Asked;
        for (var begun = Stopwatch.StartNew(); begun.Elapsed < 6 * Second;)
            (await Ask(client, "/a")).Status.ShouldBe(200);
        (proxy.Asked - asked).ShouldBeInRange(2, 6);
    }

    internal static string[] Lines(RawResponse response) => [response.Head.Split('\r')[0], .. response.Fields.Select(Normal).Order(StringComparer.Ordinal)];

    private static string Normal(string line) => line[..line.IndexOf(':')].ToLowerInvariant() + line[line.IndexOf(':')..];

    private static (long Requests, long Bytes) Hits(RunningProxy proxy) =>
        proxy.Core.Metrics.Outcomes().Where(o => o.Outcome.Result == CacheResult.Hit).Select(o => (o.Requests, o.BodyBytes)).Single();

    /// <summary>A connection on which the next plain request for the target could be answered.</summary>
    internal static async Task<RawClient> WarmAsync(RunningProxy proxy, string target)
    {
        var client = await RawClient.ConnectAsync(proxy);
        (await Ask(client, target)).Status.ShouldBe(200);
        await proxy.WaitForFetchesAsync();
        (await Ask(client, target)).Status.ShouldBe(200);
        return client;
    }

    internal static async Task<RawResponse> Ask(RawClient client, string target, params string[] fields)
    {
        await client.SendAsync(RawClient.Get(target, fields));
        return await client.ReadAsync();
    }

    internal static RouteConfig Route(string id) => new() { RouteId = id, ClusterId = "other", Match = new RouteMatch { Path = "{**rest}" } };

    internal static ClusterConfig Cluster(ScriptedOrigin origin) => new()
    {
        ClusterId = "other",
        Destinations = new Dictionary<string, DestinationConfig> { ["one"] = new() { Address = origin.Address } },
    };

    internal static string Respond(string body, params string[] fields) =>
        $"HTTP/1.1 200 OK\r\nDate: Mon, 05 Jan 2026 13:00:00 GMT\r\nContent-Type: text/plain\r\nX-Two: 1\r\nX-Two: 2\r\nContent-Length: {body.Length}\r\n{string.Concat(fields.Select(f => f + "\r\n"))}\r\n{body}";
}
