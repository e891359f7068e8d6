using CacheProxy.Http;
using FsCheck;
using FsCheck.Fluent;

namespace CacheProxy.Tests.Http;

public class HttpDateTests
{
    [Theory]
    [InlineData("freshness-expires-32bit", "Tue, 19 Jan 2038 14:14:08 GMT", "2038-01-19T14:14:08")]
    [InlineData("freshness-expires-far-future", "Sun, 21 Nov 2286 04:46:39 GMT", "2286-11-21T04:46:39")]
    [InlineData("freshness-expires-rfc850", "Thursday, 18-Aug-50 02:01:18 GMT", "2050-08-18T02:01:18")]
    [InlineData("freshness-expires-ansi-c", "Thu Aug  8 02:01:18 2050", "2050-08-08T02:01:18")]
    [InlineData("freshness-expires-ansi-c", "Thu Aug 18 02:01:18 2050", "2050-08-18T02:01:18")]
    [InlineData("freshness-expires-wrong-case-weekday", "THU, 18 Aug 2050 02:01:18 GMT", "2050-08-18T02:01:18")]
    [InlineData("freshness-expires-wrong-case-month", "Thu, 18 AUG 2050 02:01:18 GMT", "2050-08-18T02:01:18")]
    [InlineData("freshness-expires-wrong-case-tz", "Thu, 18 Aug 2050 02:01:18 gMT", "2050-08-18T02:01:18")]
    [InlineData("9110 5.6.7: another weekday", "Mon, 18 Aug 2050 02:01:18 GMT", "2050-08-18T02:01:18")]
    [InlineData("9110 5.6.7: leap second", "Sat, 31 Dec 2016 23:59:60 GMT", "2016-12-31T23:59:59")]
    [InlineData("9110 5.6.7: leap day", "Thu, 29 Feb 2024 00:00:00 GMT", "2024-02-29T00:00:00")]
    [InlineData("9110 5.6.7: at most 50 years ahead", "Wednesday, 04-Mar-76 05:06:07 GMT", "2076-03-04T05:06:07")]
    [InlineData("9110 5.6.7: more than 50 years ahead", "Wednesday, 04-Mar-76 05:06:08 GMT", "1976-03-04T05:06:08")]
    [InlineData("9110 5.6.7: last century", "Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37")]
    [InlineData("9110 5.5: blanks around the value", " Thu, 18 Aug 2050 02:01:18 GMT\t", "2050-08-18T02:01:18")]
    [InlineData("the first moment", "Mon, 01 Jan 0001 00:00:00 GMT", "0001-01-01T00:00:00")]
    [InlineData("the last moment", "Fri, 31 Dec 9999 23:59:60 GMT", "9999-12-31T23:59:59")]
    public void A_date_in_one_of_the_three_forms_is_read(string source, string text, string expected) =>
        HttpDate.Parse(text, HeaderText.Now).ShouldBe(DateTimeOffset.Parse(expected + "Z", null), source);

    [Theory]
    [InlineData("freshness-expires-invalid-utc", "Thu, 18 Aug 2050 02:01:18 UTC")]
    [InlineData("freshness-expires-invalid-aest", "Thu, 18 Aug 2050 02:01:18 AEST")]
    [InlineData("freshness-expires-invalid-2-digit-year", "Thu, 18 Aug 50 02:01:18 GMT")]
    [InlineData("freshness-expires-invalid-no-comma", "Thu 18 Aug 2050 02:01:18 GMT")]
    [InlineData("freshness-expires-invalid-multiple-spaces", "Thu, 18  Aug  2050 02:01:18 GMT")]
    [InlineData("freshness-expires-invalid-multiple-spaces", "Thu, 18 Aug 2050  02:01:18 GMT")]
    [InlineData("freshness-expires-invalid-date-dashes", "Thu, 18-Aug-2050 02:01:18 GMT")]
    [InlineData("freshness-expires-invalid-1-digit-hour", "Thu, 18 Aug 2050 2:01:18 GMT")]
    [InlineData("freshness-expires-invalid-time-periods", "Thu, 18 Aug 2050 02.01.18 GMT")]
    [InlineData("freshness-expires-invalid", "0")]
    [InlineData("freshness-expires-invalid", "")]
    [InlineData("freshness-expires-invalid", "   ")]
    [InlineData("9110 5.6.7: no such day", "Thu, 31 Feb 2050 02:01:18 GMT")]
    [InlineData("9110 5.6.7: no such leap day", "Thu, 29 Feb 2023 02:01:18 GMT")]
    [InlineData("9110 5.6.7: day 0", "Thu, 00 Aug 2050 02:01:18 GMT")]
    [InlineData("9110 5.6.7: no such hour", "Thu, 18 Aug 2050 24:01:18 GMT")]
    [InlineData("9110 5.6.7: no such minute", "Thu, 18 Aug 2050 02:60:18 GMT")]
    [InlineData("9110 5.6.7: no such second", "Thu, 18 Aug 2050 02:01:61 GMT")]
    [InlineData("9110 5.6.7: no such month", "Thu, 18 Agu 2050 02:01:18 GMT")]
    [InlineData("9110 5.6.7: a month across two names", "Thu, 18 anF 2050 02:01:18 GMT")]
    [InlineData("9110 5.6.7: no such weekday", "Foo, 18 Aug 2050 02:01:18 GMT")]
    [InlineData("9110 5.6.7: year 0", "Thu, 18 Aug 0000 02:01:18 GMT")]
    [InlineData("9110 5.6.7: sign", "Thu, 18 Aug +050 02:01:18 GMT")]
    [InlineData("9110 5.6.7: other digits", "Thu, 1\u0668 Aug 2050 02:01:18 GMT")]
    [InlineData("9110 5.6.7: short weekday in RFC 850", "Thu, 18-Aug-50 02:01:18 GMT")]
    [InlineData("9110 5.6.7: no such weekday in RFC 850", "Thorsday, 18-Aug-50 02:01:18 GMT")]
    [InlineData("9110 5.6.7: year of RFC 850", "Thursday, 18-Aug-5x 02:01:18 GMT")]
    [InlineData("9110 5.6.7: day of RFC 850", "Thursday, 32-Aug-50 02:01:18 GMT")]
    [InlineData("9110 5.6.7: asctime with zone", "Thu Aug 18 02:01:18 2050 GMT")]
    [InlineData("9110 5.6.7: asctime with one blank", "Thu Aug 8 02:01:18 2050")]
    [InlineData("9110 5.6.7: more behind", "Thu, 18 Aug 2050 02:01:18 GMT;")]
    [InlineData("ISO 8601", "2050-08-18T02:01:18Z")]
    [InlineData("a list of two", "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT")]
    public void Anything_else_is_no_date(string source, string text) => HttpDate.Parse(text, HeaderText.Now).ShouldBeNull(source);

    [Theory]
    [InlineData("1999-12-31T23:59:59", "Saturday, 01-Jan-05 00:00:00 GMT", 2005)]
    [InlineData("2099-12-31T23:59:59", "Saturday, 01-Jan-05 00:00:00 GMT", 2105)]
    [InlineData("2049-01-01T00:00:00", "Saturday, 01-Jan-99 00:00:00 GMT", 2099)]
    [InlineData("2048-01-01T00:00:00", "Saturday, 01-Jan-99 00:00:00 GMT", 1999)]
    [InlineData("0001-01-01T00:00:00", "Saturday, 01-Jan-99 00:00:00 GMT", null)]
    public void Years_of_two_digits_are_the_latest_not_over_50_years_ahead(string now, string text, int? year) =>
        HttpDate.Parse(text, DateTimeOffset.Parse(now + "Z", null))?.Year.ShouldBe(year!.Value);

    [Fact]
    public void Every_second_survives_formatting() => Prop.ForAll<DateTime>(time =>
    {
        var second = new DateTimeOffset(time.Ticks - (time.Ticks % TimeSpan.TicksPerSecond), TimeSpan.Zero);
        return HttpDate.Parse(HttpDate.Format(second), HeaderText.Now) == second
            && HttpDate.Parse(second.ToString("ddd MMM ", null) + $"{second.Day,2}" + second.ToString(" HH:mm:ss yyyy", null), second) == second
            && HttpDate.Parse(second.ToString("dddd, dd-MMM-yy HH:mm:ss", null) + " GMT", second) == second;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_text_is_answered_at_any_time() => Prop.ForAll<string, DateTime>((text, now) =>
        HttpDate.Parse(text, new DateTimeOffset(now.Ticks, TimeSpan.Zero)) is var _).QuickCheckThrowOnFailure();

    [Fact]
    public void A_date_with_one_character_changed_never_throws() => Prop.ForAll<byte, char, DateTime>((at, character, now) =>
    {
        foreach (var date in new[] { "Thu, 18 Aug 2050 02:01:18 GMT", "Thursday, 18-Aug-50 02:01:18 GMT", "Thu Aug 18 02:01:18 2050" })
        {
            var text = date.ToCharArray();
            text[at % text.Length] = character;
            _ = HttpDate.Parse(text, new DateTimeOffset(now.Ticks, TimeSpan.Zero));
        }
    }).QuickCheckThrowOnFailure();
}
