using CacheProxy.Http;
using FsCheck;
using FsCheck.Fluent;

namespace CacheProxy.Tests.Http;

public class TargetedCacheControlTests
{
    [Theory]
    [InlineData("max-age=60", "max-age 60")]
    [InlineData("max-age=60;x=1;y", "max-age 60")] // parameters say nothing
    [InlineData("max-age=60, max-age=10", "max-age 10")] // the last counts
    [InlineData("max-age=99999999999", "max-age 2147483648")]
    [InlineData("max-age=60|s-maxage=9", "max-age 60, s-maxage 9")]
    [InlineData("foo=(a \"b\" 1);x, bar=:aGk=:, baz=@123, d=1.5, max-age=60", "max-age 60")]
    [InlineData("no-store", "no-store")]
    [InlineData("no-store=1", "no-store")] // what restricts counts in any form,
    [InlineData("no-store=?0, max-age=60", "max-age 60")] // but not when it says that it does not
    [InlineData("private=\"X-User, X-Role\", max-age=60", "max-age 60, private fields")]
    [InlineData("private=(a b), max-age=60", "max-age 60, private")]
    [InlineData("public=1, max-age=60", "max-age 60")] // what permits counts in its own form only
    [InlineData("public, max-age=60", "max-age 60, public")]
    public void Directives_are_members_of_a_dictionary(string text, string expected) => Text(text).ShouldBe(expected);

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("foo")] // no directive that is known here
    [InlineData("max-age=\"60\"")] // types to the letter
    [InlineData("max-age=60.0")]
    [InlineData("max-age=-1")]
    [InlineData("max-age=sixty")]
    [InlineData("max-age=?1")]
    [InlineData("max-age=60, &&&&&")] // one error spoils the field
    [InlineData("max-age=60,")]
    [InlineData("max-age=60,, no-store")]
    [InlineData("max-age =60")]
    [InlineData("max-age= 60")]
    [InlineData("Max-Age=60")]
    [InlineData("max-age=1234567890123456")]
    [InlineData("no-store, foo=\"")]
    [InlineData("no-store, foo=(a b")]
    [InlineData("no-store, foo=(a\"b\")")]
    [InlineData("no-store; , max-age=1")]
    [InlineData("no-store foo")]
    public void What_is_no_directive_of_this_field_leaves_the_word_to_others(string text) => Text(text).ShouldBe("ignored");

    [Fact]
    public void No_text_throws() => Prop.ForAll(
        HeaderText.Made("max-age", "no-store", "=", "(", ")", "?1", ":", "@", "%\"", "-", "."), text =>
        {
            TargetedCacheControl.Parse(text);
            StructuredDictionary.Parse(text);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

    private static string Text(string lines)
    {
        if (TargetedCacheControl.Parse(HeaderText.Lines(lines)) is not { } read)
            return "ignored";
        var words = new List<string>();
        if (read.MaxAge is { } maxAge)
            words.Add($"max-age {maxAge.TotalSeconds}");
        if (read.SharedMaxAge is { } sharedMaxAge)
            words.Add($"s-maxage {sharedMaxAge.TotalSeconds}");
        if (read.NoStore)
            words.Add("no-store");
        if (read.Private)
            words.Add("private");
        if (read.PrivateFields is not null)
            words.Add("private fields");
        if (read.Public)
            words.Add("public");
        return string.Join(", ", words);
    }
}
