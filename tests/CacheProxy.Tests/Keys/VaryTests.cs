using CacheProxy.Keys;
using CacheProxy.Tests.Http;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Tests.Keys;

public class VaryTests
{
    [Theory]
    [InlineData("vary-syntax-star", "*", null)]
    [InlineData("vary-syntax-star-star", "*, *", null)]
    [InlineData("vary-syntax-star-star-lines", "*|*", null)]
    [InlineData("vary-syntax-empty-star", ", *", null)]
    [InlineData("vary-syntax-empty-star-lines", "|*", null)]
    [InlineData("vary-syntax-star-foo", "*, Foo", null)]
    [InlineData("vary-syntax-foo-star", "Foo, *", null)]
    [InlineData("vary-syntax-foo-star", "Foo\t,\t*\t", null)]
    [InlineData("no field name", "Foo bar", null)]
    [InlineData("no field name", "\"Foo\"", null)]
    [InlineData("no field name", "Foo;q=1", null)]
    [InlineData("one", "Foo", "Foo")]
    [InlineData("9111 4.1: all lines", "Foo, Bar|Baz", "Foo Bar Baz")]
    [InlineData("names without case", "Foo, foo|FOO", "Foo")]
    [InlineData("9110 5.6.1: empty members", ",Foo,,Bar,", "Foo Bar")]
    [InlineData("empty", "", "")]
    public void Fields_are_the_names_of_all_lines(string source, string lines, string? fields) =>
        (Vary.Fields(HeaderText.Lines(lines)) is { } names ? string.Join(' ', names) : null).ShouldBe(fields, source);

    [Fact]
    public void Fields_of_an_absent_Vary_are_none() => Vary.Fields(StringValues.Empty).ShouldBeEmpty();

    [Theory]
    [InlineData(32, true)]
    [InlineData(33, false)]
    public void Fields_beyond_the_limit_match_nothing(int count, bool isKnown) =>
        (Vary.Fields(string.Join(',', Enumerable.Range(0, count).Select(i => $"f{i}"))) is not null).ShouldBe(isKnown);

    [Theory]
    [InlineData("vary-match", "Foo", "Foo: 1", "Foo: 1", true)]
    [InlineData("vary-no-match", "Foo", "Foo: 1", "Foo: 2", false)]
    [InlineData("vary-omit-stored", "Foo", "", "Foo: 1", false)]
    [InlineData("vary-omit", "Foo", "Foo: 1", "", false)]
    [InlineData("vary-cache-key", "Foo", "Foo: 1 | Other: 2", "Foo: 1 | Other: 3", true)]
    [InlineData("vary-2-match", "Foo, Bar", "Foo: 1 | Bar: abc", "Foo: 1 | Bar: abc", true)]
    [InlineData("vary-2-no-match", "Foo, Bar", "Foo: 1 | Bar: abc", "Foo: 2 | Bar: abc", false)]
    [InlineData("vary-2-match-omit", "Foo, Bar", "Foo: 1 | Bar: abc", "", false)]
    [InlineData("vary-3-match", "Foo, Bar, Baz", "Foo: 1 | Bar: abc | Baz: 789", "Baz: 789 | Foo: 1 | Bar: abc", true)]
    [InlineData("vary-3-no-match", "Foo, Bar, Baz", "Foo: 1 | Bar: abc | Baz: 789", "Foo: 1 | Bar: abcde | Baz: 789", false)]
    [InlineData("vary-3-omit", "Foo, Bar, Baz", "Foo: 1 | Baz: 789", "Foo: 1 | Baz: 789", true)]
    [InlineData("vary-normalise-combine", "Foo", "Foo: 1, 2", "Foo: 1 | Foo: 2", true)]
    [InlineData("vary-normalise-space", "Foo", "Foo: 1,2", "Foo: 1 \t, \t2", true)]
    [InlineData("9110 5.6.4: blanks in quotes", "Foo", "Foo: \"1,2\"", "Foo: \"1, 2\"", false)]
    [InlineData("9110 5.6.4: an escaped quote", "Foo", "Foo: \"\\\"1,2\"", "Foo: \"\\\"1, 2\"", false)]
    [InlineData("blanks within a member", "Foo", "Foo: 12", "Foo: 1 2", false)]
    [InlineData("blanks within a member", "Foo", "Foo: 1 2", "Foo: 1  2", false)]
    [InlineData("order", "Foo", "Foo: 1, 2", "Foo: 2, 1", false)]
    [InlineData("case", "Foo", "Foo: a", "Foo: A", false)]
    [InlineData("names without case", "Foo", "foo: a", "FOO: a", true)]
    [InlineData("an empty field is not an absent one", "Foo", "Foo:", "", false)]
    [InlineData("an empty field is not an absent one", "Foo", "", "Foo:", false)]
    [InlineData("an empty line counts", "Foo", "Foo: a", "Foo: a | Foo:", false)]
    [InlineData("vary-normalise-lang-case", "Accept-Language", "Accept-Language: en, de", "Accept-Language: eN, De", true)]
    [InlineData("vary-normalise-lang-space", "Accept-Language", "Accept-Language: en, de;q=0.5", "Accept-Language:  en ,   de; q=0.5", true)]
    [InlineData("vary-normalise-lang-order", "Accept-Language", "Accept-Language: en, de", "Accept-Language: de, en", true)]
    [InlineData("weights go before order", "Accept-Language", "Accept-Language: en, de;q=0.5", "Accept-Language: de;q=0.5,en", true)]
    [InlineData("weights go before order", "Accept-Language", "Accept-Language: en, de;q=0.5", "Accept-Language: de, en;q=0.5", false)]
    [InlineData("the highest weight goes without saying", "Accept-Language", "Accept-Language: en;q=1.0", "Accept-Language: en", true)]
    [InlineData("an unreadable weight", "Accept-Language", "Accept-Language: en;q=2, de", "Accept-Language: de, en;q=2", false)]
    [InlineData("several lines", "Accept-Language", "Accept-Language: en | Accept-Language: de", "Accept-Language: de,,en", true)]
    [InlineData("vary-normalise-lang-select (not guessed)", "Accept-Language", "Accept-Language: en, de", "Accept-Language: fr;q=0.5, de", false)]
    [InlineData("codings", "accept-encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: br, foo, GZIP;q=1.0", true)]
    [InlineData("codings", "Accept-Encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: gzip", false)]
    [InlineData("codings", "Accept-Encoding", "Accept-Encoding: identity", "Accept-Encoding: foo", true)]
    [InlineData("codings", "Accept-Encoding", "", "Accept-Encoding: gzip", false)]
    public void A_request_matches_the_variant_of_another(string source, string vary, string stored, string request, bool matches)
    {
        var fields = Vary.Fields(vary)!;
        var values = Vary.Values(fields, HeaderText.Request(stored).Fields);

        Vary.Matches(fields, values, HeaderText.Request(request).Fields).ShouldBe(matches, source);
        Vary.Matches(fields, values, HeaderText.Request(stored).Fields).ShouldBeTrue(source);
    }

    [Fact]
    public void Long_values_match_as_short_ones_do()
    {
        var one = string.Join(" , ", Enumerable.Repeat("value", 1000));
        var other = string.Join(',', Enumerable.Repeat("value", 1000));
        var values = Vary.Values(["Foo"], Fields(one));

        values.ShouldBe([other]);
        Vary.Matches(["Foo"], values, Fields(other)).ShouldBeTrue();
        Vary.Matches(["Foo"], values, Fields(other + "s")).ShouldBeFalse();
    }

    [Fact]
    public void Matching_equal_text_allocates_nothing()
    {
        string[] fields = ["Accept-Encoding", "Accept-Language", "Foo"];
        var request = HeaderText.Request("Accept-Encoding: gzip, deflate, br, zstd | Accept-Language: en-GB, en;q=0.5 | Foo: a, b").Fields;
        var values = Vary.Values(fields, request);

        Allocation.Of(() => Vary.Matches(fields, values, request)).ShouldBe(0);
    }

    [Fact]
    public void Every_request_matches_its_own_values() =>
        Prop.ForAll(HeaderText.Made("gzip", "br;q=0.5", "en", "EN", ", ", "\""), ArbMap.Default.ArbFor<string>(), (one, other) =>
        {
            string[] fields = ["Accept-Encoding", "Accept-Language", "Foo"];
            var request = fields.ToDictionary(field => field, _ => new StringValues([one, other, one]));
            return Vary.Matches(fields, Vary.Values(fields, request), request);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Values_match_exactly_when_they_are_equal() =>
        Prop.ForAll(HeaderText.Made("a", ", "), HeaderText.Made("a", ", "), (one, other) =>
            Vary.Matches(["Foo"], Vary.Values(["Foo"], Fields(one)), Fields(other))
            == Vary.Values(["Foo"], Fields(one)).SequenceEqual(Vary.Values(["Foo"], Fields(other)))).QuickCheckThrowOnFailure();

    [Fact]
    public void A_star_anywhere_matches_nothing() => Prop.ForAll(HeaderText.Made("Foo", ", ", "*"), text =>
        Vary.Fields(new StringValues([text, "*"])) is null && Vary.Fields(new StringValues(["*", text])) is null).QuickCheckThrowOnFailure();

    private static Dictionary<string, StringValues> Fields(string value) => new() { ["Foo"] = value };
}
