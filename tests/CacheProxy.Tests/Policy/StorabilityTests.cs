using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Policy;
using CacheProxy.Tests.Http;
using FsCheck;
using FsCheck.Fluent;

namespace CacheProxy.Tests.Policy;

public class StorabilityTests
{
    [Theory]
    [InlineData("freshness-max-age", "rfc", "Cache-Control: max-age=3600", 3600, 3600)]
    [InlineData("age counts", "rfc", "Cache-Control: max-age=3600 | Age: 600", 3600, 3000)]
    [InlineData("kept for validation", "rfc", "Cache-Control: max-age=100 | ETag: \"a\"", 100, 3700)]
    [InlineData("kept for its stale windows", "rfc", "Cache-Control: max-age=100, stale-while-revalidate=10, stale-if-error=20", 100, 120)]
    [InlineData("the longest counts", "rfc", "Cache-Control: max-age=100, stale-while-revalidate=9999 | ETag: \"a\"", 100, 10099)]
    [InlineData("must-revalidate has no stale windows", "rfc", "Cache-Control: max-age=100, stale-if-error=20, must-revalidate", 100, 100)]
    [InlineData("freshness-expires-future", "rfc", "Date: @+0 | Expires: @+300", 300, 300)]
    [InlineData("cc-resp-must-revalidate-fresh", "rfc", "Cache-Control: max-age=100, must-revalidate", 100, 100)]
    [InlineData("capped", "minute", "Cache-Control: max-age=3600", 60, 60)]
    [InlineData("shorter than the cap", "minute", "Cache-Control: max-age=10", 10, 10)]
    [InlineData("the cap counts age", "minute", "Cache-Control: max-age=3600 | Age: 45", 60, 15)]
    [InlineData("the cap bounds keeping", "minute", "Cache-Control: max-age=10, stale-if-error=9999 | ETag: \"a\"", 10, 60)]
    [InlineData("private fields are left out", "rfc", "Cache-Control: max-age=100, private=\"X-User\"", 100, 100)]
    [InlineData("no-cache fields are left out", "rfc", "Cache-Control: max-age=100, no-cache=\"Set-Cookie, X-User\"", 100, 100)]
    [InlineData("status-200-must-understand", "rfc", "Cache-Control: max-age=100, no-store, must-understand", 100, 100)]
    [InlineData("2^31", "rfc", "Cache-Control: max-age=99999999999", 2147483648, 2147483648)]
    public void An_explicit_lifetime_is_stored(string source, string policy, string response, long lifetime, long retention) =>
        Decide(policy, "", response).ShouldBe(
            new StoreDecision(true, StoreReason.ExplicitLifetime, TimeSpan.FromSeconds(lifetime), TimeSpan.FromSeconds(retention)), source);

    [Theory]
    [InlineData("cc-resp-no-cache-revalidate", "rfc", "Cache-Control: no-cache | ETag: \"a\"", 0, 3600)]
    [InlineData("cc-resp-no-cache-revalidate-fresh", "rfc", "Cache-Control: no-cache, max-age=100 | Expires: @+100 | ETag: \"a\"", 0, 3600)]
    [InlineData("max-age=0", "rfc", "Cache-Control: max-age=0 | Last-Modified: @-100", 0, 3600)]
    [InlineData("expired", "rfc", "Cache-Control: max-age=100 | Age: 200 | ETag: \"a\"", 100, 3600)]
    [InlineData("unreadable", "rfc", "Cache-Control: max-age='3600' | ETag: \"a\"", 0, 3600)]
    [InlineData("the cap bounds keeping", "minute", "Cache-Control: no-cache | ETag: \"a\"", 0, 60)]
    [InlineData("the cap counts age", "minute", "Cache-Control: max-age=10, stale-if-error=60 | Age: 30", 10, 30)]
    [InlineData("stale while revalidate without a validator", "rfc", "Cache-Control: max-age=0, stale-while-revalidate=30", 0, 30)]
    [InlineData("stale if error without a validator", "rfc", "Cache-Control: max-age=10, stale-if-error=30 | Age: 15", 10, 25)]
    public void What_is_not_fresh_is_stored_where_it_can_be_of_use(string source, string policy, string response, int lifetime, int retention) =>
        Decide(policy, "", response).ShouldBe(
            new StoreDecision(true, StoreReason.ForValidation, TimeSpan.FromSeconds(lifetime), TimeSpan.FromSeconds(retention)), source);

    [Theory]
    [InlineData("rfc", "Cache-Control: no-cache")]
    [InlineData("rfc", "Cache-Control: max-age=0")]
    [InlineData("rfc", "Cache-Control: max-age=60, max-age=70")]
    [InlineData("rfc", "Expires: 0")]
    [InlineData("rfc", "Cache-Control: max-age=10 | Age: 10")]
    [InlineData("rfc", "Cache-Control: max-age=10, stale-if-error=30 | Age: 40")]
    [InlineData("rfc, keep nothing", "Cache-Control: no-cache | ETag: \"a\"")]
    [InlineData("minute", "Cache-Control: max-age=3600 | Age: 60 | ETag: \"a\"")]
    [InlineData("minute", "Date: @-60")]
    public void What_is_of_no_use_is_not_stored(string policy, string response) => ShouldRefuse(policy, "", response, nameof(StoreReason.Expired));

    // Requirement 7 of the security rules: the proxy's own lifetime, never where anything speaks against it.
    [Theory]
    [InlineData("minute", "", "", 200, 60)]
    [InlineData("minute", "", "Age: 45", 200, 60)]
    [InlineData("minute", "", "Last-Modified: @-10 | ETag: \"a\" | Vary: Foo", 200, 60)]
    [InlineData("minute", "", "", 203, 60)]
    [InlineData("minute", "", "", 301, 60)]
    [InlineData("minute", "", "", 308, 60)]
    [InlineData("minute, negative", "", "", 404, 5)]
    [InlineData("minute, negative", "", "", 410, 5)]
    [InlineData("minute, cookies", "Cookie: a=b", "", 200, 60)]
    public void The_default_lifetime_applies_where_nothing_is_said(string policy, string request, string response, int status, int seconds)
    {
        var decision = Decide(policy, request, response, status);

        (decision.Store, decision.Reason).ShouldBe((true, StoreReason.DefaultLifetime));
        decision.FreshnessLifetime.ShouldBe(TimeSpan.FromSeconds(seconds));
    }

    [Theory]
    [InlineData("minute", "Cookie: a=b", "", 200, nameof(StoreReason.Cookie))]
    [InlineData("minute", "Authorization: x", "", 200, nameof(StoreReason.Authorization))]
    [InlineData("minute, cookies", "Authorization: x", "", 200, nameof(StoreReason.Authorization))]
    [InlineData("minute", "", "Set-Cookie: a=b", 200, nameof(StoreReason.SetCookie))]
    [InlineData("minute", "", "Vary: *", 200, nameof(StoreReason.VaryStar))]
    [InlineData("minute", "", "Cache-Control: foo", 200, nameof(StoreReason.NoLifetime))]
    [InlineData("minute", "", "Cache-Control:", 200, nameof(StoreReason.NoLifetime))]
    [InlineData("minute", "", "Cache-Control: public", 200, nameof(StoreReason.NoLifetime))]
    [InlineData("minute", "", "Pragma: foo", 200, nameof(StoreReason.NoLifetime))]
    [InlineData("minute", "", "Expires: foo", 200, nameof(StoreReason.Expired))]
    [InlineData("minute", "", "Cache-Control: max-age=foo", 200, nameof(StoreReason.Expired))]
    [InlineData("minute", "", "", 204, nameof(StoreReason.NoLifetime))]
    [InlineData("minute", "", "", 300, nameof(StoreReason.NoLifetime))]
    [InlineData("minute", "", "", 302, nameof(StoreReason.Status))]
    [InlineData("minute", "", "", 307, nameof(StoreReason.Status))]
    [InlineData("minute", "", "", 403, nameof(StoreReason.Status))]
    [InlineData("minute", "", "", 404, nameof(StoreReason.NoLifetime))]
    [InlineData("minute", "", "", 410, nameof(StoreReason.NoLifetime))]
    [InlineData("minute, negative", "", "", 405, nameof(StoreReason.NoLifetime))]
    [InlineData("minute, negative", "Cookie: a=b", "", 404, nameof(StoreReason.Cookie))]
    [InlineData("minute, negative", "", "", 500, nameof(StoreReason.Status))]
    [InlineData("minute", "", "", 206, nameof(StoreReason.PartialContent))]
    public void The_default_lifetime_never_applies_elsewhere(string policy, string request, string response, int status, string reason) =>
        ShouldRefuse(policy, request, response, reason, status);

    [Theory]
    [InlineData("cc-resp-no-store", "Cache-Control: no-store", nameof(StoreReason.NoStore))]
    [InlineData("cc-resp-no-store-fresh", "Cache-Control: max-age=100, no-store | Expires: @+100", nameof(StoreReason.NoStore))]
    [InlineData("cc-resp-no-store-case-insensitive", "Cache-Control: max-age=100, No-StOrE", nameof(StoreReason.NoStore))]
    [InlineData("two lines", "Cache-Control: max-age=100 | Cache-Control: no-store", nameof(StoreReason.NoStore))]
    [InlineData("a quote not closed", "Cache-Control: max-age=100, x=\"y", nameof(StoreReason.NoStore))]
    [InlineData("cc-resp-private-shared", "Cache-Control: max-age=100, private", nameof(StoreReason.Private))]
    [InlineData("unreadable list", "Cache-Control: max-age=100, private=\"\"", nameof(StoreReason.Private))]
    [InlineData("essential field", "Cache-Control: max-age=100, private=\"Content-Type\"", nameof(StoreReason.Private))]
    [InlineData("essential field", "Cache-Control: max-age=100, no-cache=\"vary\"", nameof(StoreReason.Private))]
    [InlineData("private and public", "Cache-Control: max-age=100, private, public", nameof(StoreReason.Private))]
    [InlineData("other-set-cookie (refused)", "Cache-Control: max-age=100 | Set-Cookie: a=b", nameof(StoreReason.SetCookie))]
    [InlineData("no lifetime of the origin's", "Set-Cookie2: a=b", nameof(StoreReason.SetCookie))]
    [InlineData("vary-star", "Cache-Control: max-age=100 | Vary: *", nameof(StoreReason.VaryStar))]
    [InlineData("vary-syntax-foo-star", "Cache-Control: max-age=100 | Vary: Foo | Vary: , *", nameof(StoreReason.VaryStar))]
    [InlineData("freshness-none", "", nameof(StoreReason.NoLifetime))]
    [InlineData("freshness-none with a validator", "ETag: \"a\"", nameof(StoreReason.NoLifetime))]
    public void What_the_origin_forbids_is_not_stored(string source, string response, string reason)
    {
        ShouldRefuse("rfc", "", response, reason);
        Decide("minute", "", response + " | Cache-Control: foo").Store.ShouldBeFalse(source);
    }

    [Theory]
    [InlineData("other-authorization", "Cache-Control: max-age=100", false)]
    [InlineData("other-authorization-public", "Cache-Control: max-age=100, public", true)]
    [InlineData("other-authorization-must-revalidate", "Cache-Control: max-age=100, must-revalidate", true)]
    [InlineData("other-authorization-smaxage", "Cache-Control: s-maxage=100", true)]
    [InlineData("3.5: proxy-revalidate gives no leave", "Cache-Control: max-age=100, proxy-revalidate", false)]
    [InlineData("private wins", "Cache-Control: max-age=100, public, private", false)]
    [InlineData("public=x is no leave", "Cache-Control: max-age=100, public=x", false)]
    public void An_answer_to_credentials_is_stored_only_with_leave(string source, string response, bool store) =>
        Decide("rfc", "Authorization: x", response).Store.ShouldBe(store, source);

    [Theory]
    [InlineData("rfc", "Cache-Control: no-store", true)]
    [InlineData("rfc, honour", "Cache-Control: no-store", false)]
    [InlineData("rfc, honour", "Cache-Control: no-cache", true)]
    [InlineData("rfc, honour", "Pragma: no-cache", true)]
    [InlineData("rfc", "Cookie: a=b", true)]
    public void The_request_counts_where_the_policy_lets_it(string policy, string request, bool store) =>
        Decide(policy, request, "Cache-Control: max-age=100").Store.ShouldBe(store);

    [Theory]
    [InlineData(200), InlineData(203), InlineData(204), InlineData(299), InlineData(301), InlineData(302), InlineData(303), InlineData(307)]
    [InlineData(308), InlineData(400), InlineData(404), InlineData(410), InlineData(499), InlineData(500), InlineData(502), InlineData(503)]
    [InlineData(504), InlineData(599)]
    public void Any_final_status_is_stored_with_an_explicit_lifetime(int status) =>
        Decide("rfc", "", "Cache-Control: max-age=100", status).Reason.ShouldBe(StoreReason.ExplicitLifetime);

    [Theory]
    [InlineData(100), InlineData(101), InlineData(103), InlineData(226), InlineData(304), InlineData(407), InlineData(412), InlineData(416)]
    [InlineData(428), InlineData(429), InlineData(431), InlineData(511), InlineData(600), InlineData(0), InlineData(-1), InlineData(int.MaxValue)]
    public void Some_statuses_are_never_stored(int status)
    {
        ShouldRefuse("rfc", "", "Cache-Control: public, max-age=100", nameof(StoreReason.Status), status);
        ShouldRefuse("rfc", "", "Cache-Control: no-cache | ETag: \"a\"", nameof(StoreReason.Status), status);
    }

    [Theory]
    [InlineData("status-599-must-understand", "Cache-Control: max-age=100, must-understand, no-store", 599, nameof(StoreReason.Status))]
    [InlineData("5.2.2.3", "Cache-Control: max-age=100, must-understand", 599, nameof(StoreReason.Status))]
    [InlineData("5.2.2.3", "Cache-Control: max-age=100, must-understand", 299, nameof(StoreReason.Status))]
    [InlineData("5.2.2.3", "Cache-Control: max-age=100, must-understand=1, no-store", 200, nameof(StoreReason.NoStore))]
    [InlineData("5.2.2.3", "Cache-Control: max-age=100, must-understand, no-store, private", 200, nameof(StoreReason.Private))]
    [InlineData("no-cache is no lifetime", "Cache-Control: no-cache | ETag: \"a\"", 302, nameof(StoreReason.Status))]
    public void A_status_that_is_not_understood_needs_more(string source, string response, int status, string reason) =>
        Decide("rfc", "", response, status).Reason.ToString().ShouldBe(reason, source);

    [Theory]
    [InlineData("heuristic-200-cached", "rfc", "", 200, true)]
    [InlineData("heuristic-203-cached", "rfc", "", 203, true)]
    [InlineData("heuristic-204-cached", "rfc", "", 204, true)]
    [InlineData("heuristic-404-cached", "rfc", "", 404, true)]
    [InlineData("heuristic-405-cached", "rfc", "", 405, true)]
    [InlineData("heuristic-410-cached", "rfc", "", 410, true)]
    [InlineData("heuristic-414-cached", "rfc", "", 414, true)]
    [InlineData("heuristic-501-cached", "rfc", "", 501, true)]
    [InlineData("heuristic-599-cached", "rfc", "Cache-Control: public", 599, true)]
    [InlineData("heuristic-201-not_cached", "rfc", "", 201, false)]
    [InlineData("heuristic-502-not_cached", "rfc", "", 502, false)]
    [InlineData("heuristic-503-not_cached", "rfc", "", 503, false)]
    [InlineData("heuristic-599-not_cached", "rfc", "", 599, false)]
    [InlineData("not in the one-minute profile", "minute", "", 204, false)]
    [InlineData("capped", "minute, heuristic", "Cache-Control: public", 200, true)]
    public void A_guess_is_stored_where_the_status_allows_it(string source, string policy, string response, int status, bool store)
    {
        var decision = Decide(policy, "", response + " | Last-Modified: @-86400", status);

        decision.Store.ShouldBe(store, source);
        if (store)
            (decision.Reason, decision.FreshnessLifetime.TotalSeconds).ShouldBe((StoreReason.HeuristicLifetime, policy == "rfc" ? 8640 : 60), source);
    }

    [Theory]
    [InlineData("", "", 500, true)]
    [InlineData("", "Cache-Control: max-age=10", 503, true)]
    [InlineData("", "", 499, false)]
    [InlineData("Cookie: a=b", "", 500, false)]
    [InlineData("Authorization: x", "", 500, false)]
    [InlineData("X-Key: x", "", 500, false)]
    [InlineData("", "Set-Cookie: a=b", 500, false)]
    [InlineData("", "Cache-Control: no-store", 500, false)]
    [InlineData("", "Cache-Control: private", 500, false)]
    [InlineData("", "Cache-Control: private=\"a\"", 500, false)]
    public void An_error_is_shared_where_it_is_nobodys_own(string request, string response, int status, bool may)
    {
        var head = new RequestHead("GET", HeaderText.Request(request).Fields, ["X-Key"]);

        Storability.MayShareError(head, HeaderText.Response(response, status)).ShouldBe(may);
    }

    [Fact]
    public void Other_credentials_are_as_authorization()
    {
        var head = new RequestHead("GET", HeaderText.Request("X-Key: x").Fields, ["X-Key"]);

        Storability.Decide(head, HeaderText.Response(""), TimeSpan.Zero, Given.Named("minute, cookies")).Reason.ShouldBe(StoreReason.Authorization);
        Reuse.Decide(head, Given.Stored("", Given.OneMinute), MarkStrength.None, isTrusted: true, HeaderText.Now, Given.OneMinute).Verb.ShouldBe(ReuseVerb.Forward);
    }

    [Fact]
    public void A_guess_is_not_made_for_a_request_with_a_cookie() =>
        ShouldRefuse("rfc", "Cookie: a=b", "Last-Modified: @-86400", nameof(StoreReason.Cookie));

    [Theory]
    [InlineData("rfc"), InlineData("minute")]
    public void Endless_options_do_not_overflow(string name)
    {
        var policy = Given.Named(name) with
        {
            Keep = TimeSpan.MaxValue,
            DefaultLifetime = TimeSpan.MaxValue,
            DefaultStaleIfError = TimeSpan.MaxValue,
        };

        string[] responses =
        [
            "ETag: \"a\"",
            "Cache-Control: max-age=99999999999 | ETag: \"a\" | Age: 99999999999",
            "Expires: Fri, 31 Dec 9999 23:59:59 GMT",
        ];
        foreach (var response in responses)
            Decide(policy, "", response, 200).Retention.ShouldBeInRange(TimeSpan.Zero, TimeSpan.FromSeconds(2 * (1L << 31)));
    }

    private static readonly Arbitrary<string> AnyCacheControl = HeaderText.Made(
        "max-age=10", "max-age=", "s-maxage=20", "public", "private", "no-store", "no-cache", "must-understand", "must-revalidate",
        ", ", "x=\"", "stale-if-error=58");

    [Fact]
    public void No_text_lives_longer_than_its_lifetimes_or_the_bound() => Prop.ForAll(AnyCacheControl, text =>
    {
        var response = Cached(text, "");
        var longest = Freshness.ExplicitLifetime(response) ?? TimeSpan.FromSeconds(60);
        foreach (var name in new[] { "rfc", "minute" })
        {
            var policy = Given.Named(name);
            var decision = Storability.Decide(HeaderText.Request(), response, TimeSpan.FromSeconds(5), policy);
            if (decision.FreshnessLifetime > longest || decision.FreshnessLifetime > policy.MaxAge
                || decision.Retention > policy.MaxAge - TimeSpan.FromSeconds(5) || decision.Store != decision.Retention > TimeSpan.Zero)
                return false;
        }
        return true;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void No_text_makes_a_forbidden_response_storable() =>
        Prop.ForAll(AnyCacheControl, ArbMap.Default.ArbFor<string>(), (text, other) =>
        {
            foreach (var forbidden in new[] { "no-store, must-understand=x", "private", "private=\"\"" })
            {
                // must-understand sets no-store aside on a status that is understood: that is its meaning.
                var status = forbidden.StartsWith("no-store", StringComparison.Ordinal) ? 299 : 200;
                foreach (var lines in new[] { new[] { text, other, forbidden }, [forbidden, text, other], [text, forbidden, other] })
                    if (Storability.Decide(HeaderText.Request(), Cached(status, lines), TimeSpan.Zero, Given.OneMinute).Store)
                        return false;
            }
            return true;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void No_text_without_leave_shares_an_answer_to_credentials() => Prop.ForAll(AnyCacheControl, text =>
    {
        var decision = Storability.Decide(HeaderText.Request("Authorization: x"), Cached(text, ""), TimeSpan.Zero, Given.OneMinute);
        return !decision.Store || text.Contains("public", StringComparison.Ordinal) || text.Contains("s-maxage", StringComparison.Ordinal)
            || text.Contains("must-revalidate", StringComparison.Ordinal);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void No_text_makes_cookies_storable() => Prop.ForAll(AnyCacheControl, text =>
        !Storability.Decide(HeaderText.Request(), new ResponseHead(200, null, [new("Set-Cookie", "a=b"), new("Cache-Control", text)], HeaderText.Now),
            TimeSpan.Zero, Given.Rfc9111).Store).QuickCheckThrowOnFailure();

    private static ResponseHead Cached(params string[] lines) => Cached(200, lines);

    private static ResponseHead Cached(int status, string[] lines) =>
        new(status, null, [new("Cache-Control", lines), new("ETag", "\"a\"")], HeaderText.Now);

    private static StoreDecision Decide(string policy, string request, string response, int status = 200) =>
        Decide(Given.Named(policy), request, response, status);

    private static StoreDecision Decide(CachePolicy policy, string request, string response, int status)
    {
        var head = HeaderText.Response(response, status);
        return Storability.Decide(HeaderText.Request(request), head, Freshness.InitialAge(head, HeaderText.Now, TimeSpan.Zero), policy);
    }

    private static void ShouldRefuse(string policy, string request, string response, string reason, int status = 200) =>
        Decide(policy, request, response, status).ShouldBe(new StoreDecision(false, Enum.Parse<StoreReason>(reason), TimeSpan.Zero, TimeSpan.Zero));
}
