using CacheProxy.Coherence;
using CacheProxy.Policy;
using CacheProxy.Tests.Http;
using FsCheck;
using FsCheck.Fluent;

namespace CacheProxy.Tests.Policy;

public class ReuseTests
{
    private static readonly Arbitrary<string> AnyLifetimes =
        HeaderText.Made("max-age=30", "s-maxage=90", "stale-while-revalidate=90", "stale-if-error=90", ", ");

    [Theory]
    [InlineData("freshness-max-age", "rfc", "Cache-Control: max-age=100", 0, "Serve Fresh")]
    [InlineData("4.2: fresh below the lifetime", "rfc", "Cache-Control: max-age=100", 99, "Serve Fresh")]
    [InlineData("4.2: stale at the lifetime", "rfc", "Cache-Control: max-age=100", 100, "Forward Stale")]
    [InlineData("freshness-max-age-age", "rfc", "Cache-Control: max-age=3600 | Age: 7200 | ETag: \"a\"", 0, "Validate Stale")]
    [InlineData("freshness-max-age-date", "rfc", "Cache-Control: max-age=3600 | Date: @-7200 | ETag: \"a\"", 0, "Validate Stale")]
    [InlineData("freshness-expires-age-slow-date", "rfc", "Date: @-10 | Expires: @+10 | Age: 25 | ETag: \"a\"", 0, "Validate Stale")]
    [InlineData("freshness-expires-age-fast-date", "rfc", "Date: @+10 | Expires: @+20 | Age: 15 | ETag: \"a\"", 0, "Validate Stale")]
    [InlineData("age-parse-dup-old", "rfc", "Cache-Control: max-age=10000 | Age: 3600 | Age: 3600", 0, "Serve Fresh")]
    [InlineData("cc-resp-must-revalidate-stale", "rfc", "Cache-Control: max-age=2, must-revalidate | ETag: \"a\"", 3, "Validate Stale")]
    [InlineData("cc-resp-no-cache", "rfc", "Cache-Control: no-cache, max-age=100", 0, "Forward NoCache")]
    [InlineData("cc-resp-no-cache-revalidate-fresh", "rfc", "Cache-Control: no-cache, max-age=100 | ETag: \"a\"", 0, "Validate NoCache")]
    [InlineData("5.2.2.4: the rest may be reused", "rfc", "Cache-Control: no-cache=\"X-User\", max-age=100", 0, "Serve Fresh")]
    [InlineData("stale-while-revalidate", "rfc", "Cache-Control: max-age=1, stale-while-revalidate=3600", 3, "ServeStale StaleWhileRevalidate")]
    [InlineData("5861 3: the end of it", "rfc", "Cache-Control: max-age=1, stale-while-revalidate=2", 3, "Forward Stale")]
    [InlineData("must-revalidate", "rfc", "Cache-Control: max-age=1, stale-while-revalidate=9, must-revalidate", 3, "Forward Stale")]
    [InlineData("proxy-revalidate", "rfc", "Cache-Control: max-age=1, stale-while-revalidate=9, proxy-revalidate", 3, "Forward Stale")]
    [InlineData("no-cache", "rfc", "Cache-Control: max-age=1, stale-while-revalidate=9, no-cache", 3, "Forward NoCache")]
    [InlineData("s-maxage", "rfc", "Cache-Control: s-maxage=1, stale-while-revalidate=9", 3, "ServeStale StaleWhileRevalidate")]
    [InlineData("max-age=0 is never fresh", "rfc", "Cache-Control: max-age=0 | ETag: \"a\"", 0, "Validate Stale")]
    [InlineData("the default", "minute", "ETag: \"a\"", 59, "Serve Fresh")]
    [InlineData("the default", "minute", "ETag: \"a\"", 60, "Validate Stale")]
    [InlineData("the bound", "minute", "Cache-Control: max-age=3600 | Age: 45", 14, "Serve Fresh")]
    [InlineData("the bound", "minute", "Cache-Control: max-age=3600 | Age: 45", 15, "Forward Stale")]
    [InlineData("the bound of staleness", "minute", "Cache-Control: max-age=10, stale-while-revalidate=3600", 60, "ServeStale StaleWhileRevalidate")]
    [InlineData("the bound of staleness", "minute", "Cache-Control: max-age=10, stale-while-revalidate=3600", 61, "Forward Stale")]
    [InlineData("a clock that went back", "rfc", "Cache-Control: max-age=100 | Age: 50", -1000, "Serve Fresh")]
    public void A_stored_response_is_reused_while_it_may_be(string source, string policy, string stored, int seconds, string expected) =>
        Decide(policy, "", stored, seconds).ShouldBe(expected, source);

    [Theory]
    [InlineData("ccreq-no-cache", "Cache-Control: no-cache", "", 10, "Validate Request")]
    [InlineData("pragma-request-no-cache", "Pragma: no-cache", "", 10, "Validate Request")]
    [InlineData("5.4: Cache-Control speaks", "Pragma: no-cache | Cache-Control: foo", "", 10, "Serve Fresh")]
    [InlineData("ccreq-ma0", "Cache-Control: max-age=0", "", 10, "Validate Request")]
    [InlineData("ccreq-ma1", "Cache-Control: max-age=9", "", 10, "Validate Request")]
    [InlineData("ccreq-ma1", "Cache-Control: max-age=10", "", 10, "Serve Fresh")]
    [InlineData("unreadable", "Cache-Control: max-age=x", "", 10, "Validate Request")]
    [InlineData("ccreq-min-fresh", "Cache-Control: min-fresh=90", "", 10, "Serve Fresh")]
    [InlineData("ccreq-min-fresh", "Cache-Control: min-fresh=91", "", 10, "Validate Request")]
    [InlineData("ccreq-max-stale", "Cache-Control: max-stale=10", "", 110, "Serve MaxStale")]
    [InlineData("ccreq-max-stale", "Cache-Control: max-stale=9", "", 110, "Validate Stale")]
    [InlineData("5.2.1.2: any staleness", "Cache-Control: max-stale", "", 99999, "Serve MaxStale")]
    [InlineData("5.2.2.2", "Cache-Control: max-stale", ", must-revalidate", 110, "Validate Stale")]
    [InlineData("5.2.2.8", "Cache-Control: max-stale", ", proxy-revalidate", 110, "Validate Stale")]
    [InlineData("5.2.2.10", "Cache-Control: max-stale", ", s-maxage=100", 110, "Validate Stale")]
    [InlineData("5.2.1.1: no stale response", "Cache-Control: max-age=200", ", stale-while-revalidate=100", 110, "Validate Stale")]
    [InlineData("5.2.1.3: no stale response", "Cache-Control: min-fresh=1", ", stale-while-revalidate=100", 110, "Validate Stale")]
    [InlineData("5.2.1.5: says nothing of reuse", "Cache-Control: no-store", "", 10, "Serve Fresh")]
    [InlineData("unknown", "Cache-Control: nothing-to-see-here | Pragma: foo", "", 10, "Serve Fresh")]
    public void A_request_is_heard_where_the_policy_lets_it(string source, string request, string directives, int seconds, string expected)
    {
        var stored = $"Cache-Control: max-age=100{directives} | ETag: \"a\"";

        Decide("rfc, honour", request, stored, seconds).ShouldBe(expected, source);
        Decide("rfc", request, stored, seconds).ShouldBe(Decide("rfc", "", stored, seconds), source);
    }

    [Fact]
    public void MaxStale_does_not_reach_beyond_the_bound() =>
        Decide("minute, honour", "Cache-Control: max-stale", "Cache-Control: max-age=10", 61).ShouldBe("Forward Stale");

    [Theory]
    [InlineData("Cache-Control: max-age=100", 10, "Serve Fresh")]
    [InlineData("Cache-Control: max-age=100, stale-while-revalidate=100", 110, "ServeStale StaleWhileRevalidate")]
    [InlineData("Cache-Control: max-age=100", 110, "GatewayTimeout Stale")]
    [InlineData("Cache-Control: max-age=100 | ETag: \"a\"", 110, "GatewayTimeout Stale")]
    [InlineData("Cache-Control: no-cache | ETag: \"a\"", 0, "GatewayTimeout NoCache")]
    public void OnlyIfCached_never_goes_forward(string stored, int seconds, string expected) =>
        Decide("rfc", "Cache-Control: only-if-cached", stored, seconds).ShouldBe(expected);

    [Theory]
    [InlineData("", nameof(ReuseVerb.Forward))]
    [InlineData("Cache-Control: only-if-cached", nameof(ReuseVerb.GatewayTimeout))]
    public void A_miss_goes_forward_unless_only_the_cache_may_answer(string request, string verb)
    {
        var decision = Reuse.DecideMiss(HeaderText.Request(request));

        (decision.Verb.ToString(), decision.Reason).ShouldBe((verb, ReuseReason.Miss));
    }

    // What lives by the proxy's own word is not for a request that might get an answer of its own.
    [Theory]
    [InlineData("minute", "Cookie: a=b", "ETag: \"a\"", "Forward Request")]
    [InlineData("minute", "Authorization: x", "ETag: \"a\"", "Forward Request")]
    [InlineData("minute, cookies", "Cookie: a=b", "ETag: \"a\"", "Serve Fresh")]
    [InlineData("minute, cookies", "Authorization: x", "ETag: \"a\"", "Forward Request")]
    [InlineData("rfc", "Cookie: a=b", "Last-Modified: @-86400", "Forward Request")]
    [InlineData("rfc", "Authorization: x", "Last-Modified: @-86400 | Cache-Control: public", "Serve Fresh")]
    [InlineData("minute", "Cookie: a=b | Authorization: x", "Cache-Control: max-age=60", "Serve Fresh")]
    [InlineData("minute", "Cookie: a=b | Authorization: x", "Expires: @+30", "Serve Fresh")]
    [InlineData("rfc", "Cookie: a=b", "Cache-Control: no-cache | ETag: \"a\"", "Validate NoCache")]
    public void Credentials_get_only_what_the_origin_shares(string policy, string request, string stored, string expected) =>
        Decide(policy, request, stored, 0).ShouldBe(expected);

    [Theory]
    [InlineData("Cache-Control: max-age=100, public", "Serve Fresh")]
    [InlineData("Cache-Control: s-maxage=100", "Serve Fresh")]
    [InlineData("Cache-Control: max-age=100, must-revalidate", "Serve Fresh")]
    [InlineData("Cache-Control: max-age=100", "Forward Miss")]
    public void An_answer_to_credentials_is_reused_only_with_leave(string response, string expected)
    {
        var stored = Given.Stored(response, Given.Rfc9111, "Authorization: x");

        Text(Reuse.Decide(HeaderText.Request(), stored, MarkStrength.None, isTrusted: true, HeaderText.Now, Given.Rfc9111)).ShouldBe(expected);
    }

    [Theory]
    [InlineData("stale-sie-503", "rfc", "Cache-Control: max-age=10, stale-if-error=20", 29, true)]
    [InlineData("5861 4: the end of it", "rfc", "Cache-Control: max-age=10, stale-if-error=20", 30, false)]
    [InlineData("not without leave", "rfc", "Cache-Control: max-age=10", 15, false)]
    [InlineData("stale-close", "rfc, stale if error", "Cache-Control: max-age=10", 15, true)]
    [InlineData("the origin's own bound", "rfc, stale if error", "Cache-Control: max-age=10, stale-if-error=2", 15, false)]
    [InlineData("stale-close-must-revalidate", "rfc, stale if error", "Cache-Control: max-age=10, must-revalidate", 15, false)]
    [InlineData("stale-close-proxy-revalidate", "rfc, stale if error", "Cache-Control: max-age=10, proxy-revalidate", 15, false)]
    [InlineData("stale-close-no-cache", "rfc, stale if error", "Cache-Control: max-age=10, no-cache | ETag: \"a\"", 15, false)]
    [InlineData("stale-close-s-maxage=2", "rfc, stale if error", "Cache-Control: s-maxage=10", 15, false)]
    [InlineData("no-cache", "rfc", "Cache-Control: no-cache, stale-if-error=99 | ETag: \"a\"", 0, false)]
    [InlineData("s-maxage with leave", "rfc", "Cache-Control: s-maxage=10, stale-if-error=20", 15, true)]
    [InlineData("still fresh", "rfc", "Cache-Control: max-age=10", 5, true)]
    [InlineData("the bound", "minute", "Cache-Control: max-age=10, stale-if-error=999", 60, true)]
    [InlineData("the bound", "minute", "Cache-Control: max-age=10, stale-if-error=999", 61, false)]
    public void An_error_is_answered_stale_only_with_leave(string source, string policy, string stored, int seconds, bool may) =>
        Reuse.MayServeOnError(Given.Stored(stored, Given.Named(policy)), HeaderText.Now.AddSeconds(seconds), Given.Named(policy))
            .ShouldBe(may, source);

    [Theory]
    [InlineData("for as long as it is kept", "rfc, stale if error", "Cache-Control: max-age=10", 3609, true)]
    [InlineData("and no longer", "rfc, stale if error", "Cache-Control: max-age=10", 3610, false)]
    [InlineData("the origin's own bound", "rfc, stale if error", "Cache-Control: max-age=10, stale-if-error=2", 15, false)]
    [InlineData("must-revalidate", "rfc, stale if error", "Cache-Control: max-age=10, must-revalidate", 15, false)]
    [InlineData("s-maxage", "rfc, stale if error", "Cache-Control: s-maxage=10", 15, false)]
    [InlineData("a route that does not stand in", "rfc", "Cache-Control: max-age=10", 15, false)]
    [InlineData("the bound", "minute", "Cache-Control: max-age=10", 61, false)]
    public void With_no_healthy_server_it_is_answered_stale_for_longer(string source, string policy, string stored, int seconds, bool may) =>
        Reuse.MayServeOnError(Given.Stored(stored, Given.Named(policy)), HeaderText.Now.AddSeconds(seconds), Given.Named(policy), isUnhealthy: true)
            .ShouldBe(may, source);

    [Fact]
    public void Nothing_older_than_the_bound_is_served() =>
        Prop.ForAll(AnyLifetimes, ArbMap.Default.ArbFor<byte>(), (text, seconds) =>
        {
            var policy = Given.OneMinute with { HonorRequestDirectives = true, DefaultStaleIfError = TimeSpan.FromHours(1) };
            var stored = Given.Stored($"Cache-Control: {text.Replace('|', ' ')} | Age: {seconds / 4}", policy);
            var now = HeaderText.Now.AddSeconds(seconds);
            var decision = Reuse.Decide(HeaderText.Request("Cache-Control: max-stale"), stored, MarkStrength.None, isTrusted: true, now, policy);
            return decision.Age <= policy.MaxAge
                || (decision.Verb is not (ReuseVerb.Serve or ReuseVerb.ServeStale) && !Reuse.MayServeOnError(stored, now, policy));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Deciding_a_hit_allocates_nothing()
    {
        var stored = Given.Stored("Cache-Control: max-age=100 | ETag: \"a\"", Given.Rfc9111);
        var request = HeaderText.Request("Cache-Control: max-age=50");

        Allocation.Of(() => Reuse.Decide(request, stored, MarkStrength.None, isTrusted: true, HeaderText.Now, Given.Rfc9111)).ShouldBe(0);
    }

    private static string Decide(string policy, string request, string response, int seconds)
    {
        var stored = Given.Stored(response, Given.Named(policy));
        return Text(Reuse.Decide(HeaderText.Request(request), stored, MarkStrength.None, isTrusted: true, HeaderText.Now.AddSeconds(seconds), Given.Named(policy)));
    }

    private static string Text(ReuseDecision decision) => $"{decision.Verb} {decision.Reason}";
}
