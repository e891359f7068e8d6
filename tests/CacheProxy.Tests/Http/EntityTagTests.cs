using CacheProxy.Http;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Tests.Http;

public class EntityTagTests
{
    [Theory]
    [InlineData("\"a\"", true)]
    [InlineData("W/\"a\"", true)]
    [InlineData("\"\"", true)]
    [InlineData("\"a,b\"", true)]
    [InlineData("\"a\\\"", true)]
    [InlineData("\"\u00e9\"", true)]
    [InlineData("a", false)]
    [InlineData("w/\"a\"", false)]
    [InlineData("W/a", false)]
    [InlineData("W/", false)]
    [InlineData("\"a", false)]
    [InlineData("\"", false)]
    [InlineData("a\"", false)]
    [InlineData("\"a b\"", false)]
    [InlineData("\"a\tb\"", false)]
    [InlineData("\"a\"b", false)]
    [InlineData("\"a\", \"b\"", false)]
    [InlineData("\"a\" ", false)]
    [InlineData("*", false)]
    [InlineData("", false)]
    public void A_tag_has_quotes_and_nothing_around_them(string text, bool isValid) => EntityTag.IsValid(text).ShouldBe(isValid);

    // RFC 9110 section 8.8.3.2, the table of examples.
    [Theory]
    [InlineData("W/\"1\"", "W/\"1\"", false, true)]
    [InlineData("W/\"1\"", "W/\"2\"", false, false)]
    [InlineData("W/\"1\"", "\"1\"", false, true)]
    [InlineData("\"1\"", "W/\"1\"", false, true)]
    [InlineData("\"1\"", "\"1\"", true, true)]
    [InlineData("\"1\"", "\"2\"", false, false)]
    [InlineData("\"a\"", "\"A\"", false, false)]
    public void Comparison_is_strong_or_weak(string one, string other, bool strong, bool weak)
    {
        EntityTag.StrongEquals(one, other).ShouldBe(strong);
        EntityTag.WeakEquals(one, other).ShouldBe(weak);
    }

    [Theory]
    [InlineData("conditional-etag-strong-respond", "\"a\"", "\"a\"", true)]
    [InlineData("conditional-etag-weak-respond", "W/\"a\"", "W/\"a\"", true)]
    [InlineData("conditional-etag-strong-respond-multiple-first", "\"a\", \"b\", \"c\"", "\"a\"", true)]
    [InlineData("conditional-etag-strong-respond-multiple-second", "\"b\", \"a\", \"c\"", "\"a\"", true)]
    [InlineData("conditional-etag-strong-respond-multiple-last", "\"b\", \"c\", \"a\"", "\"a\"", true)]
    [InlineData("conditional-etag-strong-respond-obs-text", "\"abc\u00e9\"", "\"abc\u00e9\"", true)]
    [InlineData("13.1.2: weak", "\"a\"", "W/\"a\"", true)]
    [InlineData("13.1.2: several lines", "\"b\"|\"a\"", "\"a\"", true)]
    [InlineData("13.1.2: any", "*", "\"a\"", true)]
    [InlineData("13.1.2: any", " * ", null, true)]
    [InlineData("13.1.2: a comma within", "\"x,y\",\"a\"", "\"a\"", true)]
    [InlineData("13.1.2: a comma within is no end", "\"x,a\"", "\"a\"", false)]
    [InlineData("13.1.2: no blanks", "\"b\",W/\"a\"", "\"a\"", true)]
    [InlineData("5.6.1: empty members", ", ,\"a\",", "\"a\"", true)]
    [InlineData("conditional-etag-strong-respond-unquoted", "a", "\"a\"", false)]
    [InlineData("an unquoted member is passed over", "b, \"a\"", "\"a\"", true)]
    [InlineData("text behind a tag is no tag", "\"a\"b", "\"a\"", false)]
    [InlineData("text behind a tag is no tag", "\"a\"\"a\"", "\"a\"", false)]
    [InlineData("a star in a list is nothing", "*, \"b\"", "\"a\"", false)]
    [InlineData("a star on two lines is nothing", "*|*", "\"a\"", false)]
    [InlineData("no tag stored", "\"a\"", null, false)]
    [InlineData("empty", "", "\"a\"", false)]
    [InlineData("not closed", "\"a", "\"a\"", false)]
    public void IfNoneMatch_names_a_tag(string source, string lines, string? tag, bool names) =>
        EntityTag.ListNames(HeaderText.Lines(lines), tag).ShouldBe(names, source);

    [Fact]
    public void Any_text_is_answered() => Prop.ForAll<string, string>((line, tag) =>
        EntityTag.ListNames(new StringValues([line, line]), tag) is var _ && EntityTag.WeakEquals(line, tag) is var _)
        .QuickCheckThrowOnFailure();

    [Fact]
    public void A_tag_is_found_in_any_list_of_tags() => Prop.ForAll<byte[], byte>((names, at) =>
    {
        if (names is not { Length: > 0 })
            return true;
        var tags = names.Select(name => $"\"{name},\"").ToArray();
        var list = string.Join(',', tags);
        return EntityTag.ListNames(list, tags[at % tags.Length]) && !EntityTag.ListNames(list, "\"256,\"");
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_list_names_only_what_is_written_in_it() => Prop.ForAll(HeaderText.Made("\"tag\"", "W/", "tag", ", \"tag\"", "*"), line =>
        line.Trim(' ', '\t') == "*" || !EntityTag.ListNames(line, "\"tag\"") || line.Contains("\"tag\"", StringComparison.Ordinal))
        .QuickCheckThrowOnFailure();
}
