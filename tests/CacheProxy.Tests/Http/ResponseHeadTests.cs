using CacheProxy.Http;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Tests.Http;

public class ResponseHeadTests
{
    [Theory]
    [InlineData("age-parse-nonnumeric", "abc", 0)]
    [InlineData("age-parse-negative", "-7200", 0)]
    [InlineData("age-parse-float", "7200.0", 0)]
    [InlineData("age-parse-large-minus-one", "2147483647", 2147483647)]
    [InlineData("age-parse-large", "2147483648", 2147483648)]
    [InlineData("age-parse-larger", "2147483649", 2147483648)]
    [InlineData("9111 1.2.2", "99999999999999999999999", 2147483648)]
    [InlineData("age-parse-suffix", "7200, 0", 7200)]
    [InlineData("age-parse-prefix", "0, 7200", 0)]
    [InlineData("age-parse-suffix-twoline", "7200|0", 7200)]
    [InlineData("age-parse-prefix-twoline", "0|7200", 0)]
    [InlineData("age-parse-dup-0", "0, 0", 0)]
    [InlineData("age-parse-dup-0-twoline", "0|0", 0)]
    [InlineData("age-parse-dup-old", "3600|3600", 3600)]
    [InlineData("age-parse-parameter", "7200;foo=bar", 0)]
    [InlineData("9111 5.1", "abc, 7200", 0)]
    [InlineData("9110 5.6.1", " , 7200", 7200)]
    [InlineData("9111 5.1", "", 0)]
    public void Age_is_the_first_member_of_the_first_line(string source, string lines, long seconds) =>
        Head(("Age", lines)).Age.ShouldBe(TimeSpan.FromSeconds(seconds), source);

    [Theory]
    [InlineData("Thu, 18 Aug 2050 02:01:18 GMT", 2050)]
    [InlineData("Thu, 18 Aug 2050 02:01:18 GMT|Thu, 18 Aug 2050 02:01:18 GMT", 2050)]
    [InlineData("Thu, 18 Aug 2050 02:01:18 GMT|Thu, 18 Aug 2050 02:01:19 GMT", null)]
    [InlineData("Thu, 18 Aug 2050 02:01:18 GMT|", null)]
    [InlineData("0", null)]
    [InlineData("", null)]
    public void Dates_that_contradict_each_other_are_unreadable(string lines, int? year)
    {
        var head = Head(("date", lines), ("EXPIRES", lines), ("last-modified", lines));

        head.HasExpires.ShouldBeTrue();
        (head.Date?.Year, head.Expires?.Year, head.LastModified?.Year).ShouldBe((year, year, year));
    }

    [Theory]
    [InlineData("10", 10L)]
    [InlineData("10, 10", 10L)]
    [InlineData("10|10", 10L)]
    [InlineData("10, 11", null)]
    [InlineData("10|11", null)]
    [InlineData("-1", null)]
    [InlineData("+1", null)]
    [InlineData("1,000x", null)]
    [InlineData("0x1", null)]
    [InlineData("9223372036854775807", 9223372036854775807L)]
    [InlineData("9223372036854775808", null)]
    [InlineData("", null)]
    public void ContentLength_is_one_number(string lines, long? length) => Head(("Content-Length", lines)).ContentLength.ShouldBe(length);

    [Theory]
    [InlineData("\"a\"", "\"a\"")]
    [InlineData("W/\"a\"", "W/\"a\"")]
    [InlineData("\"a\"|\"a\"", "\"a\"")]
    [InlineData("\"a\"|\"b\"", null)]
    [InlineData("a", null)]
    [InlineData("\"a\", \"b\"", null)]
    public void EntityTag_is_one_tag(string lines, string? tag) => Head(("ETag", lines)).EntityTag.ShouldBe(tag);

    [Fact]
    public void Fields_are_found_without_case_in_all_entries()
    {
        var head = Head(("set-cookie2", "a"), ("PRAGMA", "x"), ("vary", "a"), ("Vary", "b"));

        (head.SetsCookies, head.HasSetCookie).ShouldBe((true, false));
        head.HasPragma.ShouldBeTrue();
        head.Vary.ShouldBe(new StringValues(["a", "b"]));
        head["X"].Count.ShouldBe(0);
    }

    [Fact]
    public void An_empty_head_says_nothing()
    {
        var head = Head();

        (head.HasExpires, head.HasPragma, head.HasSetCookie, head.CacheControl.IsPresent).ShouldBe((false, false, false, false));
        (head.Date, head.Expires, head.LastModified, head.EntityTag, head.ContentLength).ShouldBe((null, null, null, null, null));
        head.ReceivedAt.ShouldBe(HeaderText.Now);
    }

    [Fact]
    public void Any_text_in_every_field_is_answered() => Prop.ForAll<string, string>((one, other) =>
        Head([.. new[] { "Age", "Date", "Expires", "Last-Modified", "ETag", "Content-Length", "Vary", "Cache-Control", "Set-Cookie" }
            .Select(name => (name, one + "|" + other))]) is { Age.Ticks: >= 0 }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("Pragma: no-cache", true)]
    [InlineData("Pragma: foo, No-Cache", true)]
    [InlineData("Pragma: foo", false)]
    [InlineData("Pragma: no-cache | Cache-Control: foo", false)]
    [InlineData("", false)]
    public void Pragma_of_a_request_counts_only_without_CacheControl(string request, bool isNoCache) =>
        HeaderText.Request(request).IsPragmaNoCache.ShouldBe(isNoCache);

    private static ResponseHead Head(params (string Name, string Lines)[] fields) =>
        new(200, null, [.. fields.Select(field => KeyValuePair.Create(field.Name, HeaderText.Lines(field.Lines)))], HeaderText.Now);
}
