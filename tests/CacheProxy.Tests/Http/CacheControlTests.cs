using CacheProxy.Http;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Tests.Http;

public class CacheControlTests
{
    private static readonly string[] Pieces =
    [
        "max-age", "s-maxage", "no-store", "no-cache", "private", "public", "must-revalidate", "stale-if-error", "max-stale", "min-fresh",
        "=60", "=\"60\"", "=99999999999999999999", "=\"Set-Cookie, x\"", "must-understand", "MAX-AGE=1", ", ",
    ];

    [Theory]
    [InlineData("freshness-max-age", "max-age=3600", 3600L)]
    [InlineData("freshness-max-age-case-insenstive", "MaX-aGe=3600", 3600L)]
    [InlineData("freshness-max-age-extension", "foobar, max-age=3600", 3600L)]
    [InlineData("freshness-max-age-max-minus-1", "max-age=2147483647", 2147483647L)]
    [InlineData("freshness-max-age-max", "max-age=2147483648", 2147483648L)]
    [InlineData("freshness-max-age-max-plus-1", "max-age=2147483649", 2147483648L)]
    [InlineData("freshness-max-age-max-plus", "max-age=99999999999", 2147483648L)]
    [InlineData("9111 1.2.2", "max-age=99999999999999999999999999999999999", 2147483648L)]
    [InlineData("freshness-max-age-leading-zero", "max-age=003600", 3600L)]
    [InlineData("freshness-max-age-ignore-quoted", "extension=\"max-age=3600\", max-age=1", 1L)]
    [InlineData("freshness-max-age-ignore-quoted-rev", "max-age=1, extension=\"max-age=3600\"", 1L)]
    [InlineData("freshness-max-age-single-quoted", "max-age='3600'", 0L)]
    [InlineData("9110 5.6.4", "ext=\"a\\\", max-age=3600\", max-age=1", 1L)]
    [InlineData("9111 5.2", "max-age=\"60\"", 60L)]
    [InlineData("9111 4.2.1", "max-age=1.5", 0L)]
    [InlineData("9111 4.2.1", "max-age=-1", 0L)]
    [InlineData("9111 4.2.1", "max-age=+1", 0L)]
    [InlineData("9111 4.2.1", "max-age=abc", 0L)]
    [InlineData("9111 4.2.1", "max-age=60s", 0L)]
    [InlineData("9111 4.2.1", "max-age=", 0L)]
    [InlineData("9111 4.2.1", "max-age", 0L)]
    [InlineData("9111 4.2.1", "max-age=\"\"", 0L)]
    [InlineData("9111 4.2.1", "max-age=\"60", 0L)]
    [InlineData("9111 4.2.1", "max-age=\"6\\0\"", 0L)]
    [InlineData("9111 4.2.1", "max-age=\u0663", 0L)]
    [InlineData("9111 5.2", "max-age =60", 0L)]
    [InlineData("9111 5.2", "max-age= 60", 0L)]
    [InlineData("9111 5.2", "max-age\t=\t60", 0L)]
    [InlineData("9111 4.2.1", "max-age=60, max-age=60", 60L)]
    [InlineData("9111 4.2.1", "max-age=60, max-age=3600", 0L)]
    [InlineData("9111 4.2.1", "max-age=60|max-age=3600", 0L)]
    [InlineData("9111 4.2.1", "max-age=60, max-age=3600, max-age=60", 0L)]
    [InlineData("9110 5.6.1", ",, max-age=60 ,\t,", 60L)]
    [InlineData("9110 5.2", "public|max-age=60", 60L)]
    [InlineData("9111 5.2.3", "max-agee=60", null)]
    [InlineData("9111 5.2.3", "xmax-age=60", null)]
    [InlineData("9111 5.2.3", "s-maxage=60", null)]
    [InlineData("9111 5.2.3", "", null)]
    public void MaxAge_is_read_to_the_letter(string source, string lines, long? seconds) =>
        CacheControl.Parse(HeaderText.Lines(lines)).MaxAge.ShouldBe(Seconds(seconds), source);

    [Theory]
    [InlineData("s-maxage=5, max-age=6, stale-while-revalidate=7, stale-if-error=8, max-stale=9, min-fresh=10", 5, 6, 7, 8, 9, 10)]
    [InlineData("S-MaxAge=x, Max-Age=x, Stale-While-Revalidate=x, Stale-If-Error=x, Max-Stale=x, Min-Fresh=x", 0, 0, 0, 0, 0, 0)]
    public void Lifetimes_each_have_their_place(string line, int shared, int maxAge, int whileRevalidate, int ifError, int maxStale, int minFresh)
    {
        var directives = CacheControl.Parse(line);

        directives.SharedMaxAge.ShouldBe(Seconds(shared));
        directives.MaxAge.ShouldBe(Seconds(maxAge));
        directives.StaleWhileRevalidate.ShouldBe(Seconds(whileRevalidate));
        directives.StaleIfError.ShouldBe(Seconds(ifError));
        directives.MaxStale.ShouldBe(Seconds(maxStale));
        directives.MinFresh.ShouldBe(Seconds(minFresh));
    }

    [Fact]
    public void MaxStale_without_argument_has_no_end() => CacheControl.Parse("max-stale").MaxStale.ShouldBe(TimeSpan.MaxValue);

    [Theory]
    [InlineData("no-store", "no-store")]
    [InlineData("No-StOrE", "no-store")]
    [InlineData("no-store=1", "no-store")]
    [InlineData("no-store =1", "no-store")]
    [InlineData("max-age=60, no-store", "no-store")]
    [InlineData("max-age=60|no-store", "no-store")]
    [InlineData("x=\"no-store\"", "")]
    [InlineData("no-storee", "")]
    [InlineData("no_store", "")]
    [InlineData("no-cache", "no-cache")]
    [InlineData("No-CaChE", "no-cache")]
    [InlineData("private", "private")]
    [InlineData("public", "public")]
    [InlineData("public=1", "")]
    [InlineData("must-revalidate, proxy-revalidate", "must-revalidate proxy-revalidate")]
    [InlineData("must-understand, only-if-cached", "must-understand only-if-cached")]
    [InlineData("private, public, no-cache", "no-cache private public")]
    public void Directives_without_argument_are_found(string lines, string expected) =>
        Names(CacheControl.Parse(HeaderText.Lines(lines))).ShouldBe(expected);

    [Theory]
    [InlineData("private=\"a, B\"", "", "a B", null)]
    [InlineData("no-cache=\"Set-Cookie\"", "", null, "Set-Cookie")]
    [InlineData("no-cache=Set-Cookie", "", null, "Set-Cookie")]
    [InlineData("private=\"a\", private=\"b\"", "", "a b", null)]
    [InlineData("private=\"a\", private", "private", "a", null)]
    [InlineData("private=\"\"", "private", null, null)]
    [InlineData("private=", "private", null, null)]
    [InlineData("private=\",\"", "private", null, null)]
    [InlineData("private=\"a b\"", "private", null, null)]
    [InlineData("private= \"a\"", "private", null, null)]
    [InlineData("private=\"a\"b", "private", null, null)]
    [InlineData("no-cache=\"a\\\"b\"", "no-cache", null, null)]
    public void Field_lists_that_cannot_be_read_count_as_the_whole(string line, string flags, string? privateFields, string? noCacheFields)
    {
        var directives = CacheControl.Parse(line);

        Names(directives).ShouldBe(flags);
        (directives.PrivateFields is { } some ? string.Join(' ', some) : null).ShouldBe(privateFields);
        (directives.NoCacheFields is { } others ? string.Join(' ', others) : null).ShouldBe(noCacheFields);
    }

    [Theory]
    [InlineData("max-age=60, x=\"y")]
    [InlineData("x=\"y|max-age=60")]
    [InlineData("x=\", no-cache, max-age=60")]
    [InlineData("must-understand, max-age=60, \"")]
    public void A_quote_that_is_not_closed_forbids_storing(string lines)
    {
        var directives = CacheControl.Parse(HeaderText.Lines(lines));

        directives.NoStore.ShouldBeTrue();
        directives.MustUnderstand.ShouldBeFalse();
    }

    [Fact]
    public void An_absent_field_says_nothing()
    {
        CacheControl.Parse(StringValues.Empty).ShouldBe(default);
        CacheControl.Parse("").IsPresent.ShouldBeTrue();
        CacheControl.Parse(new StringValues([null, "no-store"])).NoStore.ShouldBeTrue();
    }

    [Fact]
    public void Any_text_is_answered() => Prop.ForAll<string>(text => CacheControl.Parse(text) is var _).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_made_text_has_sane_lifetimes() => Prop.ForAll(HeaderText.Made(Pieces), text =>
    {
        var directives = CacheControl.Parse(new StringValues([text, text]));
        return IsSane(directives.MaxAge) && IsSane(directives.SharedMaxAge) && IsSane(directives.StaleIfError) && IsSane(directives.MinFresh);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void No_store_counts_behind_any_text() => Prop.ForAll(HeaderText.Made(Pieces), text =>
        // Within a quoted string that is closed it is no directive; a line of its own always is one.
        CacheControl.Parse(new StringValues([text, "no-store"])).NoStore && CacheControl.Parse(new StringValues(["no-store", text])).NoStore)
        .QuickCheckThrowOnFailure();

    [Fact]
    public void Lifetimes_read_as_written() => Prop.ForAll<uint, uint>((maxAge, shared) =>
    {
        var directives = CacheControl.Parse($"max-age={maxAge}, s-maxage=\"{shared}\"");
        return directives.MaxAge == Seconds(Math.Min(maxAge, 1L << 31)) && directives.SharedMaxAge == Seconds(Math.Min(shared, 1L << 31));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Parsing_plain_lines_allocates_nothing()
    {
        var lines = new StringValues(["public, max-age=60, stale-while-revalidate=30", "s-maxage=\"60\", x=\"a,b\""]);
        Allocation.Of(() => CacheControl.Parse(lines)).ShouldBe(0);
    }

    private static bool IsSane(TimeSpan? value) => value is null || (value >= TimeSpan.Zero && value <= Seconds(1L << 31));

    private static TimeSpan? Seconds(long? seconds) => seconds is { } value ? TimeSpan.FromSeconds(value) : null;

    private static string Names(CacheControl directives) => string.Join(' ', new[]
    {
        directives.NoStore ? "no-store" : "",
        directives.NoCache ? "no-cache" : "",
        directives.Private ? "private" : "",
        directives.Public ? "public" : "",
        directives.MustRevalidate ? "must-revalidate" : "",
        directives.ProxyRevalidate ? "proxy-revalidate" : "",
        directives.MustUnderstand ? "must-understand" : "",
        directives.OnlyIfCached ? "only-if-cached" : "",
    }.Where(name => name.Length > 0));
}
