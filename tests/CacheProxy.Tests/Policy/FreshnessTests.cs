using CacheProxy.Http;
using CacheProxy.Policy;
using CacheProxy.Tests.Http;
using FsCheck;
using FsCheck.Fluent;

namespace CacheProxy.Tests.Policy;

public class FreshnessTests
{
    [Theory]
    [InlineData("9111 4.2.3: apparent age", "Date: @-10", 0, 10)]
    [InlineData("9111 4.2.3: Age", "Date: @-10 | Age: 25", 0, 25)]
    [InlineData("9111 4.2.3: Age and delay", "Date: @-10 | Age: 25", 3, 28)]
    [InlineData("9111 4.2.3: delay", "Date: @+0", 3, 3)]
    [InlineData("a clock ahead of ours", "Date: @+100", 0, 0)]
    [InlineData("no Date", "", 0, 0)]
    [InlineData("unreadable Date", "Date: foo", 1, 1)]
    [InlineData("our clock went back", "", -5, 0)]
    [InlineData("saturated", "Age: 99999999999999 | Date: @-10", 1, 2147483648)]
    [InlineData("the first moment", "Date: Mon, 01 Jan 0001 00:00:00 GMT", 0, 2147483648)]
    public void Initial_age_is_the_larger_of_two(string source, string response, int delay, long seconds) =>
        Freshness.InitialAge(HeaderText.Response(response), HeaderText.Now, TimeSpan.FromSeconds(delay))
            .ShouldBe(TimeSpan.FromSeconds(seconds), source);

    [Fact]
    public void Initial_age_does_not_count_the_fraction_that_Date_leaves_out() =>
        Freshness.InitialAge(HeaderText.Response("Date: @-10"), HeaderText.Now.AddSeconds(0.9), TimeSpan.FromSeconds(0.2))
            .ShouldBe(TimeSpan.FromSeconds(10));

    [Theory]
    [InlineData("freshness-max-age", "Cache-Control: max-age=3600", 3600)]
    [InlineData("freshness-s-maxage-shared", "Cache-Control: max-age=0, s-maxage=3600", 3600)]
    [InlineData("freshness-max-age-s-maxage-shared-longer", "Cache-Control: max-age=3600, s-maxage=1", 1)]
    [InlineData("freshness-max-age-s-maxage-shared-shorter-expires", "Cache-Control: max-age=0, s-maxage=3600 | Expires: @-1", 3600)]
    [InlineData("freshness-max-age-expires", "Cache-Control: max-age=3600 | Expires: @-3600", 3600)]
    [InlineData("freshness-max-age-expires-invalid", "Cache-Control: max-age=3600 | Expires: 0", 3600)]
    [InlineData("9111 4.2.1: unreadable is stale", "Cache-Control: max-age=3600, s-maxage=x", 0)]
    [InlineData("9111 4.2.1: unreadable is stale", "Cache-Control: max-age=x | Expires: @+100", 0)]
    [InlineData("freshness-expires-future", "Date: @+0 | Expires: @+300", 300)]
    [InlineData("freshness-expires-present", "Date: @+0 | Expires: @+0", 0)]
    [InlineData("freshness-expires-past", "Date: @+0 | Expires: @-300", 0)]
    [InlineData("freshness-expires-old-date", "Date: @+400 | Expires: @+300", 0)]
    [InlineData("freshness-expires-age-slow-date", "Date: @-10 | Expires: @+10", 20)]
    [InlineData("freshness-expires-invalid-date", "Date: foo | Expires: @+10", 10)]
    [InlineData("no Date", "Expires: @+10", 10)]
    [InlineData("freshness-expires-invalid", "Expires: 0", 0)]
    [InlineData("freshness-expires-invalid-multiple-lines", "Expires: @+10 | Expires: @+20", 0)]
    [InlineData("freshness-none", "", null)]
    [InlineData("freshness-none", "Cache-Control: public, foo", null)]
    public void Explicit_lifetime_is_the_first_there_is(string source, string response, int? seconds)
    {
        var head = HeaderText.Response(response);

        Freshness.ExplicitLifetime(head).ShouldBe(seconds is { } some ? TimeSpan.FromSeconds(some) : null, source);
        Freshness.HasExplicitLifetime(head.Facts).ShouldBe(seconds is not null, source);
    }

    [Theory]
    [InlineData("Date: @+0 | Last-Modified: @-1000", 100)]
    [InlineData("Date: @-500 | Last-Modified: @-1000", 50)]
    [InlineData("Last-Modified: @-1000", 100)]
    [InlineData("Last-Modified: Mon, 01 Jan 0001 00:00:00 GMT", 86400)]
    [InlineData("Last-Modified: @+1000", 0)]
    [InlineData("Last-Modified: foo", 0)]
    [InlineData("", 0)]
    public void Heuristic_lifetime_is_a_tenth_and_at_most_a_day(string response, int seconds) =>
        Freshness.HeuristicLifetime(HeaderText.Response(response)).ShouldBe(TimeSpan.FromSeconds(seconds));

    [Theory]
    [InlineData("stale-while-revalidate=10, stale-if-error=20", 10, 20)]
    [InlineData("s-maxage=1, stale-while-revalidate=10, stale-if-error=20", 10, 20)]
    [InlineData("stale-while-revalidate=10, stale-if-error=20, must-revalidate", 0, 0)]
    [InlineData("stale-while-revalidate=10, stale-if-error=20, proxy-revalidate", 0, 0)]
    [InlineData("stale-while-revalidate=10, stale-if-error=20, no-cache", 0, 0)]
    [InlineData("stale-while-revalidate=x, stale-if-error=x", 0, 0)]
    [InlineData("max-age=1", 0, 100)]
    [InlineData("max-age=1, s-maxage=1", 0, 0)]
    [InlineData("max-age=1, must-revalidate", 0, 0)]
    [InlineData("max-age=1, proxy-revalidate", 0, 0)]
    [InlineData("max-age=1, no-cache", 0, 0)]
    public void Stale_windows_end_where_the_origin_says(string cacheControl, int whileRevalidate, int ifError)
    {
        var directives = CacheControl.Parse(cacheControl);

        Freshness.StaleWhileRevalidate(directives).ShouldBe(TimeSpan.FromSeconds(whileRevalidate));
        Freshness.StaleIfError(directives, Given.Named("rfc, stale if error")).ShouldBe(TimeSpan.FromSeconds(ifError));
    }

    [Fact]
    public void Ages_and_lifetimes_are_never_negative() => Prop.ForAll<string, DateTime, TimeSpan>((text, received, delay) =>
    {
        var head = HeaderText.Response($"Date: {text?.Replace('|', ' ')} | Expires: @+5 | Age: {text?.Length}");
        return Freshness.InitialAge(head, new DateTimeOffset(received.Ticks, TimeSpan.Zero), delay) >= TimeSpan.Zero
            && Freshness.ExplicitLifetime(head) >= TimeSpan.Zero;
    }).QuickCheckThrowOnFailure();
}
