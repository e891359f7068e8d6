using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using static CacheProxy.Tests.Scenarios.StoryTests;

namespace CacheProxy.Tests.Scenarios;

/// <summary>Interim responses: passed on where a route asks for it, to the one client whose request the origin works on, and never kept.</summary>
public sealed class InterimTests
{
    private const string Hint = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nX-Interim: yes\r\n\r\n";

    private static Task<RunningProxy> StartAsync(ScriptedOrigin origin, Action<WebApplicationBuilder>? build = null) =>
        RunningProxy.StartAsync(
            origin.Address, options => options.Routes["origin"] = new RouteCacheOptions { PassInterimResponses = true }, cluster: RunningProxy.Patient, build: build);

    [Fact]
    public async Task Miss_gets_the_hint_before_the_final_response_exists_and_hit_gets_none()
    {
        var release = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync(Hint);
            await release.Task;
            await r.WriteAsync(Respond("hello", "200 OK", "Cache-Control: max-age=50\r\n"));
        });
        await using var proxy = await StartAsync(origin);
        await using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(RawClient.Get("/"));
        Encoding.Latin1.GetString(await client.ReadExactlyAsync(Hint.Length)).ShouldBe(Hint);
        release.SetResult();
        var final = await client.ReadAsync();
        (final.Status, final.Body, final["Link"], final["X-Interim"]).ShouldBe((200, "hello", null, null));
        await client.SendAsync(RawClient.Get("/"));
        var hit = await client.ReadAsync();
        (hit.Status, hit.Body, hit["Link"], hit["X-Interim"]).ShouldBe((200, "hello", null, null));
        hit["Cache-Status"]!.ShouldContain("; hit");
        origin.Requests.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("HTTP/1.1 102 Processing\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\n")]
    [InlineData("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 A\r\nLink: b\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 A\r\nLink: b\r\n\r\n")]
    [InlineData("HTTP/1.1 103 A\r\nConnection: x-a\r\nX-A: 1\r\nLink: b\r\n\r\n", "HTTP/1.1 103 A\r\nLink: b\r\n\r\n")]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\n", "")]
    [InlineData("HTTP/1.1 103 A\nLink: b\n\n", "")]
    public async Task Response_is_what_it_is_without_interim_ones_and_they_come_first(string interim, string expected)
    {
        await using var origin = ScriptedOrigin.Answering(r => interim + Respond("hello"));
        await using var proxy = await StartAsync(origin);
        foreach (var method in new[] { "GET", "POST", "HEAD", "GET" })
        {
            await using var client = await RawClient.ConnectAsync(proxy);
            await client.SendAsync(RawClient.Request(method, "/" + method, "Connection: close", method == "POST" ? "Content-Length: 0" : "A: b"));
            var all = Encoding.Latin1.GetString(await client.ReadExactlyAsync(int.MaxValue));
            var isHit = all.Contains("; hit", StringComparison.Ordinal);
            all.ShouldStartWith(isHit ? "HTTP/1.1 200 OK" : expected + "HTTP/1.1 200 OK");
            all.Split("HTTP/1.1 ").Length.ShouldBe(2 + (isHit ? 0 : expected.Split("HTTP/1.1 ").Length - 1), all);
        }
    }

    [Fact]
    public async Task Off_by_default()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Hint + Respond("hello"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        (await WireClient.AnswerAsync(proxy.Address, "GET", "/")).Text.ShouldStartWith("HTTP/1.1 200");
        (await WireClient.AnswerAsync(proxy.Address, "DELETE", "/")).Text.ShouldStartWith("HTTP/1.1 200");
    }

    [Fact]
    public async Task Request_that_expects_100_gets_that_and_no_other_for_the_server_itself_may_be_writing()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Hint + Respond("hello", "200 OK", "Cache-Control: no-store\r\n"));
        await using var proxy = await StartAsync(origin);
        await using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
        Encoding.Latin1.GetString(await client.ReadExactlyAsync(25)).ShouldBe("HTTP/1.1 100 Continue\r\n\r\n");
        await client.SendAsync("ab");
        (await client.ReadAsync()).Status.ShouldBe(200);
        (await WireClient.AnswerAsync(proxy.Address, "GET", "/")).Text.ShouldStartWith(Hint);
    }

    [Fact]
    public async Task Client_of_http_1_0_or_http_2_gets_none()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Hint + Respond("hello", "200 OK", "Cache-Control: no-store\r\n"));
        await using var proxy = await StartAsync(origin);
        (await WireClient.AnswerAsync(proxy.Address, "GET", "/", version: "1.0")).Text.ShouldStartWith("HTTP/1.1 200");
        using var client = proxy.NewHttp2Client();
        for (var i = 0; i < 3; i++)
            (await client.GetStringAsync("/")).ShouldBe("hello");
    }

    [Fact]
    public async Task Who_waits_for_anothers_fetch_gets_no_hint_of_the_others()
    {
        var release = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            await release.Task;
            await r.WriteAsync(Hint + Respond("hello"));
        });
        await using var proxy = await StartAsync(origin);
        var leader = WireClient.AnswerAsync(proxy.Address, "GET", "/");
        await proxy.WaitForWaitingAsync(1);
        var follower = WireClient.AnswerAsync(proxy.Address, "GET", "/");
        await proxy.WaitForWaitingAsync(2);
        release.SetResult();
        (await leader).Text.ShouldStartWith(Hint);
        (await follower).Text.ShouldStartWith("HTTP/1.1 200");
        origin.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Refresh_behind_a_stale_answer_hints_to_nobody()
    {
        await using var origin = ScriptedOrigin.Answering(r => Hint + Respond($"body {r.Number}", "200 OK", "Cache-Control: max-age=10, stale-while-revalidate=30\r\n"));
        await using var proxy = await StartAsync(origin);
        await WireClient.AnswerAsync(proxy.Address, "GET", "/");
        proxy.Time.Advance(TimeSpan.FromSeconds(11));
        (await WireClient.AnswerAsync(proxy.Address, "GET", "/")).Text.ShouldStartWith("HTTP/1.1 200");
        await Eventually.TrueAsync(() => origin.Requests.Count == 2, "the refresh has come");
    }

    [Fact]
    public async Task Body_that_looks_like_a_hint_is_a_body()
    {
        var body = string.Concat(Enumerable.Repeat(Hint, 2000));
        // The origin answers at the first bytes of an upload and echoes what comes: each write is met by bytes of the response's body.
        await using var origin = await KestrelOrigin.StartAsync(async context =>
        {
            context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = null;
            await context.Response.Body.FlushAsync();
            await context.Request.Body.CopyToAsync(context.Response.Body);
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, options => options.Routes["origin"] = new RouteCacheOptions { PassInterimResponses = true });
        for (var i = 0; i < 3; i++)
            (await (await proxy.Client.PostAsync("/", new StringContent(body))).Content.ReadAsStringAsync()).ShouldBe(body);
        (await (await proxy.Client.GetAsync("/")).Content.ReadAsStringAsync()).ShouldBe("");
    }

    [Fact]
    public async Task Pipelined_requests_are_answered_in_order_with_their_hints()
    {
        var large = new string('x', 6 << 20);
        await using var origin = ScriptedOrigin.Answering(r => r.Target == "/large" ? Respond(large, "200 OK", "Cache-Control: max-age=50\r\n") : Hint + Respond("hello"));
        await using var proxy = await StartAsync(origin);
        await WireClient.AnswerAsync(proxy.Address, "GET", "/large");
        using var client = await WireClient.ConnectAsync(proxy.Address, receiveBuffer: 4096);
        await client.WriteAsync(RawClient.Get("/large", "A: b").Replace("site.example", proxy.Address.Authority, StringComparison.Ordinal)
            + RawClient.Get("/hinted", "Connection: close"));
        var all = (await client.ReadToEndAsync()).Text;
        all.Split("HTTP/1.1 ").Select(part => part[..3]).Skip(1).ShouldBe(["200", "103", "200"]);
        all[..all.IndexOf("HTTP/1.1 103", StringComparison.Ordinal)].ShouldEndWith("x");
        all.Count(c => c == 'x').ShouldBeGreaterThanOrEqualTo(large.Length);
    }

    [Fact]
    public async Task Hint_comes_over_tls_as_well()
    {
        await using var origin = ScriptedOrigin.Answering(_ => Hint + Respond("hello"));
        using var key = RSA.Create(2048);
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        await using var proxy = await StartAsync(origin, build: builder => builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.UseHttps(certificate);
            })));
        var address = new Uri(proxy.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First(a => a.StartsWith("https", StringComparison.Ordinal)));
        using var tcp = new System.Net.Sockets.TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, address.Port);
        await using var tls = new SslStream(tcp.GetStream(), false, (_, received, _, _) => received!.GetCertHashString() == certificate.GetCertHashString());
        await tls.AuthenticateAsClientAsync("localhost");
        await tls.WriteAsync(Encoding.Latin1.GetBytes(RawClient.Get("/", "Connection: close")));
        using var reader = new StreamReader(tls, Encoding.Latin1);
        var all = await reader.ReadToEndAsync().InTimeAsync("the answer");
        all.ShouldStartWith(Hint + "HTTP/1.1 200 OK");
        all.ShouldEndWith("hello");
    }

    [Fact]
    public async Task Client_that_left_and_client_that_does_not_read_hold_nobody_up()
    {
        var hints = string.Concat(Enumerable.Repeat("HTTP/1.1 103 A\r\nLink: " + new string('a', 8000) + "\r\n\r\n", 6)); // .NET's client takes 64 KiB of heads before it gives up
        var arrived = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        await using var origin = new ScriptedOrigin(async r =>
        {
            arrived.TrySetResult();
            await release.Task;
            await r.WriteAsync(hints + Respond("hello"));
        });
        await using var proxy = await StartAsync(origin);
        using var gone = await WireClient.SendAsync(proxy.Address, "GET", "/");
        await arrived.Task.InTimeAsync("the request");
        var follower = WireClient.AnswerAsync(proxy.Address, "GET", "/");
        await proxy.WaitForWaitingAsync(2);
        gone.Reset();
        await proxy.WaitForWaitingAsync(1);
        release.SetResult();
        (await follower).Content.ShouldBe("hello");
        // One that does read gets all of them, in order.
        (await WireClient.AnswerAsync(proxy.Address, "DELETE", "/")).Text.ShouldStartWith(hints + "HTTP/1.1 200");
    }
}
