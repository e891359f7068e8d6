using System.Text;
using CacheProxy.Keys;
using CacheProxy.Tests.Http;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Tests.Keys;

public class AcceptEncodingTests
{
    private static readonly Arbitrary<string> AnyCodings =
        HeaderText.Made("gzip", "br", "zstd", "identity", "*", ";q=", "0.5", "1.0", ", ");

    [Theory]
    [InlineData("gzip, deflate, br, zstd", "br, deflate, gzip, zstd")]
    [InlineData("gzip", "gzip")]
    [InlineData("GZIP,Br", "br, gzip")]
    [InlineData("gzip|br", "br, gzip")]
    [InlineData("gzip, gzip", "gzip")]
    [InlineData("x-gzip", "gzip")]
    [InlineData("gzip;q=1, br ; q=1.000", "br, gzip")]
    [InlineData("gzip;q=0, br", "br")]
    [InlineData("gzip;q=0.000, br", "br")]
    [InlineData("gzip, gzip;q=0", "")]
    [InlineData("gzip, identity", "gzip")]
    [InlineData("gzip, foo, compress;q=0.5", "gzip")]
    [InlineData("identity", "")]
    [InlineData("", "")]
    [InlineData(",,", "")]
    public void Codings_that_origins_know_are_sorted(string lines, string expected) =>
        AcceptEncoding.Normalise(HeaderText.Lines(lines)).ToString().ShouldBe(expected);

    [Theory]
    [InlineData(" gzip;q=0.8, br ", "gzip;q=0.8, br")]
    [InlineData("gzip, *", "gzip, *")]
    [InlineData("*;q=0", "*;q=0")]
    [InlineData("gzip, identity;q=0", "gzip, identity;q=0")]
    [InlineData("gzip;q=1.0, identity;q=0.5", "gzip;q=1.0, identity;q=0.5")]
    [InlineData("gzip;q=0.8| br ", "gzip;q=0.8, br")]
    [InlineData("gzip;q=0.8||", "gzip;q=0.8")]
    public void What_a_set_cannot_say_comes_back_as_it_is(string lines, string expected) =>
        AcceptEncoding.Normalise(HeaderText.Lines(lines)).ToString().ShouldBe(expected);

    [Theory]
    [InlineData("gzip;q=abc, br")]
    [InlineData("gzip;q=2, br")]
    [InlineData("gzip;q=1.001, br")]
    [InlineData("gzip;q=0.0001, br")]
    [InlineData("gzip;q=-1, br")]
    [InlineData("gzip;q=, br")]
    [InlineData("gzip;, br")]
    [InlineData("gzip;level=1, br")]
    [InlineData("gzip;q=0x5, br")]
    [InlineData("g zip, br")]
    [InlineData("\"gzip\", br")]
    [InlineData("\0gzip, br")]
    public void Unreadable_members_are_dropped(string line) => AcceptEncoding.Normalise(line).ToString().ShouldBe("br");

    [Fact]
    public void No_field_gives_none() => AcceptEncoding.Normalise(StringValues.Empty).Count.ShouldBe(0);

    [Fact]
    public void Plain_codings_allocate_nothing()
    {
        StringValues line = "gzip, deflate, br, zstd";
        Allocation.Of(() => AcceptEncoding.Normalise(line)).ShouldBe(0);
    }

    [Fact]
    public void Line_as_it_came_says_the_same() =>
        Prop.ForAll(AnyCodings, line =>
        {
            var normal = AcceptEncoding.Normalise(line);
            return AcceptEncoding.TryNormalise(Encoding.Latin1.GetBytes(line), out var text) ? text == (normal.Count == 0 ? null : normal.ToString()) : !IsSet(normal);
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(256, true)]
    [InlineData(257, false)]
    public void Line_that_is_longer_than_any_is_not_read(int length, bool isRead) =>
        AcceptEncoding.TryNormalise(Encoding.Latin1.GetBytes("gzip".PadRight(length, ',')), out _).ShouldBe(isRead);

    [Fact]
    public void Line_is_read_without_an_allocation()
    {
        var line = Encoding.Latin1.GetBytes("gzip, deflate, br, zstd");
        Allocation.Of(() => AcceptEncoding.TryNormalise(line, out _)).ShouldBe(0);
    }

    [Fact]
    public void Normalising_twice_changes_nothing() =>
        Prop.ForAll(AnyCodings, ArbMap.Default.ArbFor<string>(), (one, other) =>
        {
            var once = AcceptEncoding.Normalise(new StringValues([one, other]));
            return AcceptEncoding.Normalise(once).ToString() == once.ToString();
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_stranger_makes_few_variants_of_plain_codings() => Prop.ForAll<string>(text =>
        AcceptEncoding.Normalise(new StringValues(["gzip", "x" + text?.Replace('*', 'x').Replace(',', 'x')])).ToString() == "gzip")
        .QuickCheckThrowOnFailure();

    /// <summary>Known codings, each once and in order, and nothing else.</summary>
    private static bool IsSet(StringValues normal)
    {
        var codings = normal.ToString().Split(", ", StringSplitOptions.RemoveEmptyEntries);
        return codings.All(((string[])["br", "deflate", "gzip", "zstd"]).Contains) && codings.Distinct().Order(StringComparer.Ordinal).SequenceEqual(codings);
    }
}
