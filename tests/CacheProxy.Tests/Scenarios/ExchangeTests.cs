using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Transforms;
using static CacheProxy.Tests.Scenarios.StoryTests;

namespace CacheProxy.Tests.Scenarios;

/// <summary>What YARP and its user's own steps see on a fetch: as on any client's request, though it is nobody's.</summary>
public sealed class ExchangeTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Transforms_of_path_and_fields_hold_on_miss_and_hit()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond($"{r.Target} {r["X-Added"]}", "200 OK", "X-Secret: 1\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, route: route => route with
        {
            Transforms =
            [
                new Dictionary<string, string> { ["PathRemovePrefix"] = "/api" },
                new Dictionary<string, string> { ["RequestHeader"] = "X-Added", ["Set"] = "yes" },
                new Dictionary<string, string> { ["ResponseHeader"] = "X-Answer", ["Set"] = "added" },
                new Dictionary<string, string> { ["ResponseHeaderRemove"] = "X-Secret" },
            ],
        });
        for (var i = 0; i < 2; i++)
        {
            var answer = await proxy.GetAsync("/api/items/1?a=b");
            (await Text(answer)).ShouldBe("/items/1?a=b yes");
            Field(answer, "X-Answer").ShouldBe("added");
            Field(answer, "X-Secret").ShouldBeNull();
            await proxy.WaitForFetchesAsync();
        }
        origin.Requests.Count.ShouldBe(1);
        (await Text(await proxy.SendAsync(HttpMethod.Post, "/api/items/1"))).ShouldBe("/items/1 yes");
        (await Text(await proxy.GetAsync("/api/items/1"))).ShouldBe("/items/1 yes");
    }

    [Fact]
    public async Task Path_pattern_takes_its_values_from_the_route()
    {
        await using var origin = ScriptedOrigin.Answering(r => Respond(r.Target));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, route: route => route with
        {
            Match = new RouteMatch { Path = "/shop/{id}/{**rest}" },
            Transforms =
            [
                new Dictionary<string, string> { ["PathPattern"] = "/v2/{id}/all/{**rest}" },
                new Dictionary<string, string> { ["QueryRouteParameter"] = "shop", ["Set"] = "id" },
            ],
        });
        (await Text(await proxy.GetAsync("/shop/7/a/b"))).ShouldBe("/v2/7/all/a/b?shop=7");
        (await Text(await proxy.GetAsync("/shop/7/a/b"))).ShouldBe("/v2/7/all/a/b?shop=7");
        (await Text(await proxy.GetAsync("/shop/8/a/b"))).ShouldBe("/v2/8/all/a/b?shop=8");
        origin.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Transform_sees_services_of_its_own_and_the_accessors_context_and_both_outlive_the_client()
    {
        var release = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            arrived.SetResult();
            await release.Task;
            await r.WriteAsync(Respond("hello"));
        });
        var seen = new List<string>();
        await using var proxy = await RunningProxy.StartAsync(origin.Address, build: builder =>
        {
            builder.Services.AddHttpContextAccessor();
            builder.Services.AddScoped(_ => new Scoped(seen));
        }, transforms: transforms =>
            {
                transforms.AddRequestTransform(context =>
                {
                    context.HttpContext.RequestServices.GetRequiredService<Scoped>().Says("asked");
                    context.HttpContext.Response.OnCompleted(() =>
                    {
                        lock (seen)
                            seen.Add("completed");
                        return Task.CompletedTask;
                    });
                    return default;
                });
                transforms.AddResponseTransform(context =>
                {
                    var accessor = context.HttpContext.RequestServices.GetRequiredService<IHttpContextAccessor>();
                    ReferenceEquals(accessor.HttpContext, context.HttpContext).ShouldBeTrue();
                    context.HttpContext.RequestServices.GetRequiredService<Scoped>().Says("answered");
                    context.HttpContext.Response.OnStarting(() =>
                    {
                        context.HttpContext.Response.Headers["X-Starting"] = "yes";
                        return Task.CompletedTask;
                    });
                    return default;
                });
            });
        using (var leaving = await WireClient.SendAsync(proxy.Address, "GET", "/"))
        {
            await arrived.Task.InTimeAsync("the fetch");
            leaving.Reset();
        }
        await proxy.WaitForWaitingAsync(0);
        release.SetResult();
        await proxy.WaitForFetchesAsync();
        await Eventually.TrueAsync(() => { lock (seen) return seen.Count == 4; }, "the exchange is disposed of");
        seen.ShouldBe(["asked", "answered", "completed", "disposed"]);
        var hit = await proxy.GetAsync("/");
        Field(hit, "Cache-Status")!.ShouldContain("hit");
        Field(hit, "X-Starting").ShouldBe("yes");
    }

    [Fact]
    public async Task Callback_at_the_end_that_throws_does_not_keep_others_from_theirs()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("hello"));
        var seen = new List<string>();
        await using var proxy = await RunningProxy.StartAsync(origin.Address, build: builder =>
        {
            builder.Services.AddScoped(_ => new Scoped(seen));
        }, transforms: transforms => transforms.AddRequestTransform(context =>
        {
            context.HttpContext.RequestServices.GetRequiredService<Scoped>().Says("asked");
            context.HttpContext.Response.OnCompleted(() => throw new InvalidOperationException("thrown by a test"));
            return default;
        }));
        (await Text(await proxy.GetAsync("/"))).ShouldBe("hello");
        await Eventually.TrueAsync(() => { lock (seen) return seen.Contains("disposed"); }, "the services are disposed of");
    }

    [Fact]
    public async Task Transform_that_throws_is_a_502_for_all_who_wait_and_is_forgotten()
    {
        var isBroken = true;
        await using var origin = ScriptedOrigin.Answering(_ => Respond("hello"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, transforms: transforms =>
            transforms.AddResponseTransform(_ => isBroken ? throw new InvalidOperationException("secret") : default));
        var answer = await WireClient.AnswerAsync(proxy.Address, "GET", "/");
        answer.Status.ShouldBe(502);
        answer.Text.ShouldNotContain("secret");
        await proxy.WaitForFetchesAsync();
        isBroken = false;
        (await Text(await proxy.GetAsync("/"))).ShouldBe("hello");
    }

    [Fact]
    public async Task Step_that_answers_by_itself_is_recorded_like_an_origin()
    {
        var answers = 0;
        await using var origin = ScriptedOrigin.Answering(_ => Respond("never asked"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, afterCache: steps => steps.Use(async (HttpContext context, RequestDelegate _) =>
        {
            Interlocked.Increment(ref answers);
            context.Response.Headers["X-Own"] = "yes";
            if (context.Request.Path == "/empty")
                return;
            await context.Response.BodyWriter.WriteAsync(Encoding.UTF8.GetBytes("own "));
            await context.Response.WriteAsync("answer");
        }));
        for (var i = 0; i < 2; i++)
        {
            (await Text(await proxy.GetAsync("/"))).ShouldBe("own answer");
            var empty = await proxy.GetAsync("/empty");
            (await Text(empty)).ShouldBe("");
            Field(empty, "X-Own").ShouldBe("yes");
            await proxy.WaitForFetchesAsync();
        }
        answers.ShouldBe(2);
        origin.Requests.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Step_that_swaps_the_body_is_heard()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("hello"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, afterCache: steps => steps.Use(async (HttpContext context, RequestDelegate next) =>
        {
            var own = context.Response.Body;
            using var buffer = new MemoryStream();
            context.Response.Body = buffer;
            await next(context);
            context.Response.Body = own;
            context.Response.ContentLength = null;
            await context.Response.WriteAsync(Encoding.UTF8.GetString(buffer.ToArray()).ToUpperInvariant());
        }));
        (await Text(await proxy.GetAsync("/"))).ShouldBe("HELLO");
        await proxy.WaitForFetchesAsync();
        (await Text(await proxy.GetAsync("/"))).ShouldBe("HELLO");
        origin.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Affinity_cookie_is_neither_shared_nor_stored_and_passes_have_it()
    {
        var release = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            await release.Task;
            if (r.Target == "/down")
                r.Reset();
            else
                await r.WriteAsync(Respond("hello"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: cluster => cluster with
        {
            SessionAffinity = new SessionAffinityConfig { Enabled = true, Policy = "ArrCookie", AffinityKeyName = "affinity" },
        });
        var clients = new[] { "/", "/", "/", "/down", "/down" }.Select(target => proxy.GetAsync(target)).ToArray();
        await proxy.WaitForWaitingAsync(5);
        release.SetResult();
        foreach (var client in clients)
            Field(await client, "Set-Cookie").ShouldBeNull();
        await proxy.WaitForFetchesAsync();
        var hit = await proxy.GetAsync("/");
        Field(hit, "Cache-Status")!.ShouldContain("hit");
        Field(hit, "Set-Cookie").ShouldBeNull();
        Field(await proxy.SendAsync(HttpMethod.Post, "/"), "Set-Cookie")!.ShouldStartWith("affinity=");
    }

    [Fact]
    public async Task Fetches_are_counted_while_they_run_and_not_when_they_are_over()
    {
        // LeastRequests takes the first destination of those with the least requests: whatever is left over shows.
        var release = new TaskCompletionSource();
        var script = async (OriginRequest r, string name) =>
        {
            if (r.Target.StartsWith("/held", StringComparison.Ordinal))
                await release.Task;
            if (r.Target.StartsWith("/left", StringComparison.Ordinal))
                await r.WaitForCloseAsync();
            else if (r.Target.StartsWith("/broken", StringComparison.Ordinal))
                r.Reset();
            else
                await r.WriteAsync(Respond(name));
        };
        await using var one = new ScriptedOrigin(r => script(r, "one"));
        await using var two = new ScriptedOrigin(r => script(r, "two"));
        await using var proxy = await RunningProxy.StartAsync(one.Address, options => options.FinishTime = TimeSpan.Zero, cluster: cluster => cluster with
        {
            LoadBalancingPolicy = "LeastRequests",
            Destinations = new Dictionary<string, DestinationConfig> { ["one"] = new() { Address = one.Address }, ["two"] = new() { Address = two.Address } },
        });
        var first = await Text(await proxy.GetAsync("/first"));
        for (var i = 0; i < 10; i++)
        {
            await proxy.GetAsync($"/ok{i}");
            await proxy.GetAsync($"/broken{i}");
            using var leaving = await WireClient.SendAsync(proxy.Address, "GET", $"/left{i}");
            await Eventually.TrueAsync(() => one.Requests.Concat(two.Requests).Any(r => r.Target == $"/left{i}"), "the fetch has come");
            leaving.Reset();
            await proxy.WaitForFetchesAsync();
        }
        (await Text(await proxy.GetAsync("/again"))).ShouldBe(first);
        await proxy.WaitForFetchesAsync();

        var held = proxy.GetAsync("/held");
        await Eventually.TrueAsync(() => one.Requests.Concat(two.Requests).Any(r => r.Target == "/held"), "one fetch is held");
        (await Text(await proxy.GetAsync("/other"))).ShouldNotBe(first); // the busy one is spared
        release.SetResult();
        (await Text(await held)).ShouldBe(first);
    }

    [Fact]
    public async Task Destination_that_fails_fetches_is_taken_out_and_says_503()
    {
        await using var origin = new ScriptedOrigin(r =>
        {
            r.Reset();
            return Task.CompletedTask;
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: cluster => cluster with
        {
            HealthCheck = new HealthCheckConfig
            {
                AvailableDestinationsPolicy = "HealthyAndUnknown",
                Passive = new PassiveHealthCheckConfig { Enabled = true, Policy = "TransportFailureRate", ReactivationPeriod = 60 * Second },
            },
        });
        HttpResponseMessage answer;
        var attempt = 0;
        do
        {
            proxy.Time.Advance(Second); // the policy counts by the second
            answer = await proxy.GetAsync($"/{attempt}");
        }
        while (answer.StatusCode == HttpStatusCode.BadGateway && attempt++ < 50);
        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        var pass = await proxy.SendAsync(HttpMethod.Post, "/");
        pass.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        pass.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        Field(pass, "Cache-Control").ShouldBe("no-store");
    }

    [Fact]
    public async Task Fetches_that_were_left_are_not_held_against_the_destination()
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            if (r.Target.StartsWith("/left", StringComparison.Ordinal))
            {
                await r.WriteAsync("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 10\r\n\r\n01234");
                await r.WaitForCloseAsync();
                return;
            }
            await r.WriteAsync(Respond("hello"));
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, cluster: cluster => cluster with
        {
            HealthCheck = new HealthCheckConfig
            {
                AvailableDestinationsPolicy = "HealthyAndUnknown",
                Passive = new PassiveHealthCheckConfig { Enabled = true, Policy = "TransportFailureRate", ReactivationPeriod = 60 * Second },
            },
        });
        for (var i = 0; i < 30; i++)
        {
            using var leaving = await WireClient.SendAsync(proxy.Address, "GET", $"/left{i}");
            await leaving.ReadUntilAsync("01234");
            leaving.Reset();
        }
        await proxy.WaitForFetchesAsync();
        (await Text(await proxy.GetAsync("/"))).ShouldBe("hello");
    }

    [Fact]
    public async Task Origin_is_told_who_the_client_is_on_misses_and_passes()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Respond("hello"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await proxy.GetAsync("/");
        await proxy.SendAsync(HttpMethod.Post, "/");
        foreach (var request in origin.Requests)
        {
            request["X-Forwarded-For"].ShouldBe("127.0.0.1");
            request["X-Forwarded-Proto"].ShouldBe("http");
            request["X-Forwarded-Host"].ShouldBe(proxy.Address.Authority);
        }
    }

    private sealed class Scoped(List<string> seen) : IDisposable
    {
        public void Says(string word)
        {
            lock (seen)
                seen.Add(word);
        }

        public void Dispose() => Says("disposed");
    }
}
