using FsCheck;
using FsCheck.Fluent;
using Items.Api.Http;
using Microsoft.Extensions.Primitives;

namespace Items.Api.Tests.Http;

public sealed class EntityTagListTests
{
    private static readonly Gen<char> TagCharacter = Gen.Elements("abcXYZ019!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\u00e9".ToCharArray());

    private static readonly Gen<EntityTag> Tag =
        from text in TagCharacter.ArrayOf()
        from isWeak in Gen.Elements(true, false)
        select new EntityTag(new string(text), isWeak);

    private static readonly Gen<string> Separator = Gen.Elements(",", ", ", " , ", ",\t", ",,", ", ,");

    [Theory]
    [InlineData("*", true)]
    [InlineData(" * ", true)]
    [InlineData("", true)]
    [InlineData(",", true)]
    [InlineData("\"a\"", true)]
    [InlineData("\"\"", true)]
    [InlineData("W/\"a\"", true)]
    [InlineData("\"a\\\"", true)]
    [InlineData("\"a,b\"", true)]
    [InlineData(",\"a\",,\"b\",", true)]
    [InlineData("*, \"a\"", false)]
    [InlineData("\"a\", *", false)]
    [InlineData("a", false)]
    [InlineData("\"a", false)]
    [InlineData("a\"", false)]
    [InlineData("\"a\" \"b\"", false)]
    [InlineData("\"a\"b", false)]
    [InlineData("w/\"a\"", false)]
    [InlineData("W/a", false)]
    [InlineData("W/ \"a\"", false)]
    [InlineData("\"a b\"", false)]
    [InlineData("\"a\tb\"", false)]
    [InlineData("'a'", false)]
    public void List_is_read_as_the_grammar_says(string field, bool isWellFormed) =>
        EntityTagList.TryParse(field, out _).ShouldBe(isWellFormed);

    [Fact]
    public void Any_list_of_tags_is_read_back_in_order()
    {
        var cases = from tags in Tag.ArrayOf() from separator in Separator select (tags, separator);
        Prop.ForAll(cases.ToArbitrary(), one =>
            EntityTagList.TryParse(string.Join(one.separator, one.tags), out var list) && !list.IsAny && list.Tags.SequenceEqual(one.tags))
            .QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Any_split_into_lines_reads_as_one_list()
    {
        Prop.ForAll(Tag.ArrayOf().ToArbitrary(), tags =>
            EntityTagList.TryParse(new StringValues([.. tags.Select(tag => tag.ToString())]), out var list) && list.Tags.SequenceEqual(tags))
            .QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Any_text_at_all_is_read_or_refused_and_what_is_read_can_be_written()
    {
        var noise = Gen.Elements("\"W/,* \ta\\\u0001\u00e9".ToCharArray()).ArrayOf().Select(text => new string(text));
        Prop.ForAll(noise.ToArbitrary(), text =>
            !EntityTagList.TryParse(text, out var list) || list.IsAny
            || (EntityTagList.TryParse(string.Join(',', list.Tags), out var again) && again.Tags.SequenceEqual(list.Tags)))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void Strong_match_needs_both_tags_strong_and_weak_match_neither()
    {
        Prop.ForAll(Tag.ToArbitrary(), Tag.ToArbitrary(), (listed, current) =>
        {
            EntityTagList.TryParse(listed.ToString(), out var list).ShouldBeTrue();
            return list!.MatchesStrongly(current) == (listed == current && !listed.IsWeak)
                && list.MatchesWeakly(current) == (listed.Opaque == current.Opaque);
        }).QuickCheckThrowOnFailure();
    }
}
