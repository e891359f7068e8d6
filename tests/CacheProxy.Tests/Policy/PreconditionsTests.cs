using CacheProxy.Http;
using CacheProxy.Policy;
using CacheProxy.Tests.Http;
using FsCheck;
using FsCheck.Fluent;

namespace CacheProxy.Tests.Policy;

public class PreconditionsTests
{
    private const string Tagged = "ETag: \"a\" | Last-Modified: @-100 | Date: @+0";

    [Theory]
    [InlineData("conditional-etag-strong-respond", "If-None-Match: \"a\"", Tagged, 304)]
    [InlineData("conditional-etag-strong-respond", "If-None-Match: \"b\"", Tagged, 200)]
    [InlineData("conditional-etag-precedence", "If-None-Match: \"a\" | If-Modified-Since: @-999", Tagged, 304)]
    [InlineData("conditional-etag-precedence", "If-None-Match: \"b\" | If-Modified-Since: @+0", Tagged, 200)]
    [InlineData("13.1.3: ignored beside If-None-Match", "If-None-Match: b | If-Modified-Since: @+0", Tagged, 200)]
    [InlineData("13.1.2: any", "If-None-Match: *", "", 304)]
    [InlineData("conditional-lm-fresh", "If-Modified-Since: @-100", Tagged, 304)]
    [InlineData("conditional-lm-fresh-earlier", "If-Modified-Since: @-50", Tagged, 304)]
    [InlineData("conditional-lm-fresh-later", "If-Modified-Since: @-101", Tagged, 200)]
    [InlineData("conditional-lm-fresh-rfc850", "If-Modified-Since: Wednesday, 04-Mar-26 05:06:07 GMT", Tagged, 304)]
    [InlineData("4.3.2: against Date", "If-Modified-Since: @-10", "Date: @-10", 304)]
    [InlineData("conditional-lm-fresh-no-lm (9111 4.3.2)", "If-Modified-Since: @-3000", "Date: @+0", 200)]
    [InlineData("4.3.2: against the receipt", "If-Modified-Since: @+0", "", 304)]
    [InlineData("4.3.2: against the receipt", "If-Modified-Since: @-1", "", 200)]
    [InlineData("13.1.3: unreadable", "If-Modified-Since: yesterday", Tagged, 200)]
    [InlineData("13.1.3: two", "If-Modified-Since: @+0 | If-Modified-Since: @+0", Tagged, 200)]
    [InlineData("none", "", Tagged, 200)]
    public void Conditions_are_evaluated_in_their_order(string source, string request, string stored, int status)
    {
        var selection = Preconditions.Evaluate(HeaderText.Request(request), HeaderText.Response(stored), 10);

        selection.ShouldBe(new Selection(status, 0, status == 200 ? 10 : 0), source);
        Preconditions.Evaluate(HeaderText.Request(request, "HEAD"), HeaderText.Response(stored), 10).ShouldBe(selection, source);
        Preconditions.Evaluate(HeaderText.Request(request), HeaderText.Response(stored, 404), 10).ShouldBe(new Selection(404, 0, 10), source);
    }

    [Fact]
    public void Several_ranges_of_a_stored_whole_are_served_as_parts()
    {
        var selection = Preconditions.Evaluate(HeaderText.Request("Range: bytes=0-1,3-5"), HeaderText.Response(Tagged), 10);

        (selection.StatusCode, selection.Length).ShouldBe((206, 5));
        selection.Parts!.Select(part => (part.Offset, part.Length)).ShouldBe([(0, 2), (3, 3)]);
    }

    [Theory]
    [InlineData("partial-store-complete-reuse-partial", "Range: bytes=0-1", 206, 0, 2)]
    [InlineData("partial-store-complete-reuse-partial-no-last", "Range: bytes=1-", 206, 1, 9)]
    [InlineData("partial-store-complete-reuse-partial-suffix", "Range: bytes=-1", 206, 9, 1)]
    [InlineData("14.2: unsatisfiable", "Range: bytes=10-", 416, 0, 0)]
    [InlineData("14.2: several that do not ascend", "Range: bytes=3-4,0-1", 200, 0, 10)]
    [InlineData("14.2: unreadable", "Range: bytes=1-0", 200, 0, 10)]
    [InlineData("13.2.2: conditions first", "Range: bytes=0-1 | If-None-Match: \"a\"", 304, 0, 0)]
    [InlineData("13.2.2: conditions first", "Range: bytes=0-1 | If-None-Match: \"b\"", 206, 0, 2)]
    [InlineData("13.1.5: equal tag", "Range: bytes=0-1 | If-Range: \"a\"", 206, 0, 2)]
    [InlineData("13.1.5: other tag", "Range: bytes=0-1 | If-Range: \"b\"", 200, 0, 10)]
    [InlineData("13.1.5: other tag, unsatisfiable", "Range: bytes=10- | If-Range: \"b\"", 200, 0, 10)]
    [InlineData("13.1.5: weak tag", "Range: bytes=0-1 | If-Range: W/\"a\"", 200, 0, 10)]
    [InlineData("13.1.5: a list", "Range: bytes=0-1 | If-Range: \"a\", \"a\"", 200, 0, 10)]
    [InlineData("13.1.5: two lines", "Range: bytes=0-1 | If-Range: \"a\" | If-Range: \"a\"", 200, 0, 10)]
    [InlineData("13.1.5: equal date", "Range: bytes=0-1 | If-Range: @-100", 206, 0, 2)]
    [InlineData("13.1.5: later date", "Range: bytes=0-1 | If-Range: @-99", 200, 0, 10)]
    [InlineData("13.1.5: earlier date", "Range: bytes=0-1 | If-Range: @-101", 200, 0, 10)]
    [InlineData("13.1.5: unreadable", "Range: bytes=0-1 | If-Range: foo", 200, 0, 10)]
    [InlineData("13.1.5: empty", "Range: bytes=0-1 | If-Range:", 200, 0, 10)]
    [InlineData("If-Range alone", "If-Range: \"b\"", 200, 0, 10)]
    public void A_range_of_a_stored_whole_is_served(string source, string request, int status, long offset, long length)
    {
        Preconditions.Evaluate(HeaderText.Request(request), HeaderText.Response(Tagged), 10)
            .ShouldBe(new Selection(status, offset, length), source);
        Preconditions.Evaluate(HeaderText.Request(request, "HEAD"), HeaderText.Response(Tagged), 10).StatusCode.ShouldBeOneOf(200, 304);
        Preconditions.Evaluate(HeaderText.Request(request), HeaderText.Response(Tagged, 404), 10).ShouldBe(new Selection(404, 0, 10), source);
    }

    [Theory]
    [InlineData("8.8.2.2: the clock had not moved on", "Last-Modified: @-100 | Date: @-100", 200)]
    [InlineData("8.8.2.2: a second later", "Last-Modified: @-100 | Date: @-99", 206)]
    [InlineData("8.8.2.2: no Date", "Last-Modified: @-100", 200)]
    [InlineData("13.1.5: no Last-Modified", "Date: @+0", 200)]
    public void A_date_is_a_strong_validator_only_after_its_second(string source, string stored, int status) =>
        Preconditions.Evaluate(HeaderText.Request("Range: bytes=0-1 | If-Range: @-100"), HeaderText.Response(stored), 10)
            .StatusCode.ShouldBe(status, source);

    [Fact]
    public void A_weak_stored_tag_gives_no_range() =>
        Preconditions.Evaluate(HeaderText.Request("Range: bytes=0-1 | If-Range: W/\"a\""), HeaderText.Response("ETag: W/\"a\""), 10)
            .StatusCode.ShouldBe(200);

    [Fact]
    public void The_selection_lies_within_the_body() =>
        Prop.ForAll(
            HeaderText.Made("bytes=", "-", "1-5", "9223372036854775807"),
            ArbMap.Default.ArbFor<string>(),
            ArbMap.Default.ArbFor<NonNegativeInt>(),
            (range, other, length) =>
            {
                var request = HeaderText.Request();
                foreach (var name in new[] { "Range", "If-Range", "If-None-Match", "If-Modified-Since" })
                    request.Fields[name] = name == "Range" ? range : other;
                request = new RequestHead("GET", request.Fields);
                var selection = Preconditions.Evaluate(request, HeaderText.Response(Tagged), length.Get);
                return selection.Offset >= 0 && selection.Length >= 0 && selection.Offset + selection.Length <= length.Get;
            }).QuickCheckThrowOnFailure();

    [Fact]
    public void Plain_requests_allocate_nothing()
    {
        var request = HeaderText.Request("If-None-Match: \"b\", W/\"a\" | Range: bytes=0-1");
        var stored = HeaderText.Response(Tagged);

        Allocation.Of(() => Preconditions.Evaluate(request, stored, 10)).ShouldBe(0);
    }
}
