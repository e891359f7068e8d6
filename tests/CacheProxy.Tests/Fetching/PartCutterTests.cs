using CacheProxy.Fetching;
using CacheProxy.Http;
using CacheProxy.Storage;
using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Tests.Fetching;

public sealed class PartCutterTests
{
    private const int Size = 128 << 10;
    private const int Length = (3 * Size) + 1000;

    [Theory]
    [InlineData(1000)]
    [InlineData(65536)]
    [InlineData(70001)]
    [InlineData(Length)]
    public void Each_part_is_given_away_with_its_last_byte_however_the_bytes_come(int step)
    {
        var (parts, cutter, budget) = Make(first: 0);
        var file = FileOrigin.Bytes(1, Length);
        for (var at = 0; at < Length; at += step)
        {
            cutter.Add(file.AsSpan(at, Math.Min(step, Length - at)));
            var come = Math.Min(at + step, Length);
            parts.Count.ShouldBe(come == Length ? 4 : come / Size);
        }
        for (var i = 0; i < 4; i++)
            parts[i].ShouldBe(FileOrigin.Slice(1, i * Size, Math.Min((i + 1) * Size, Length) - 1, Length));
        budget.TryReserve(1 << 20).ShouldBeTrue("all is given back");
    }

    [Fact]
    public void Parts_are_counted_from_the_first_and_only_as_many_are_given_away()
    {
        var (parts, cutter, _) = Make(first: 1, most: 2);
        cutter.Add(FileOrigin.Slice(1, Size, Length - 1, Length));
        parts.Keys.Order().ShouldBe([1, 2]);
        parts[2].ShouldBe(FileOrigin.Slice(1, 2 * Size, (3 * Size) - 1, Length));
    }

    [Fact]
    public void What_is_not_whole_is_dropped()
    {
        var (parts, cutter, budget) = Make(first: 0);
        cutter.Add(FileOrigin.Bytes(1, Length).AsSpan(0, (2 * Size) - 1));
        cutter.Drop();
        parts.Keys.ShouldBe([0]);
        budget.TryReserve(1 << 20).ShouldBeTrue("all is given back");
    }

    [Fact]
    public void Over_the_budget_of_recordings_parts_are_passed_over_whole()
    {
        var (parts, cutter, budget) = Make(first: 0);
        budget.TryReserve((1 << 20) - Size + 1).ShouldBeTrue();
        var file = FileOrigin.Bytes(1, Length);
        cutter.Add(file.AsSpan(0, Size - 1));
        budget.Release((1 << 20) - Size + 1); // too late for the first
        cutter.Add(file.AsSpan(Size - 1));
        parts.Keys.Order().ShouldBe([1, 2, 3]);
        parts[1].ShouldBe(FileOrigin.Slice(1, Size, (2 * Size) - 1, Length));
    }

    private static (Dictionary<long, byte[]> Parts, PartCutter Cutter, RecordingBudget Budget) Make(long first, long most = 100)
    {
        var parts = new Dictionary<long, byte[]>();
        var budget = new RecordingBudget(1 << 20);
        var limits = new RecordingLimits(Size, TimeSpan.FromSeconds(3), budget, TimeProvider.System);
        return (parts, new PartCutter(new PartGrid(Size, Length), first, most, limits, (index, body) => parts.Add(index, Copy(body))), budget);
    }

    private static byte[] Copy(Body body)
    {
        var bytes = new byte[body.Length];
        body.CopyTo(bytes);
        return bytes;
    }
}
