using CacheProxy.Keys;
using CacheProxy.Tests.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Tests.Keys;

public sealed class SearchRuleTests
{
    [Theory]
    [InlineData("params=(\"a\" \"b\")", "/p?a=1&c=2&b=3&c=4", "/p?c=2&c=4")]
    [InlineData("params=(\"a\")", "/p?a=1&a&a=", "/p")]
    [InlineData("params=(\"a\")", "/p?A=1&ab=2", "/p?A=1&ab=2")]
    [InlineData("params=(\"a\")", "/p?%61=1&b=2", "/p?b=2")] // names as decoded
    [InlineData("params=(\"%C3%A9 x\")", "/p?%c3%A9+x=1&b=2", "/p?b=2")]
    [InlineData("params", "/p?a=1&b", "/p")]
    [InlineData("params=?1", "/p?", "/p")]
    [InlineData("params, except=(\"id\")", "/p?a=1&id=2&b=3&%69d=4", "/p?id=2&%69d=4")]
    [InlineData("params, except=()", "/p?a=1", "/p")]
    [InlineData("key-order", "/p?b=1&a=2&b=0&a=1", "/p?a=2&a=1&b=1&b=0")]
    [InlineData("key-order, params=(\"b\")", "/p?c=1&b=1&a=2", "/p?a=2&c=1")]
    [InlineData("key-order", "/p?b=1&&a=2&", "/p?a=2&b=1")]
    [InlineData("params=(\"a\");x=1, later=(1 2)", "/p?a=1", "/p")] // what is not known is passed over
    [InlineData("params=(\"a\")", "/p", "/p")]
    [InlineData("params=(\"a\")", "/p;a=1?b=%ff&a=%", "/p;a=1?b=%ff")]
    public void Target_stands_for_all_that_the_rule_allows(string field, string target, string expected)
    {
        var rule = SearchRule.Parse(field)!;
        var applied = rule.Apply(target);
        applied.ShouldBe(expected);
        rule.Apply(applied).ShouldBeSameAs(applied); // it stands for itself
        if (expected == target)
            applied.ShouldBeSameAs(target);
    }

    [Theory]
    [InlineData("")]
    [InlineData("params=?0")]
    [InlineData("params=()")]
    [InlineData("key-order=?0")]
    [InlineData("key-order=1, params")]
    [InlineData("params=1")]
    [InlineData("params=\"a\"")]
    [InlineData("params=(a)")]
    [InlineData("params=(\"a\" 1)")]
    [InlineData("except=(\"a\")")]
    [InlineData("params=(\"a\"), except=(\"b\")")]
    [InlineData("params=?0, except=(\"b\")")]
    [InlineData("params, except=?1")]
    [InlineData("params, except=(b)")]
    [InlineData("params=(\"a\"")]
    [InlineData("Params")]
    [InlineData("params,")]
    [InlineData("*")]
    public void Field_that_is_broken_or_says_nothing_is_no_rule(string field) => SearchRule.Parse(field).ShouldBeNull();

    [Fact]
    public void Field_in_several_lines_and_a_long_one_are_not_heard()
    {
        SearchRule.Parse(new StringValues(["key-order", "params=(\"a\")"])).ShouldBeNull();
        SearchRule.Parse(StringValues.Empty).ShouldBeNull();
        SearchRule.Parse($"params=(\"{new string('a', 600)}\")").ShouldBeNull();
    }

    [Fact]
    public void Any_target_under_any_rule_keeps_its_path_and_stands_for_itself_in_the_end()
    {
        string[] fields = ["params", "key-order", "params=(\"a\" \"b\")", "params, except=(\"a\")", "key-order, params, except=(\"b\" \"%\")"];
        string[] pieces = ["a", "b=", "%61", "%", "%ff", "+", "&", "&&", "=", "c=1", "?", "a=%26", ";", "%00"];
        var random = new Random(20261121);
        for (var round = 0; round < 20_000; round++)
        {
            var rule = SearchRule.Parse(fields[random.Next(fields.Length)])!;
            var target = "/p?" + string.Concat(Enumerable.Range(0, random.Next(8)).Select(_ => pieces[random.Next(pieces.Length)]));
            var applied = rule.Apply(target);
            applied.ShouldStartWith("/p");
            (applied == "/p" || applied.StartsWith("/p?", StringComparison.Ordinal)).ShouldBeTrue(target);
            rule.Apply(applied).ShouldBe(applied, target);
        }
    }

    [Fact]
    public void Rules_are_of_a_path_and_end_when_a_response_has_none()
    {
        var rules = new SearchRules();
        var uri = new TargetUri("http", "a", "/p?x=1");
        rules.Find(uri).ShouldBeNull();
        rules.Learn("http://a/p?y=2", HeaderText.Response("No-Vary-Search: params=(\"x\")"));
        rules.Find(uri)!.Apply("/p?x=1").ShouldBe("/p");
        rules.Find(uri with { Target = "/p" }).ShouldBeNull(); // nothing to take out
        rules.Find(uri with { Target = "/q?x=1" }).ShouldBeNull();
        rules.Find(uri with { Host = "b" }).ShouldBeNull();
        rules.Find(uri with { Scheme = "https" }).ShouldBeNull();
        rules.Find(uri with { Qualifier = "QUERY x" }).ShouldBeNull();
        rules.Learn("http://a/p", HeaderText.Response("A: b"));
        rules.Find(uri).ShouldBeNull();
    }
}
