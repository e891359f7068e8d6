using CacheProxy.Http;
using FsCheck;
using FsCheck.Fluent;

namespace CacheProxy.Tests.Http;

public class ByteRangeTests
{
    [Theory]
    [InlineData("partial-store-complete-reuse-partial", "bytes=0-1", 10, 0, 2)]
    [InlineData("partial-store-complete-reuse-partial-no-last", "bytes=1-", 10, 1, 9)]
    [InlineData("partial-store-complete-reuse-partial-suffix", "bytes=-1", 10, 9, 1)]
    [InlineData("14.1.2: to the end", "bytes=5-99", 10, 5, 5)]
    [InlineData("14.1.2: the last byte", "bytes=9-9", 10, 9, 1)]
    [InlineData("14.1.2: more than there is", "bytes=-99", 10, 0, 10)]
    [InlineData("14.1: units without case", "BYTES=0-0", 10, 0, 1)]
    [InlineData("no overflow", "bytes=1-9223372036854775807", 10, 1, 9)]
    [InlineData("no overflow", "bytes=1-99999999999999999999999", 10, 1, 9)]
    [InlineData("no overflow", "bytes=-99999999999999999999999", 10, 0, 10)]
    [InlineData("5.6.1: empty members", "bytes=0-1,", 10, 0, 2)]
    public void A_single_range_is_served(string source, string text, long length, long offset, long count) =>
        ByteRange.Parse(text, length).ShouldBe(new ByteRange(ByteRangeKind.Satisfiable, offset, count), source);

    [Theory]
    [InlineData("bytes=10-", 10)]
    [InlineData("bytes=10-20", 10)]
    [InlineData("bytes=-0", 10)]
    [InlineData("bytes=0-", 0)]
    [InlineData("bytes=0-0", 0)]
    [InlineData("bytes=99999999999999999999999-", 10)]
    [InlineData("bytes=9223372036854775807-9223372036854775807", 10)]
    public void A_range_behind_the_end_is_unsatisfiable(string text, long length) =>
        ByteRange.Parse(text, length).Kind.ShouldBe(ByteRangeKind.Unsatisfiable);

    [Theory]
    [InlineData("")]
    [InlineData("bytes")]
    [InlineData("bytes=")]
    [InlineData("bytes=,")]
    [InlineData("bytes=-")]
    [InlineData("bytes=0")]
    [InlineData("bytes=a-b")]
    [InlineData("bytes=2-1")]
    [InlineData("bytes=0-1-2")]
    [InlineData("bytes=--1")]
    [InlineData("bytes=+0-1")]
    [InlineData("bytes=0 - 1")]
    [InlineData("bytes= 0-1")]
    [InlineData("bytes =0-1")]
    [InlineData("bytes:0-1")]
    [InlineData("bytes=0x0-1")]
    [InlineData("bytes=\u0660-1")]
    [InlineData("lines=0-1")]
    [InlineData("bytes=0-1, 3-4")]
    [InlineData("bytes=0-,0-,0-")]
    [InlineData("bytes=5-6,0-1")]
    [InlineData("bytes=0-1|bytes=0-1")]
    public void Several_ranges_and_unreadable_ones_are_ignored(string text) =>
        ByteRange.Parse(HeaderText.Lines(text), 10).Kind.ShouldBe(ByteRangeKind.None);

    [Theory]
    [InlineData("bytes=0-1, 3-4", "0+2 3+2")]
    [InlineData("bytes=0-0,1-1,-1", "0+1 1+1 9+1")]
    [InlineData("bytes=0-1,20-30", "0+2")] // what is not there is left out
    [InlineData("bytes=10-,20-", "unsatisfiable")]
    [InlineData("bytes=0-,0-,0-", "")] // overlapping
    [InlineData("bytes=5-6,0-1", "")] // not ascending
    [InlineData("bytes=0-1,1-2", "")]
    [InlineData("bytes=0-1,x", "")]
    [InlineData("bytes=0-0,1-1,2-2,3-3,4-4,5-5", "")] // too many
    [InlineData("lines=0-1,3-4", "")]
    public void Several_ranges_are_served_when_they_ascend(string text, string expected) =>
        string.Join(' ', ByteRange.ParseSeveral(text, 10).Select(range => range.Kind == ByteRangeKind.Unsatisfiable ? "unsatisfiable" : $"{range.Offset}+{range.Length}"))
            .ShouldBe(expected);

    [Fact]
    public void The_end_of_an_empty_body_is_the_whole() => ByteRange.Parse("bytes=-5", 0).Kind.ShouldBe(ByteRangeKind.None);

    [Fact]
    public void A_range_lies_within_the_body() => Prop.ForAll(
        HeaderText.Made("bytes=", "-", "1-", "0-9", "9223372036854775807"),
        ArbMap.Default.ArbFor<NonNegativeInt>(),
        (text, length) =>
        {
            foreach (var line in new[] { text, "bytes=" + text })
            {
                var range = ByteRange.Parse(line, length.Get);
                var isRight = range.Kind == ByteRangeKind.Satisfiable
                    ? range.Offset >= 0 && range.Length > 0 && range.Offset + range.Length <= length.Get
                    : range is { Offset: 0, Length: 0 };
                if (!isRight)
                    return false;
            }
            return true;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_text_is_answered() => Prop.ForAll<string>(text => ByteRange.Parse(text, long.MaxValue) is var _).QuickCheckThrowOnFailure();

    [Fact]
    public void A_written_range_is_read_again() => Prop.ForAll<uint, uint, uint>((first, count, behind) =>
    {
        var last = (long)first + count;
        return ByteRange.Parse($"bytes={first}-{last}", last + 1 + behind) == new ByteRange(ByteRangeKind.Satisfiable, first, (long)count + 1);
    }).QuickCheckThrowOnFailure();
}
