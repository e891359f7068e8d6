using CacheProxy.Http;

namespace CacheProxy.Tests.Http;

public sealed class PartGridTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(99, 1)]
    [InlineData(100, 1)]
    [InlineData(101, 2)]
    [InlineData(200, 2)]
    public void Every_byte_is_in_one_part(long length, long count)
    {
        var grid = new PartGrid(100, length);
        grid.Count.ShouldBe(count);
        var next = 0L;
        for (var i = 0L; i < count; i++)
        {
            var range = grid.RangeOf(i, i);
            (range.First, range.CompleteLength).ShouldBe((next, length));
            (grid.IndexOf(range.First), grid.IndexOf(range.Last)).ShouldBe((i, i));
            next = range.Last + 1;
        }
        next.ShouldBe(length);
        grid.RangeOf(0, count - 1).Length.ShouldBe(length);
    }

    [Theory]
    [InlineData("", 0, 3, 0, 3)]
    [InlineData("0", 0, 3, 1, 3)]
    [InlineData("3", 0, 3, 0, 2)]
    [InlineData("1", 0, 3, 0, 0)]
    [InlineData("0,2", 0, 3, 1, 1)]
    [InlineData("0,1", 2, 2, 2, 2)]
    [InlineData("0,1,2", 0, 3, 3, 3)]
    public void First_run_that_is_missing_is_found(string stored, long from, long to, long first, long last)
    {
        var there = stored.Split(',');
        PartGrid.FirstMissing(from, to, index => there.Contains($"{index}")).ShouldBe((first, last));
    }

    [Fact]
    public void Nothing_is_missing_where_all_is_stored() => PartGrid.FirstMissing(0, 3, _ => true).ShouldBeNull();

    [Fact]
    public void A_long_run_is_not_looked_through_to_its_end()
    {
        var asked = 0;
        PartGrid.FirstMissing(0, 1L << 40, _ => asked++ < 0).ShouldBe((0, 1L << 40));
        asked.ShouldBe(PartGrid.LookAhead);
    }
}
