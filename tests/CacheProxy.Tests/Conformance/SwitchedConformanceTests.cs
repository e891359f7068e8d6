using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Tests.Conformance;

/// <summary>The tests of the public suite that the cache passes where a route has a switch on; the first argument is their id there.</summary>
public sealed class SwitchedConformanceTests(SwitchedConformanceTests.SwitchedBench bench) : IClassFixture<SwitchedConformanceTests.SwitchedBench>
{
    [Theory]
    [InlineData("headers-store-Set-Cookie", "Set-Cookie", "a=c")]
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
                StoreSetCookie = true,
                SelectByLanguage = true,
            };
        }
    }
}
