using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Tests.Conformance;

/// <summary>The tests of the public suite that the cache passes where a route has a switch on; the first argument is their id there.</summary>
public sealed class SwitchedConformanceTests(SwitchedConformanceTests.SwitchedBench bench) : IClassFixture<SwitchedConformanceTests.SwitchedBench>
{
    [Theory]
    [InlineData("interim-102", "HTTP/1.1 102 Processing\r\n\r\n")]
    [InlineData("interim-103", "HTTP/1.1 103 Early Hints\r\nlink: </styles.css>; rel=preload; as=style\r\nx-my-header: test\r\n\r\n")]
    [InlineData("interim-not-cached", "HTTP/1.1 103 Early Hints\r\nlink: </styles.css>; rel=preload; as=style\r\n\r\n")]
    [InlineData("interim-no-header-reuse", "HTTP/1.1 103 Early Hints\r\nlink: </styles.css>; rel=preload; as=style\r\nx-my-header: test\r\n\r\n")]
    public async Task Interim_response_goes_on_and_leaves_no_trace(string id, string interim)
    {
        var path = "/interim/" + id;
        var step = new Step("Cache-Control: max-age=100000", Interim: interim);
        var miss = (await bench.WireAsync(path, step)).Text;
        miss.ShouldStartWith(interim + "HTTP/1.1 200 OK\r\n");
        miss[interim.Length..].ShouldNotContain("x-my-header", Case.Insensitive, id);
        var hit = await bench.WireAsync(path, step);
        hit.Text.ShouldStartWith("HTTP/1.1 200 OK\r\n");
        hit["Cache-Status"]!.ShouldContain("; hit", Case.Sensitive, id);
        (hit["x-my-header"], hit["link"], hit.Content).ShouldBe((null, null, "0123456789"), id);
    }

    [Theory]
    [InlineData("headers-store-Set-Cookie", "Set-Cookie", "a=c")]
    [InlineData("headers-store-Set-Cookie2", "Set-Cookie2", "a=c")]
    public async Task Cookie_is_stored(string id, string name, string value)
    {
        var answers = await bench.RunAsync(new Step($"Cache-Control: max-age=3600 | {name}: {value}"), new Step("", After: 1));
        (answers[1].How, answers[1][name]).ShouldBe(("hit", value), id);
    }

    [Theory]
    [InlineData("other-set-cookie")]
    public async Task Response_with_a_cookie_is_reused(string id) =>
        (await bench.LastAsync(new Step("Cache-Control: max-age=3600 | Set-Cookie: a=b"), new Step("", After: 1))).ShouldBe("hit", id);

    [Theory]
    [InlineData("headers-store-Transfer-Encoding")]
    public async Task Transfer_coding_that_nobody_knows_is_not_stored_and_the_response_is(string id)
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync("HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nTransfer-Encoding: foo\r\n\r\n0123456789");
            r.Close();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, new SwitchedBench().Configure);
        var first = await WireClient.AnswerAsync(proxy.Address, "GET", "/");
        await proxy.WaitForFetchesAsync();
        var second = await WireClient.AnswerAsync(proxy.Address, "GET", "/");
        first.Status.ShouldBe(200, id);
        (second.Status, second.Content, second["Transfer-Encoding"]).ShouldBe((200, "0123456789", null), id);
        second["Cache-Status"]!.ShouldContain("; hit", Case.Sensitive, id);
    }

    [Theory]
    [InlineData("vary-normalise-lang-select", "fr;q=0.5, de;q=1.0", "hit")]
    [InlineData("vary-normalise-lang-select", "de-AT, en;q=0.9", "hit")]
    [InlineData("vary-normalise-lang-select", "fr, de;q=0.9", "miss")]
    [InlineData("vary-normalise-lang-select", "fr, de", "miss")]
    public async Task Language_that_is_liked_best_is_selected(string id, string acceptLanguage, string expected)
    {
        const string response = "Cache-Control: max-age=5000 | Vary: Accept-Language | Content-Language: de";
        (await bench.LastAsync(new Step(response, "Accept-Language: en, de"), new Step("Cache-Control: max-age=5000", $"Accept-Language: {acceptLanguage}", After: 1))).ShouldBe(expected, id);
    }

    public sealed class SwitchedBench : Bench
    {
        internal override void Configure(CacheProxyOptions options)
        {
            base.Configure(options);
            options.Routes["origin"] = new RouteCacheOptions
            {
                PassInterimResponses = true,
                StoreSetCookie = true,
                StoreCloseDelimited = true,
                SelectByLanguage = true,
            };
        }
    }
}
