using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Threading.RateLimiting;
using CacheProxy.Tests.Scenarios;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Configuration;

namespace CacheProxy.Tests.Wire;

/// <summary>What would be jumped over if a leave were given too freely.</summary>
public sealed class FastHitBorderTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Leave_of_a_route_for_HEAD_is_not_one_for_GET()
    {
        await using var origin = ScriptedOrigin.Answering(r => FastHitTests.Respond("secret"));
        var config = new InMemoryConfigProvider(
            [
                FastHitTests.Route("heads") with { Match = new RouteMatch { Path = "{**rest}", Methods = ["HEAD"] } },
                FastHitTests.Route("gets") with { Match = new RouteMatch { Path = "{**rest}", Methods = ["GET"] }, AuthorizationPolicy = "allowed" },
            ], [FastHitTests.Cluster(origin)]);
        await using var proxy = await RunningProxy.StartAsync(
            origin.Address, fastHits: true, route: r => r with { Match = new RouteMatch { Path = "/never" } },
            build: b =>
            {
                b.Services.AddSingleton<IProxyConfigProvider>(config);
                b.Services.AddAuthorization(o => o.AddPolicy("allowed", p => p.RequireAssertion(c => !((HttpContext)c.Resource!).Request.Headers.UserAgent.Equals("bad"))));
                b.Services.AddAuthentication("none").AddCookie("none", o => o.Events.OnRedirectToLogin = c => { c.Response.StatusCode = 401; return Task.CompletedTask; });
            },
            before: app => { app.UseRouting(); app.UseAuthentication(); app.UseAuthorization(); });
        await using var client = await FastHitTests.WarmAsync(proxy, "/a");
        await client.SendAsync(RawClient.Request("HEAD", "/a"));
        (await client.ReadAsync(toHead: true)).Status.ShouldBe(200);
        (await FastHitTests.Ask(client, "/a", "User-Agent: bad")).Status.ShouldBe(401);
    }

    [Fact]
    public async Task Hit_that_a_rule_on_the_query_has_found_gives_no_leave_to_another_route()
    {
        await using var origin = ScriptedOrigin.Answering(r => FastHitTests.Respond("secret", "No-Vary-Search: params=(\"public\")"));
        var config = new InMemoryConfigProvider(
            [
                FastHitTests.Route("open") with
                {
                    Order = 1, Match = new RouteMatch { Path = "/p", QueryParameters = [new() { Name = "public", Mode = QueryParameterMatchMode.Exists }] },
                },
                FastHitTests.Route("closed") with { Order = 2, Match = new RouteMatch { Path = "/p" }, AuthorizationPolicy = "never" },
            ], [FastHitTests.Cluster(origin)]);
        await using var proxy = await RunningProxy.StartAsync(
            origin.Address, o => o.Routes["open"] = new() { NoVarySearch = true }, fastHits: true, route: r => r with { Match = new RouteMatch { Path = "/never" } },
            build: b =>
            {
                b.Services.AddSingleton<IProxyConfigProvider>(config);
                b.Services.AddAuthorization(o => o.AddPolicy("never", p => p.RequireAssertion(_ => false)));
                b.Services.AddAuthentication("none").AddCookie("none", o => o.Events.OnRedirectToLogin = c => { c.Response.StatusCode = 401; return Task.CompletedTask; });
            },
            before: app => { app.UseRouting(); app.UseAuthentication(); app.UseAuthorization(); });
        await using var client = await RawClient.ConnectAsync(proxy);
        for (var i = 0; i < 3; i++) // learned, fetched under the rule, hit
            (await FastHitTests.Ask(client, $"/p?public={i}")).Status.ShouldBe(200);
        (await FastHitTests.Ask(client, "/p")).Status.ShouldBe(401);
    }

    [Fact]
    public async Task Fallback_policy_of_the_application_sees_every_hit()
    {
        await using var origin = ScriptedOrigin.Answering(r => FastHitTests.Respond("secret"));
        await using var proxy = await RunningProxy.StartAsync(
            origin.Address, fastHits: true,
            build: b =>
            {
                b.Services.AddAuthorization(o => o.FallbackPolicy = new AuthorizationPolicyBuilder().RequireAssertion(c => !((HttpContext)c.Resource!).Request.Headers.UserAgent.Equals("bad")).Build());
                b.Services.AddAuthentication("none").AddCookie("none", o => o.Events.OnRedirectToLogin = c => { c.Response.StatusCode = 401; return Task.CompletedTask; });
            },
            before: app => { app.UseRouting(); app.UseAuthentication(); app.UseAuthorization(); });
        await using var client = await FastHitTests.WarmAsync(proxy, "/a");
        (await FastHitTests.Ask(client, "/a", "User-Agent: bad")).Status.ShouldBe(401);
    }

    [Fact]
    public async Task Global_rate_limit_of_the_application_sees_every_hit()
    {
        await using var origin = ScriptedOrigin.Answering(r => FastHitTests.Respond("x"));
        await using var proxy = await RunningProxy.StartAsync(
            origin.Address, fastHits: true,
            build: b => b.Services.AddRateLimiter(o => o.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(
                _ => RateLimitPartition.GetFixedWindowLimiter("all", _ => new() { PermitLimit = 2, Window = TimeSpan.FromHours(1) }))),
            before: app => { app.UseRouting(); app.UseRateLimiter(); });
        await using var client = await FastHitTests.WarmAsync(proxy, "/a");
        (await FastHitTests.Ask(client, "/a")).Status.ShouldBe(503);
    }

    [Fact]
    public async Task Within_tls_nothing_is_fast()
    {
        await using var origin = ScriptedOrigin.Answering(r => FastHitTests.Respond((r["X-Forwarded-Proto"] ?? "?") + r.Number));
        using var key = RSA.Create(2048);
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: true, build: builder => builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.UseHttps(certificate);
                listen.UseFastHits();
            })));
        await using var plain = await FastHitTests.WarmAsync(proxy, "/a");
        var address = new Uri(proxy.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First(a => a.StartsWith("https", StringComparison.Ordinal)));
        using var tcp = new System.Net.Sockets.TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, address.Port);
        await using var tls = new SslStream(tcp.GetStream(), false, (_, received, _, _) => received!.GetCertHashString() == certificate.GetCertHashString());
        await tls.AuthenticateAsClientAsync("localhost");
        await tls.WriteAsync(Encoding.Latin1.GetBytes(RawClient.Get("/b") + RawClient.Get("/b") + RawClient.Get("/a") + RawClient.Get("/c", "Connection: close")));
        using var reader = new StreamReader(tls, Encoding.Latin1);
        var all = await reader.ReadToEndAsync().InTimeAsync("the answers");
        all.Split("\r\n\r\n").Skip(1).Select(part => part.Split("HTTP/1.1")[0]).ShouldAllBe(body => body.StartsWith("https"));
    }

    /// <summary>It was routed by the table of before.</summary>
    [Fact]
    public async Task Request_that_was_under_way_while_the_configuration_changed_gives_no_leave()
    {
        await using var origin = ScriptedOrigin.Answering(r => FastHitTests.Respond("x"));
        var config = new InMemoryConfigProvider([FastHitTests.Route("plain")], [FastHitTests.Cluster(origin)]);
        var (arrived, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var proxy = await RunningProxy.StartAsync(
            origin.Address, fastHits: true, build: b =>
            {
                b.Services.AddSingleton<IProxyConfigProvider>(config);
                b.Services.AddRateLimiter(o => o.AddPolicy("none", _ => RateLimitPartition.GetFixedWindowLimiter("", _ => new() { PermitLimit = 1, Window = TimeSpan.FromHours(1) })));
            }, route: r => r with { Match = new RouteMatch { Path = "/never" } },
            before: app =>
            {
                app.UseRouting();
                app.UseRateLimiter();
                app.Use(async (context, next) =>
                {
                    if (context.Request.Headers.UserAgent == "slow")
                    {
                        arrived.TrySetResult();
                        await release.Task;
                    }
                    await next(context);
                });
            });
        await (await FastHitTests.WarmAsync(proxy, "/a")).DisposeAsync();
        await using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(RawClient.Get("/a", "User-Agent: slow"));
        await arrived.Task.WaitAsync(10 * Second);
        config.Update([FastHitTests.Route("plain"), FastHitTests.Route("limited") with { Order = -1, Match = new RouteMatch { Path = "/a" }, RateLimiterPolicy = "none" }], [FastHitTests.Cluster(origin)]);
        proxy.Time.Advance(2 * Second);
        release.SetResult();
        (await client.ReadAsync()).Status.ShouldBe(200);
        (await FastHitTests.Ask(client, "/a")).Status.ShouldBe(200);
        (await FastHitTests.Ask(client, "/a")).Status.ShouldBe(503);
    }

    [Theory]
    [InlineData("GET", "Connection: upgrade", "Content-Length: 39")]
    [InlineData("GET", "Connection: upgrade\r\nUpgrade: websocket", "Content-Length: 39")]
    [InlineData("GET", "Connection: upgrade\r\nUpgrade: h2c", "Content-Length: 39")]
    [InlineData("GET", "Connection: upgrade, keep-alive\r\nUpgrade: x", "Content-Length: 39")]
    [InlineData("GET", "Connection: content-length", "Content-Length: 39")]
    [InlineData("GET", "Connection: transfer-encoding", "Transfer-Encoding: chunked")]
    [InlineData("HEAD", "Connection: content-length", "Content-Length: 39")]
    [InlineData("HEAD", "Connection: upgrade", "Content-Length: 39")]
    [InlineData("GET", "Connection: keep-alive", "Content-Length: 039")]
    [InlineData("GET", "Connection: keep-alive", "Content-Length: 39\r\nContent-Length: 39")]
    [InlineData("GET", "Connection: keep-alive", "Content-Length : 39")]
    [InlineData("GET", "Connection: keep-alive", "Transfer-Encoding: chunked\r\nContent-Length: 39")]
    [InlineData("GET", "Connection: keep-alive", "Transfer-Encoding: gzip, chunked")]
    [InlineData("GET", "Connection: keep-alive", "Transfer-Encoding: identity")]
    [InlineData("GET", "Connection: keep-alive\r\nExpect: 100-continue", "Content-Length: 39")]
    public async Task Body_that_is_disguised_is_still_a_body(string method, string connection, string framing)
    {
        var answers = new List<string>();
        foreach (var fast in (bool[])[false, true])
        {
            await using var origin = ScriptedOrigin.Answering(r => FastHitTests.Respond(r.Target + r.Number, "Cache-Control: max-age=60"));
            await using var proxy = await RunningProxy.StartAsync(origin.Address, fastHits: fast);
            proxy.Time.Advance(Second);
            await using var client = await FastHitTests.WarmAsync(proxy, "/a");
            await FastHitTests.Ask(client, "/a");
            var body = framing.StartsWith("Transfer", StringComparison.Ordinal) ? $"27\r\n{RawClient.Get("/a")}\r\n0\r\n\r\n" : RawClient.Get("/a");
            await client.SendAsync($"{method} /a HTTP/1.1\r\nHost: site.example\r\n{connection}\r\n{framing}\r\n\r\n{body}{RawClient.Get("/a")}{RawClient.Get("/end", "Connection: close")}");
            var statuses = new List<string>();
            for (var answer = await client.ReadAsync(method == "HEAD"); answer.Status != 0 && statuses.Count < 6; answer = await client.ReadAsync())
                statuses.Add(answer.Status + answer.Body[..Math.Min(4, answer.Body.Length)]);
            answers.Add(string.Join(' ', statuses));
        }
        TestContext.Current.TestOutputHelper!.WriteLine(answers[0]);
        answers[1].ShouldBe(answers[0]);
    }
}
