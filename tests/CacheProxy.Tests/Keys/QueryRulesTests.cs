using CacheProxy.Keys;
using FsCheck;
using FsCheck.Fluent;

namespace CacheProxy.Tests.Keys;

public class QueryRulesTests
{
    [Theory]
    [InlineData("deny @tracking", "/a?utm_source=x&id=1&fbclid=2", "/a?id=1")]
    [InlineData("deny @tracking", "/a?utm_source=x", "/a")]
    [InlineData("deny @tracking", "/a?id=1", "/a?id=1")]
    [InlineData("deny @tracking", "/a", "/a")]
    [InlineData("deny @tracking", "/a?", "/a")]
    [InlineData("deny @tracking", "/a?UTM_source=x&utm%5Fid=1", "/a?UTM_source=x&utm%5Fid=1")] // names are bytes, for the origin too
    [InlineData("deny @tracking", "/utm_source=x", "/utm_source=x")]
    [InlineData("deny a", "/?a&a=1&ab=2&b=a", "/?ab=2&b=a")]
    [InlineData("deny a", "/?a;b=1&c", "/?a;b=1&c")] // a semicolon divides nothing
    [InlineData("deny a", "/?b&&c", "/?b&c")]
    [InlineData("allow a, b_*", "/?c=1&b_1=2&a=3&b=4", "/?b_1=2&a=3")]
    [InlineData("allow", "/?a=1", "/")]
    [InlineData("sort", "/?b=2&a=2&b=1&a=1", "/?a=2&a=1&b=2&b=1")]
    [InlineData("sort", "/?a=1&b=2", "/?a=1&b=2")]
    [InlineData("sort", "/?a=z&a-b=1&a", "/?a=z&a&a-b=1")]
    public void Target_is_what_the_rules_leave_of_it(string rules, string target, string expected) => Rules(rules)!.Apply(target).ShouldBe(expected);

    [Fact]
    public void No_rules_are_no_rules() => QueryRules.From(null, [], false).ShouldBeNull();

    [Fact]
    public void Target_that_the_rules_leave_as_it_is_costs_no_string()
    {
        const string target = "/a?id=1&name=2";
        ReferenceEquals(Rules("deny @tracking")!.Apply(target), target).ShouldBeTrue();
    }

    [Theory]
    [InlineData("deny a")]
    [InlineData("allow a, b_*")]
    [InlineData("sort")]
    public void Rules_change_nothing_twice(string rules) => Prop.ForAll(
        Gen.Elements("a", "b_1", "=", "&", "?", "%41", ";", "c").ListOf().Select(string.Concat).ToArbitrary(),
        query => Rules(rules)!.Apply("/?" + query) is var once && Rules(rules)!.Apply(once) == once).QuickCheckThrowOnFailure();

    private static QueryRules? Rules(string text)
    {
        string[] names = text.Contains(' ') ? text[(text.IndexOf(' ') + 1)..].Split(", ") : [];
        return QueryRules.From(text.StartsWith("allow", StringComparison.Ordinal) ? names : null, text.StartsWith("deny", StringComparison.Ordinal) ? names : [], text == "sort");
    }
}
