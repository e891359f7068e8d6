using CacheProxy.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Tests.Http;

public class StringListTests
{
    [Theory]
    [InlineData("\"items\"", "items")]
    [InlineData("\"a\", \"b\"", "a|b")]
    [InlineData("\"a\" ,\t\"b\"", "a|b")]
    [InlineData("  \"a\"  ", "a")]
    [InlineData("\"with \\\" and \\\\\"", "with \" and \\")]
    [InlineData("\"\"", "")]
    [InlineData("\"a\";x;y=1;z=\"q,;\\\"\", \"b\"", "a|b")]
    [InlineData("\"a\"; *p=?0", "a")]
    [InlineData("\"a,b\", \"c\"", "a,b|c")]
    public void Reads(string text, string members) => StringList.Parse(text).ShouldBe(members.Split('|'));

    [Theory]
    [InlineData("items")]
    [InlineData("\"a\", b")]
    [InlineData("\"a\",")]
    [InlineData(",\"a\"")]
    [InlineData("\"a\" \"b\"")]
    [InlineData("\"a")]
    [InlineData("\"a\\n\"")]
    [InlineData("\"\u00e9\"")]
    [InlineData("(\"a\" \"b\")")]
    [InlineData("\"a\";X=1")]
    [InlineData("\"a\";x=")]
    [InlineData("\"a\";x=\"")]
    [InlineData("1")]
    public void A_broken_list_counts_for_nothing(string text) => StringList.Parse(text).ShouldBeNull();

    [Fact]
    public void Lines_are_one_list() => StringList.Parse(new StringValues(["\"a\"", "\"b\", \"c\""])).ShouldBe(["a", "b", "c"]);

    [Fact]
    public void No_field_is_an_empty_list() => StringList.Parse(StringValues.Empty).ShouldBe([]);

    [Fact]
    public void Of_a_hundred_and_twenty_eight_groups_and_more_all_are_read() =>
        StringList.Parse(StringList.Write(Enumerable.Range(0, 1000).Select(i => $"group number {i:d19}")))!.Length.ShouldBe(1000);

    [Theory]
    [InlineData("a \"b\" \\c")]
    [InlineData("")]
    public void What_is_written_is_read(string member) => StringList.Parse(StringList.Write([member, "x"])).ShouldBe([member, "x"]);
}
