using System.Net;
using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Tests.Conformance;

/// <summary>Each scored test of the public suite in our own words; the first argument is its id there.</summary>
public sealed class ConformanceTests(Bench bench) : IClassFixture<Bench>
{
    [Theory]
    [InlineData("freshness-none", "", 1, "miss")]
    [InlineData("freshness-max-age", "Cache-Control: max-age=3600", 100, "hit")]
    [InlineData("freshness-max-age-stale", "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("freshness-max-age-0", "Cache-Control: max-age=0", 0, "miss")]
    [InlineData("freshness-max-age-age", "Cache-Control: max-age=3600 | Age: 7200", 0, "miss")]
    [InlineData("freshness-max-age-max-minus-1", "Cache-Control: max-age=2147483647", 100000, "hit")]
    [InlineData("freshness-max-age-max", "Cache-Control: max-age=2147483648", 100000, "hit")]
    [InlineData("freshness-max-age-max-plus-1", "Cache-Control: max-age=2147483649", 100000, "hit")]
    [InlineData("freshness-max-age-max-plus", "Cache-Control: max-age=99999999999", 100000, "hit")]
    [InlineData("freshness-max-age-expires", "Cache-Control: max-age=3600 | Expires: @-7200", 1, "hit")]
    [InlineData("freshness-max-age-expires-invalid", "Cache-Control: max-age=3600 | Expires: 0", 1, "hit")]
    [InlineData("freshness-max-age-0-expires", "Cache-Control: max-age=0 | Expires: @+3600", 1, "miss")]
    [InlineData("freshness-max-age-extension", "Cache-Control: extension, max-age=3600", 1, "hit")]
    [InlineData("freshness-max-age-case-insenstive", "Cache-Control: MaX-aGe=3600", 1, "hit")]
    [InlineData("freshness-max-age-negative", "Cache-Control: max-age=-3600", 1, "miss")]
    [InlineData("freshness-s-maxage-shared", "Cache-Control: s-maxage=3600", 1, "hit")]
    [InlineData("freshness-max-age-s-maxage-shared-longer", "Cache-Control: max-age=3600, s-maxage=1", 3, "miss")]
    [InlineData("freshness-max-age-s-maxage-shared-longer-reversed", "Cache-Control: s-maxage=1, max-age=3600", 3, "miss")]
    [InlineData("freshness-max-age-s-maxage-shared-longer-multiple", "Cache-Control: max-age=3600 | Cache-Control: s-maxage=1", 3, "miss")]
    [InlineData("freshness-max-age-s-maxage-shared-shorter", "Cache-Control: max-age=1, s-maxage=3600", 3, "hit")]
    [InlineData("freshness-max-age-s-maxage-shared-shorter-expires", "Cache-Control: max-age=0, s-maxage=3600 | Expires: @-10", 3, "hit")]
    [InlineData("freshness-max-age-ignore-quoted", "Cache-Control: extension=\"max-age=3600\", max-age=1", 3, "miss")]
    [InlineData("freshness-max-age-single-quoted", "Cache-Control: max-age='3600'", 1, "miss")]
    [InlineData("freshness-max-age-leading-zero", "Cache-Control: max-age=003600", 1, "hit")]
    [InlineData("age-parse-nonnumeric", "Cache-Control: max-age=3600 | Age: abc", 1, "hit")]
    [InlineData("age-parse-negative", "Cache-Control: max-age=3600 | Age: -7200", 1, "hit")]
    [InlineData("age-parse-float", "Cache-Control: max-age=3600 | Age: 7200.0", 1, "hit")]
    [InlineData("age-parse-large-minus-one", "Cache-Control: max-age=3600 | Age: 2147483647", 1, "miss")]
    [InlineData("age-parse-large", "Cache-Control: max-age=3600 | Age: 2147483648", 1, "miss")]
    [InlineData("age-parse-larger", "Cache-Control: max-age=3600 | Age: 2147483649", 1, "miss")]
    [InlineData("age-parse-suffix", "Cache-Control: max-age=3600 | Age: 7200, 0", 1, "miss")]
    [InlineData("age-parse-prefix", "Cache-Control: max-age=3600 | Age: 0, 7200", 1, "hit")]
    [InlineData("age-parse-suffix-twoline", "Cache-Control: max-age=3600 | Age: 7200 | Age: 0", 1, "miss")]
    [InlineData("age-parse-prefix-twoline", "Cache-Control: max-age=3600 | Age: 0 | Age: 7200", 1, "hit")]
    [InlineData("age-parse-dup-0", "Cache-Control: max-age=3600 | Age: 0, 0", 1, "hit")]
    [InlineData("age-parse-dup-0-twoline", "Cache-Control: max-age=3600 | Age: 0 | Age: 0", 1, "hit")]
    [InlineData("age-parse-dup-old", "Cache-Control: max-age=10000 | Age: 3600 | Age: 3600", 1, "hit")]
    [InlineData("freshness-expires-future", "Expires: @+3600 | Date: @+0", 1, "hit")]
    [InlineData("freshness-expires-past", "Expires: @-3600 | Date: @+0", 1, "miss")]
    [InlineData("freshness-expires-present", "Expires: @+0 | Date: @+0", 0, "miss")]
    [InlineData("freshness-expires-old-date", "Expires: @+300 | Date: @+400", 1, "miss")]
    [InlineData("freshness-expires-invalid", "Expires: 0 | Date: @+0", 1, "miss")]
    [InlineData("freshness-expires-invalid-date", "Expires: @+10 | Date: foo", 1, "hit")]
    [InlineData("freshness-expires-age-slow-date", "Date: @-10 | Expires: @+10 | Age: 25", 0, "miss")]
    [InlineData("freshness-expires-age-fast-date", "Date: @+10 | Expires: @+20 | Age: 15", 0, "miss")]
    [InlineData("freshness-expires-32bit", "Expires: Mon, 19 Jan 2060 14:14:08 GMT", 1, "hit")]
    [InlineData("freshness-expires-far-future", "Expires: Sun, 21 Nov 2286 04:46:39 GMT", 1, "hit")]
    [InlineData("freshness-expires-rfc850", "Expires: Thursday, 18-Aug-50 02:01:18 GMT", 1, "hit")]
    [InlineData("freshness-expires-ansi-c", "Expires: Thu Aug  8 02:01:18 2050", 1, "hit")]
    [InlineData("freshness-expires-wrong-case-weekday", "Expires: THU, 18 Aug 2050 02:01:18 GMT", 1, "hit")]
    [InlineData("freshness-expires-wrong-case-month", "Expires: Thu, 18 AUG 2050 02:01:18 GMT", 1, "hit")]
    [InlineData("freshness-expires-wrong-case-tz", "Expires: Thu, 18 Aug 2050 02:01:18 gMT", 1, "hit")]
    [InlineData("freshness-expires-invalid-utc", "Expires: Thu, 18 Aug 2050 02:01:18 UTC", 1, "miss")]
    [InlineData("freshness-expires-invalid-aest", "Expires: Thu, 18 Aug 2050 02:01:18 AEST", 1, "miss")]
    [InlineData("freshness-expires-invalid-2-digit-year", "Expires: Thu, 18 Aug 50 02:01:18 GMT", 1, "miss")]
    [InlineData("freshness-expires-invalid-no-comma", "Expires: Thu 18 Aug 2050 02:01:18 GMT", 1, "miss")]
    [InlineData("freshness-expires-invalid-multiple-spaces", "Expires: Thu, 18  Aug  2050 02:01:18 GMT", 1, "miss")]
    [InlineData("freshness-expires-invalid-date-dashes", "Expires: Thu, 18-Aug-2050 02:01:18 GMT", 1, "miss")]
    [InlineData("freshness-expires-invalid-time-periods", "Expires: Thu, 18 Aug 2050 02.01.18 GMT", 1, "miss")]
    [InlineData("freshness-expires-invalid-1-digit-hour", "Expires: Thu, 18 Aug 2050 2:01:18 GMT", 1, "miss")]
    [InlineData("freshness-expires-invalid-multiple-lines", "Expires: Thu, 18 Aug 2050 2:01:18 GMT | Expires: Thu, 18 Aug 2050 2:01:19 GMT", 1, "miss")]
    [InlineData("cc-resp-no-store", "Cache-Control: no-store", 1, "miss")]
    [InlineData("cc-resp-no-store-case-insensitive", "Cache-Control: No-StOrE", 1, "miss")]
    [InlineData("cc-resp-no-store-fresh", "Cache-Control: max-age=10000, no-store | Expires: @+10000", 1, "miss")]
    [InlineData("cc-resp-no-cache", "Cache-Control: max-age=10000, no-cache | Expires: @+10000", 1, "miss")]
    [InlineData("cc-resp-no-cache-case-insensitive", "Cache-Control: max-age=10000, No-CaChE", 1, "miss")]
    [InlineData("cc-resp-no-cache-revalidate", "Cache-Control: no-cache | ETag: \"a\"", 1, "validated")]
    [InlineData("cc-resp-no-cache-revalidate-fresh", "Cache-Control: max-age=10000, no-cache | Expires: @+10000 | ETag: \"a\"", 1, "validated")]
    [InlineData("cc-resp-must-revalidate-fresh", "Cache-Control: max-age=10000, must-revalidate | ETag: \"a\"", 1, "hit")]
    [InlineData("cc-resp-must-revalidate-stale", "Cache-Control: max-age=2, must-revalidate | ETag: \"a\"", 3, "validated")]
    [InlineData("stale-while-revalidate", "Cache-Control: max-age=1, stale-while-revalidate=3600 | ETag: \"a\"", 3, "hit")]
    [InlineData("cdn-max-age", "CDN-Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("cdn-max-age-max", "CDN-Cache-Control: max-age=2147483648", 1, "hit")]
    [InlineData("cdn-max-age-max-plus", "CDN-Cache-Control: max-age=99999999999", 1, "hit")]
    [InlineData("cdn-max-age-age", "CDN-Cache-Control: max-age=3600 | Age: 7200", 1, "miss")]
    [InlineData("cdn-max-age-0", "CDN-Cache-Control: max-age=0", 0, "miss")]
    [InlineData("cdn-max-age-extension", "CDN-Cache-Control: foo, max-age=3600", 1, "hit")]
    [InlineData("cdn-max-age-expires", "CDN-Cache-Control: max-age=3600 | Expires: @-10", 1, "hit")]
    [InlineData("cdn-max-age-cc-max-age-invalid-expires", "CDN-Cache-Control: max-age=3600 | Cache-Control: max-age=1 | Expires: 0", 3, "hit")]
    [InlineData("cdn-max-age-0-expires", "CDN-Cache-Control: max-age=0 | Expires: @+3600", 1, "miss")]
    [InlineData("cdn-max-age-short-cc-max-age", "CDN-Cache-Control: max-age=3600 | Cache-Control: max-age=1", 3, "hit")]
    [InlineData("cdn-max-age-long-cc-max-age", "CDN-Cache-Control: max-age=1 | Cache-Control: max-age=3600", 3, "miss")]
    [InlineData("cdn-private", "CDN-Cache-Control: private | Cache-Control: max-age=3600", 1, "miss")]
    [InlineData("cdn-no-cache", "CDN-Cache-Control: no-cache | Cache-Control: max-age=3600", 1, "miss")]
    [InlineData("cdn-no-store-cc-fresh", "CDN-Cache-Control: no-store | Cache-Control: max-age=3600", 1, "miss")]
    [InlineData("cdn-fresh-cc-nostore", "CDN-Cache-Control: max-age=3600 | Cache-Control: no-store", 1, "hit")]
    [InlineData("cdn-cc-invalid-sh-type-unknown", "CDN-Cache-Control: max-age=10000, &&&&& | Cache-Control: no-store", 1, "miss")]
    [InlineData("cdn-cc-invalid-sh-type-wrong", "CDN-Cache-Control: max-age=\"10000\" | Cache-Control: no-store", 1, "miss")]
    [InlineData("freshness-max-age-ignore-quoted-rev", "Cache-Control: max-age=1, extension=\"max-age=3600\"", 3, "miss")]
    [InlineData("cc-resp-private-shared", "Cache-Control: private, max-age=3600", 1, "miss")]
    public async Task Second_get_is_answered_by_what_the_first_brought(string id, string response, int seconds, string expected) =>
        (await bench.LastAsync(new Step(response), new Step(response, After: seconds))).ShouldBe(expected, id);

    [Theory]
    [InlineData("status-200-fresh", 200, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-200-stale", 200, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-203-fresh", 203, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-203-stale", 203, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-204-fresh", 204, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-204-stale", 204, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-299-fresh", 299, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-299-stale", 299, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-301-fresh", 301, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-301-stale", 301, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-302-fresh", 302, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-302-stale", 302, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-303-fresh", 303, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-303-stale", 303, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-307-fresh", 307, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-307-stale", 307, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-308-fresh", 308, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-308-stale", 308, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-400-fresh", 400, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-400-stale", 400, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-404-fresh", 404, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-404-stale", 404, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-410-fresh", 410, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-410-stale", 410, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-499-fresh", 499, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-499-stale", 499, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-500-fresh", 500, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-500-stale", 500, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-502-fresh", 502, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-502-stale", 502, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-503-fresh", 503, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-503-stale", 503, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-504-fresh", 504, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-504-stale", 504, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-599-fresh", 599, "Cache-Control: max-age=3600", 1, "hit")]
    [InlineData("status-599-stale", 599, "Cache-Control: max-age=2", 3, "miss")]
    [InlineData("status-200-must-understand", 200, "Cache-Control: max-age=3600, no-store, must-understand", 1, "hit")]
    [InlineData("status-599-must-understand", 599, "Cache-Control: max-age=3600, no-store, must-understand", 1, "miss")]
    [InlineData("heuristic-200-cached", 200, "Last-Modified: @-86400", 1, "hit")]
    [InlineData("heuristic-203-cached", 203, "Last-Modified: @-86400", 1, "hit")]
    [InlineData("heuristic-204-cached", 204, "Last-Modified: @-86400", 1, "hit")]
    [InlineData("heuristic-404-cached", 404, "Last-Modified: @-86400", 1, "hit")]
    [InlineData("heuristic-405-cached", 405, "Last-Modified: @-86400", 1, "hit")]
    [InlineData("heuristic-410-cached", 410, "Last-Modified: @-86400", 1, "hit")]
    [InlineData("heuristic-414-cached", 414, "Last-Modified: @-86400", 1, "hit")]
    [InlineData("heuristic-501-cached", 501, "Last-Modified: @-86400", 1, "hit")]
    [InlineData("heuristic-201-not_cached", 201, "Last-Modified: @-86400", 1, "miss")]
    [InlineData("heuristic-202-not_cached", 202, "Last-Modified: @-86400", 1, "miss")]
    [InlineData("heuristic-403-not_cached", 403, "Last-Modified: @-86400", 1, "miss")]
    [InlineData("heuristic-502-not_cached", 502, "Last-Modified: @-86400", 1, "miss")]
    [InlineData("heuristic-503-not_cached", 503, "Last-Modified: @-86400", 1, "miss")]
    [InlineData("heuristic-504-not_cached", 504, "Last-Modified: @-86400", 1, "miss")]
    [InlineData("heuristic-599-not_cached", 599, "Last-Modified: @-86400", 1, "miss")]
    [InlineData("heuristic-599-cached", 599, "Cache-Control: public | Last-Modified: @-86400", 1, "hit")]
    public async Task Status_decides_with_the_lifetime(string id, int status, string response, int seconds, string expected)
    {
        var answers = await bench.RunAsync(new Step(response, Status: $"{status} Text"), new Step(response, After: seconds, Status: $"{status} Text"));
        (expected == "miss" && answers[1].How == "validated" ? "miss" : answers[1].How).ShouldBe(expected, id);
        ((int)answers[1].Status).ShouldBe(status, id);
    }

    [Theory]
    [InlineData("vary-match", "Cache-Control: max-age=5000 | Vary: Foo", "Foo: 1", "Foo: 1", "hit")]
    [InlineData("vary-no-match", "Cache-Control: max-age=5000 | Vary: Foo", "Foo: 1", "Foo: 2", "miss")]
    [InlineData("vary-omit-stored", "Cache-Control: max-age=5000 | Vary: Foo", "", "Foo: 1", "miss")]
    [InlineData("vary-omit", "Cache-Control: max-age=5000 | Vary: Foo", "Foo: 1", "", "miss")]
    [InlineData("vary-cache-key", "Cache-Control: max-age=5000 | Vary: Foo", "Foo: 1 | Other: 2", "Foo: 1 | Other: 3", "hit")]
    [InlineData("vary-2-match", "Cache-Control: max-age=5000 | Vary: Foo, Bar", "Foo: 1 | Bar: abc", "Foo: 1 | Bar: abc", "hit")]
    [InlineData("vary-2-no-match", "Cache-Control: max-age=5000 | Vary: Foo, Bar", "Foo: 1 | Bar: abc", "Foo: 2 | Bar: abc", "miss")]
    [InlineData("vary-2-match-omit", "Cache-Control: max-age=5000 | Vary: Foo, Bar", "Foo: 1 | Bar: abc", "", "miss")]
    [InlineData("vary-3-match", "Cache-Control: max-age=5000 | Vary: Foo, Bar, Baz", "Foo: 1 | Bar: abc | Baz: 789", "Foo: 1 | Bar: abc | Baz: 789", "hit")]
    [InlineData("vary-3-no-match", "Cache-Control: max-age=5000 | Vary: Foo, Bar, Baz", "Foo: 1 | Bar: abc | Baz: 789", "Foo: 2 | Bar: abc | Baz: 789", "miss")]
    [InlineData("vary-3-order", "Cache-Control: max-age=5000 | Vary: Foo, Bar, Baz", "Foo: 1 | Bar: abc | Baz: 789", "Foo: 1 | Baz: 789 | Bar: abcde", "miss")]
    [InlineData("vary-3-omit", "Cache-Control: max-age=5000 | Vary: Foo, Bar, Baz", "Foo: 1 | Baz: 789", "Foo: 1 | Baz: 789", "hit")]
    [InlineData("vary-star", "Cache-Control: max-age=5000 | Vary: *", "Foo: 1", "Foo: 1", "miss")]
    [InlineData("vary-normalise-combine", "Cache-Control: max-age=5000 | Vary: Foo", "Foo: 1, 2", "Foo: 1 | Foo: 2", "hit")]
    [InlineData("vary-normalise-lang-order", "Cache-Control: max-age=5000 | Vary: Accept-Language", "Accept-Language: en, de", "Accept-Language: de, en", "hit")]
    [InlineData("vary-normalise-lang-case", "Cache-Control: max-age=5000 | Vary: Accept-Language", "Accept-Language: en, de", "Accept-Language: eN, De", "hit")]
    [InlineData("vary-normalise-lang-space", "Cache-Control: max-age=5000 | Vary: Accept-Language", "Accept-Language: en, de", "Accept-Language:  en ,   de", "hit")]
    [InlineData("vary-normalise-space", "Cache-Control: max-age=5000 | Vary: Foo", "Foo: 1,2", "Foo:  1, 2 ", "hit")]
    [InlineData("vary-syntax-star", "Cache-Control: max-age=5000 | Vary: *", "Foo: 1", "Foo: 1", "miss")]
    [InlineData("vary-syntax-star-star", "Cache-Control: max-age=5000 | Vary: *, *", "Foo: 1", "Foo: 1", "miss")]
    [InlineData("vary-syntax-star-star-lines", "Cache-Control: max-age=5000 | Vary: * | Vary: *", "Foo: 1", "Foo: 1", "miss")]
    [InlineData("vary-syntax-empty-star", "Cache-Control: max-age=5000 | Vary: , *", "Foo: 1", "Foo: 1", "miss")]
    [InlineData("vary-syntax-empty-star-lines", "Cache-Control: max-age=5000 | Vary:  | Vary: *", "Foo: 1", "Foo: 1", "miss")]
    [InlineData("vary-syntax-star-foo", "Cache-Control: max-age=5000 | Vary: *, Foo", "Foo: 1", "Foo: 1", "miss")]
    [InlineData("vary-syntax-foo-star", "Cache-Control: max-age=5000 | Vary: Foo, *", "Foo: 1", "Foo: 1", "miss")]
    [InlineData("other-authorization", "Cache-Control: max-age=3600", "Authorization: FOO", "", "miss")]
    [InlineData("other-authorization-public", "Cache-Control: max-age=3600, public", "Authorization: FOO", "", "hit")]
    [InlineData("other-authorization-must-revalidate", "Cache-Control: max-age=3600, must-revalidate", "Authorization: FOO", "", "hit")]
    [InlineData("other-authorization-smaxage", "Cache-Control: s-maxage=3600", "Authorization: FOO", "", "hit")]
    [InlineData("other-cookie", "Cache-Control: max-age=3600", "", "Cookie: a=b", "hit")]
    public async Task Second_request_meets_what_the_first_left(string id, string response, string first, string second, string expected)
    {
        var answers = await bench.RunAsync(new Step(response, first), new Step(response, second, After: 1));
        answers[1].How.ShouldBe(expected, id);
        if (first.StartsWith("Authorization", StringComparison.Ordinal))
            answers[0].Asked!["Authorization"].ShouldBe("FOO", id);
    }

    [Theory]
    [InlineData("conditional-lm-fresh", "Cache-Control: max-age=100000 | Last-Modified: @-3000", "If-Modified-Since: @-3000", 0, "304 hit")]
    [InlineData("conditional-lm-fresh-earlier", "Cache-Control: max-age=100000 | Last-Modified: @-3000", "If-Modified-Since: @-2000", 0, "304 hit")]
    [InlineData("conditional-lm-fresh-rfc850", "Cache-Control: max-age=100000 | Last-Modified: Tue, 03 Mar 2026 05:06:07 GMT", "If-Modified-Since: Tuesday, 03-Mar-26 05:06:07 GMT", 0, "304 hit")]
    [InlineData("conditional-lm-stale", "Cache-Control: max-age=2 | Last-Modified: Tue, 03 Mar 2026 05:06:07 GMT", "If-Modified-Since: Tue, 03 Mar 2026 05:06:07 GMT", 3, "304 validated")]
    [InlineData("conditional-etag-strong-respond", "Cache-Control: max-age=100000 | ETag: \"abcdef\"", "If-None-Match: \"abcdef\"", 0, "304 hit")]
    [InlineData("conditional-304-etag", "Cache-Control: max-age=100000 | ETag: \"abcdef\"", "If-None-Match: \"abcdef\"", 0, "304 hit")]
    [InlineData("conditional-etag-precedence", "Cache-Control: max-age=100000 | ETag: \"abcdef\" | Last-Modified: @-5000", "If-None-Match: \"abcdef\" | If-Modified-Since: @-10000", 0, "304 hit")]
    [InlineData("conditional-etag-weak-respond", "Cache-Control: max-age=100000 | ETag: W/\"abcdef\"", "If-None-Match: W/\"abcdef\"", 0, "304 hit")]
    [InlineData("conditional-etag-strong-respond-multiple-first", "Cache-Control: max-age=100000 | ETag: \"abcdef\"", "If-None-Match: \"abcdef\", \"1234\", \"5678\"", 0, "304 hit")]
    [InlineData("conditional-etag-strong-respond-multiple-second", "Cache-Control: max-age=100000 | ETag: \"abcdef\"", "If-None-Match: \"1234\", \"abcdef\", \"5678\"", 0, "304 hit")]
    [InlineData("conditional-etag-strong-respond-multiple-last", "Cache-Control: max-age=100000 | ETag: \"abcdef\"", "If-None-Match: \"1234\", \"5678\", \"abcdef\"", 0, "304 hit")]
    [InlineData("conditional-etag-strong-generate", "Cache-Control: max-age=2 | ETag: \"abcdef\"", "", 3, "200 validated")]
    [InlineData("conditional-etag-weak-generate-weak", "Cache-Control: max-age=2 | ETag: W/\"abcdef\"", "", 3, "200 validated")]
    [InlineData("conditional-etag-vary-headers", "Cache-Control: max-age=2 | ETag: \"abcdef\" | Vary: Abc", "Abc: 123", 3, "200 validated")]
    public async Task Condition_is_met_by_the_cache_or_sent_on(string id, string response, string request, int seconds, string expected)
    {
        var answers = await bench.RunAsync(new Step(response, id == "conditional-etag-vary-headers" ? request : ""), new Step(response, request, seconds));
        var second = answers[1];
        $"{(int)second.Status} {second.How}".ShouldBe(expected, id);
        if (response.Contains("ETag", StringComparison.Ordinal))
        {
            second["ETag"].ShouldBe(answers[0]["ETag"], id);
            if (second.How == "validated")
                second.Asked!["If-None-Match"].ShouldBe(answers[0]["ETag"], id);
        }
        if (id == "conditional-etag-vary-headers")
            second.Asked!["Abc"].ShouldBe("123");
    }

    [Theory]
    [InlineData("headers-store-Cache-Control", "Cache-Control", "max-age=3600")]
    [InlineData("headers-store-Clear-Site-Data", "Clear-Site-Data", "some value")]
    [InlineData("headers-store-Content-Encoding", "Content-Encoding", "some value")]
    [InlineData("headers-store-Content-Foo", "Content-Foo", "some value")]
    [InlineData("headers-store-Content-Length", "Content-Length", "10")]
    [InlineData("headers-store-Content-Location", "Content-Location", "/a")]
    [InlineData("headers-store-Content-MD5", "Content-MD5", "some value")]
    [InlineData("headers-store-Content-Range", "Content-Range", "bytes 5-9/20")]
    [InlineData("headers-store-Content-Security-Policy", "Content-Security-Policy", "some value")]
    [InlineData("headers-store-Content-Type", "Content-Type", "text/plain; x=y")]
    [InlineData("headers-store-ETag", "ETag", "\"a\"")]
    [InlineData("headers-store-Expires", "Expires", "Thu, 18 Aug 2050 02:01:18 GMT")]
    [InlineData("headers-store-Public-Key-Pins", "Public-Key-Pins", "some value")]
    [InlineData("headers-store-Set-Cookie2", "Set-Cookie2", "a=c")]
    [InlineData("headers-store-Test-Header", "Test-Header", "some value")]
    [InlineData("headers-store-X-Content-Foo", "X-Content-Foo", "some value")]
    [InlineData("headers-store-X-Frame-Options", "X-Frame-Options", "some value")]
    [InlineData("headers-store-X-Test-Header", "X-Test-Header", "some value")]
    [InlineData("headers-store-X-XSS-Protection", "X-XSS-Protection", "some value")]
    public async Task Field_is_stored(string id, string name, string value)
    {
        var lifetime = name == "Cache-Control" ? "" : "Cache-Control: max-age=3600 | ";
        var answers = await bench.RunAsync(new Step($"{lifetime}{name}: {value}"), new Step("", After: 1));
        answers[1].How.ShouldBe("hit", id);
        answers[1][name].ShouldBe(value, id);
        answers[1].Body.ShouldBe("0123456789", id);
    }

    [Theory]
    [InlineData("headers-store-Connection", "Connection")]
    [InlineData("headers-store-Keep-Alive", "Keep-Alive")]
    [InlineData("headers-store-Proxy-Authenticate", "Proxy-Authenticate")]
    [InlineData("headers-store-Proxy-Authentication-Info", "Proxy-Authentication-Info")]
    [InlineData("headers-store-Proxy-Authorization", "Proxy-Authorization")]
    [InlineData("headers-store-Proxy-Connection", "Proxy-Connection")]
    [InlineData("headers-store-TE", "TE")]
    [InlineData("headers-store-Upgrade", "Upgrade")]
    public async Task Field_for_the_next_hop_is_not_stored(string id, string name)
    {
        var answers = await bench.RunAsync(new Step($"Cache-Control: max-age=3600 | {name}: some-value"), new Step("", After: 1));
        answers[1].How.ShouldBe("hit", id);
        answers[1][name].ShouldBeNull(id);
    }

    [Theory]
    [InlineData("headers-omit-headers-listed-in-Connection")]
    public async Task Fields_that_connection_names_are_not_stored(string id)
    {
        var answers = await bench.RunAsync(new Step("Cache-Control: max-age=3600 | Connection: a, b | a: 1 | b: 2 | c: 3"), new Step("", After: 1));
        answers[1].How.ShouldBe("hit", id);
        (answers[1]["a"], answers[1]["b"], answers[1]["c"]).ShouldBe((null, null, "3"), id);
    }

    [Theory]
    [InlineData("304-etag-update-response-Test-Header", "Test-Header")]
    [InlineData("304-etag-update-response-X-Test-Header", "X-Test-Header")]
    [InlineData("304-etag-update-response-Content-Foo", "Content-Foo")]
    [InlineData("304-etag-update-response-X-Content-Foo", "X-Content-Foo")]
    public async Task Field_of_a_304_replaces_the_stored_one(string id, string name)
    {
        var answers = await bench.RunAsync(
            new Step($"Cache-Control: max-age=2 | ETag: \"a\" | {name}: old"), new Step($"Cache-Control: max-age=2 | ETag: \"a\" | {name}: new", After: 3), new Step(""));
        answers.Select(answer => (answer.How, answer[name], answer.Body)).ShouldBe([("miss", "old", "0123456789"), ("validated", "new", "0123456789"), ("hit", "new", "0123456789")], id);
    }

    [Theory]
    [InlineData("304-etag-update-response-Cache-Control", "max-age=1", "max-age=3600", "Cache-Control: max-age=3600", "Cache-Control")]
    [InlineData("304-etag-update-response-Content-Length", "max-age=2", "max-age=2", "Cache-Control: max-age=2 | Content-Length: 3", "Content-Length")]
    [InlineData("304-lm-use-stored-Test-Header", "max-age=2", "max-age=2", "Cache-Control: max-age=2", "Test-Header")]
    public async Task What_a_304_says_counts_and_the_rest_stays(string id, string first, string then, string update, string name)
    {
        var answers = await bench.RunAsync(
            new Step($"Cache-Control: {first} | Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT | ETag: \"a\" | Test-Header: kept"), new Step(update, After: 3), new Step("", After: 1));
        answers.Select(answer => answer.How).ShouldBe(["miss", "validated", "hit"], id);
        answers[2][name].ShouldBe(name switch { "Cache-Control" => then, "Content-Length" => "10", _ => "kept" }, id);
        answers[2].Body.ShouldBe("0123456789", id);
    }

    [Theory]
    [InlineData("invalidate-POST", "POST", "200 OK", "miss")]
    [InlineData("invalidate-POST-failed", "POST", "500 Oops", "hit")]
    [InlineData("invalidate-PUT", "PUT", "200 OK", "miss")]
    [InlineData("invalidate-PUT-failed", "PUT", "500 Oops", "hit")]
    [InlineData("invalidate-DELETE", "DELETE", "200 OK", "miss")]
    [InlineData("invalidate-DELETE-failed", "DELETE", "500 Oops", "hit")]
    [InlineData("invalidate-M-SEARCH", "M-SEARCH", "200 OK", "miss")]
    [InlineData("invalidate-M-SEARCH-failed", "M-SEARCH", "500 Oops", "hit")]
    public async Task Unsafe_method_invalidates_when_it_succeeds(string id, string method, string status, string expected) =>
        (await bench.LastAsync(new Step("Cache-Control: max-age=3600"), new Step("", Method: method, Status: status), new Step(""))).ShouldBe(expected, id);

    [Theory]
    [InlineData("stale-close-must-revalidate", "max-age=2, must-revalidate")]
    [InlineData("stale-close-proxy-revalidate", "max-age=2, proxy-revalidate")]
    [InlineData("stale-close-no-cache", "max-age=2, no-cache")]
    [InlineData("stale-close-s-maxage=2", "max-age=2, s-maxage=2")]
    public async Task Origin_that_hangs_up_is_not_stood_in_for(string id, string cacheControl)
    {
        var answers = await bench.RunAsync(new Step($"Cache-Control: {cacheControl}"), new Step("", After: 3, Status: "close"));
        answers[1].Status.ShouldBe(HttpStatusCode.BadGateway, id);
    }

    [Theory]
    [InlineData("stale-close")]
    public async Task Origin_that_hangs_up_is_stood_in_for(string id)
    {
        var answers = await bench.RunAsync(new Step("Cache-Control: max-age=2"), new Step("", After: 3, Status: "close"));
        (answers[1].Status, answers[1].Body).ShouldBe((HttpStatusCode.OK, "0123456789"), id);
    }

    [Theory]
    [InlineData("stale-while-revalidate-window")]
    public async Task Refresh_behind_counts_for_the_next(string id)
    {
        const string first = "Cache-Control: max-age=1, stale-while-revalidate=4";
        (await bench.RunAsync(new Step(first), new Step("Cache-Control: no-cache", After: 3), new Step("", After: 3))).Select(answer => answer.How)
            .ShouldBe(["miss", "hit", "miss"], id);
        (await bench.LastAsync(new Step(first), new Step("", After: 6))).ShouldBe("miss", id);
    }

    [Theory]
    [InlineData("cc-resp-no-store-old-new", "no-store")]
    [InlineData("cc-resp-no-store-old-max-age", "no-store, max-age=0")]
    public async Task Fresh_response_is_not_asked_about(string id, string newer)
    {
        var answers = await bench.RunAsync(new Step("Cache-Control: max-age=10000 | A: 1"), new Step($"Cache-Control: {newer} | A: 2", After: 3), new Step("", After: 3));
        (answers[2].How, answers[2]["A"]).ShouldBe(("hit", "1"), id);
    }

    [Theory]
    [InlineData("vary-invalidate")]
    public async Task Variants_live_side_by_side(string id)
    {
        const string response = "Cache-Control: max-age=5000 | Vary: Foo";
        var answers = await bench.RunAsync(new Step(response, "Foo: 1", Body: "one"), new Step(response, "Foo: 2", Body: "two"), new Step(response, "Foo: 1", Body: "new"));
        (answers[1].How, answers[2].How, answers[2].Body).ShouldBe(("miss", "hit", "one"), id);
    }

    [Theory]
    [InlineData("partial-store-complete-reuse-partial", "bytes=0-1", "01")]
    [InlineData("partial-store-complete-reuse-partial-no-last", "bytes=1-", "1234567890")]
    [InlineData("partial-store-complete-reuse-partial-suffix", "bytes=-1", "0")]
    [InlineData("partial-use-headers", "bytes=0-1", "01")]
    [InlineData("partial-use-stored-headers", "bytes=0-1", "01")]
    public async Task Range_is_answered_from_the_whole(string id, string range, string expected)
    {
        var answers = await bench.RunAsync(new Step("Cache-Control: max-age=3600 | A: 1", Body: "01234567890"), new Step("A: 2", $"Range: {range}"));
        (answers[1].How, answers[1].Status, answers[1].Body, answers[1]["A"]).ShouldBe(("hit", HttpStatusCode.PartialContent, expected, "1"), id);
    }

    [Theory]
    [InlineData("other-age-gen", "Cache-Control: max-age=100000", "3")]
    [InlineData("other-age-update-expires", "Expires: @+2592000 | Date: @+0 | Age: 30", "33")]
    [InlineData("other-age-update-max-age", "Cache-Control: max-age=100000 | Age: 30", "33")]
    public async Task Age_is_what_came_and_the_time_since(string id, string response, string expected)
    {
        var answers = await bench.RunAsync(new Step(response), new Step("", After: 3));
        (answers[1].How, answers[1]["Age"]).ShouldBe(("hit", expected), id);
    }

    [Theory]
    [InlineData("other-date-update", "Cache-Control: max-age=100000")]
    [InlineData("other-date-update-expires", "Expires: @+2592000")]
    public async Task Date_stays_the_origins(string id, string response)
    {
        var answers = await bench.RunAsync(new Step(response + " | Date: @+0"), new Step("", After: 3));
        answers[1].How.ShouldBe("hit", id);
        answers[1]["Date"].ShouldBe(answers[0]["Date"], id);
    }

    [Theory]
    [InlineData("query-args-same", "?a=b", "hit")]
    [InlineData("query-args-different", "?a=c", "miss")]
    public async Task Query_is_part_of_the_key(string id, string query, string expected) =>
        (await bench.LastAsync(new Step("Cache-Control: max-age=3600", Query: "?a=b"), new Step("Cache-Control: max-age=3600", Query: query))).ShouldBe(expected, id);

    [Theory]
    [InlineData("method-POST")]
    public async Task Answer_to_post_with_its_own_location_is_that_of_get(string id) =>
        (await bench.LastAsync(new Step("Cache-Control: max-age=3600 | Content-Location: ?q", Method: "POST", Query: "?q"), new Step("", Query: "?q"))).ShouldBe("hit", id);

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
    [InlineData("headers-store-Transfer-Encoding")]
    public async Task Transfer_coding_that_nobody_knows_is_not_stored_and_the_response_is(string id)
    {
        await using var origin = new ScriptedOrigin(async r =>
        {
            await r.WriteAsync("HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nTransfer-Encoding: foo\r\n\r\n0123456789");
            r.Close();
        });
        await using var proxy = await RunningProxy.StartAsync(origin.Address, bench.Configure);
        var first = await WireClient.AnswerAsync(proxy.Address, "GET", "/");
        await proxy.WaitForFetchesAsync();
        var second = await WireClient.AnswerAsync(proxy.Address, "GET", "/");
        first.Status.ShouldBe(200, id);
        (second.Status, second.Content, second["Transfer-Encoding"]).ShouldBe((200, "0123456789", null), id);
        second["Cache-Status"]!.ShouldContain("; hit", Case.Sensitive, id);
    }

    /// <summary>What the suite would have otherwise: the last argument says why not.</summary>
    [Theory]
    [InlineData("partial-store-partial-reuse-partial", "bytes 4-9/10", "bytes=-5", Contradiction)]
    [InlineData("partial-store-partial-reuse-partial-byterange", "bytes 4-9/10", "bytes=6-8", Contradiction)]
    [InlineData("partial-store-partial-reuse-partial-absent", "bytes 4-9/10", "bytes=6-", Contradiction)]
    [InlineData("partial-store-partial-reuse-partial-suffix", "bytes 4-9/10", "bytes=-1", Contradiction)]
    [InlineData("partial-store-partial-complete", "bytes 0-4/10", "", "without a strong validator nothing may be combined (RFC 9111 section 3.4)")]
    public async Task Part_is_not_stored(string id, string contentRange, string range, string reason)
    {
        var second = (await bench.RunAsync(
            new Step($"Cache-Control: max-age=3600 | Content-Range: {contentRange}", "Range: bytes=-5", Status: "206 Partial Content", Body: "01234"),
            new Step("", range.Length == 0 ? "" : $"Range: {range}", After: 1)))[1];
        (second.How, second.Asked!["Range"] is { } asked && asked != range).ShouldBe(("miss", false), $"{id}: {reason}");
    }

    [Theory]
    [InlineData("conditional-lm-fresh-no-lm", "without Last-Modified the condition is evaluated against Date (RFC 9111 section 4.3.2): 200 is right")]
    public async Task Condition_is_evaluated_against_date_where_there_is_nothing_else(string id, string reason)
    {
        var second = (await bench.RunAsync(new Step("Cache-Control: max-age=100000 | Date: @+0"), new Step("", "If-Modified-Since: @-3000")))[1];
        (second.How, second.Status).ShouldBe(("hit", HttpStatusCode.OK), $"{id}: {reason}");
    }

    private const string Contradiction = "the suite's 206 says six bytes and has five";
}
