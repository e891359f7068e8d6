using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace CacheProxy.Tests.Scenarios;

/// <summary>For clients of HTTP/2, whose requests become HTTP/1.1 on the other side.</summary>
public sealed class SecurityHttp2Tests
{
    [Theory]
    [InlineData("/a b")]
    [InlineData("/a HTTP/1.1\r\nX-Smuggled: 1\r\n\r\nGET /smuggled")]
    [InlineData("/a\r\nX-Smuggled: 1")]
    [InlineData("/a\nX-Smuggled: 1")]
    [InlineData("/a\tb")]
    [InlineData("/a\0b")]
    [InlineData("/a\u007f")]
    [InlineData("/a\u00e4")]
    [InlineData("/a#b")]
    [InlineData("/a/../b")]
    [InlineData("/a/%2e%2E/b")]
    [InlineData("a")]
    [InlineData("")]
    [InlineData("*")]
    [InlineData("http://other.example/a")]
    [InlineData("http://site.example/a")]
    public async Task Path_with_two_readings_never_reaches_the_origin(string path)
    {
        await using var origin = SecurityOracle.Telling();
        await using var proxy = await RunningProxy.StartAsync(origin.Address, protocols: HttpProtocols.Http2);
        await using (var client = await RawHttp2Client.ConnectAsync(proxy))
            await client.AskAsync((":method", "GET"), (":scheme", "http"), (":authority", "site.example"), (":path", path));
        origin.Requests.ShouldBeEmpty();
        await AnswersAsync(proxy, "GET /good HTTP/1.1");
    }

    [Theory]
    [InlineData(":method", "GET /smuggled HTTP/1.1\r\nX: ")]
    [InlineData(":method", "G ET")]
    [InlineData(":method", "")]
    [InlineData(":scheme", "https")]
    [InlineData(":scheme", "http://other.example/")]
    [InlineData(":authority", "site.example\r\nX: y")]
    [InlineData(":authority", "site.example/x")]
    [InlineData(":authority", "user@site.example")]
    [InlineData(":authority", "a b")]
    [InlineData(":status", "200")]
    [InlineData(":other", "x")]
    [InlineData(":path", "/second")]
    [InlineData("X-Upper", "x")]
    [InlineData("connection", "close")]
    [InlineData("transfer-encoding", "chunked")]
    [InlineData("te", "gzip")]
    [InlineData("x\r\ny", "z")]
    [InlineData("x", "a\r\nX-Smuggled: 1")]
    [InlineData("x", "a\nX-Smuggled: 1")]
    [InlineData("x", "a\0b")]
    [InlineData("x y", "z")]
    [InlineData("x:y", "z")]
    [InlineData("host", "other.example")]
    [InlineData("content-length", "5")]
    [InlineData("content-length", "0, 5")]
    public async Task Odd_field_harms_nobody_else(string name, string value)
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond($"{r.Line} {r["X-Forwarded-Host"]} {r["X-Forwarded-Proto"]} {r["X-Smuggled"]}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, protocols: HttpProtocols.Http2);
        (string Name, string Value)[] plain = [(":method", "GET"), (":scheme", "http"), (":authority", "site.example"), (":path", "/p")];
        var isPseudo = plain.Any(f => f.Name == name) && name != ":path";
        var fields = isPseudo ? plain.Select(f => f.Name == name ? (name, value) : f) : plain.Append((name, value));
        await using (var attack = await RawHttp2Client.ConnectAsync(proxy))
            await attack.AskAsync([.. fields]);
        await AnswersAsync(proxy, "GET /p HTTP/1.1 site.example http ", "/p");
        origin.Requests.ShouldAllBe(r => r["X-Smuggled"] == null && r["Transfer-Encoding"] == null && r["TE"] == null);
        origin.Requests.ShouldAllBe(r => r.Target == "/p");
    }

    [Fact]
    public async Task Missing_authority_and_host_are_refused_or_kept_apart()
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond($"host {r["X-Forwarded-Host"]}"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address, protocols: HttpProtocols.Http2);
        await using (var attack = await RawHttp2Client.ConnectAsync(proxy))
            await attack.AskAsync((":method", "GET"), (":scheme", "http"), (":path", "/p"));
        await AnswersAsync(proxy, "host site.example", "/p");
    }

    [Theory]
    [InlineData("X-Sum: 1", true)]
    [InlineData("Set-Cookie: a=b", false)]
    [InlineData("set-cookie2: a=b", false)]
    [InlineData("Cache-Control: public", false)]
    [InlineData("Content-Length: 1", false)]
    [InlineData("Vary: x", false)]
    [InlineData("Connection: close", false)]
    [InlineData("Keep-Alive: x", false)]
    [InlineData("Proxy-Authenticate: x", false)]
    [InlineData("Upgrade: x", false)]
    [InlineData("X-Sum: a\u0001b", false)]
    public async Task Trailer_goes_to_every_client_or_to_none_and_breaks_no_answer(string trailer, bool passes)
    {
        await using var origin = ScriptedOrigin.Answering(_ => $"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n{trailer}\r\n\r\n");
        await using var proxy = await RunningProxy.StartAsync(origin.Address, protocols: HttpProtocols.Http2);
        proxy.Client.DefaultRequestVersion = HttpVersion.Version20;
        proxy.Client.DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        for (var i = 0; i < 3; i++)
        {
            using var response = await proxy.Client.GetAsync(new Uri("/p", UriKind.Relative), TestContext.Current.CancellationToken);
            (await StoryTests.Text(response)).ShouldBe("hello");
            response.TrailingHeaders.Count().ShouldBe(passes ? 1 : 0);
        }
    }

    private static async Task AnswersAsync(RunningProxy proxy, string start, string path = "/good")
    {
        await using var client = await RawHttp2Client.ConnectAsync(proxy);
        (await client.AskAsync((":method", "GET"), (":scheme", "http"), (":authority", "site.example"), (":path", path)))!.ShouldStartWith(start);
    }
}
