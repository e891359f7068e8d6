namespace CacheProxy.Tests.Options;

public class OptionTextTests
{
    [Theory]
    [InlineData("60s", 60_000)]
    [InlineData("500ms", 500)]
    [InlineData("5m", 300_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("2d", 172_800_000)]
    [InlineData("1.5s", 1500)]
    [InlineData(" 10 S ", 10_000)]
    [InlineData("00:01:00", 60_000)]
    [InlineData("1.00:00:00", 86_400_000)]
    [InlineData("0", 0)]
    [InlineData("-5s", -5000)]
    public void Duration_is_read_with_its_unit(string text, double milliseconds)
    {
        OptionText.TryRead(typeof(TimeSpan?), text, out var value, out _).ShouldBeTrue();
        value.ShouldBe(TimeSpan.FromMilliseconds(milliseconds));
    }

    [Theory]
    [InlineData("60")] // TimeSpan.Parse would take it for sixty days
    [InlineData("s")]
    [InlineData("5 minutes")]
    [InlineData("1e9d")]
    [InlineData("99999999999999d")]
    [InlineData("")]
    public void Duration_without_a_unit_or_out_of_all_bounds_is_refused(string text)
    {
        OptionText.TryRead(typeof(TimeSpan), text, out _, out var expected).ShouldBeFalse();
        expected.ShouldContain("60s");
    }

    [Theory]
    [InlineData("0", 0)]
    [InlineData("1048576", 1048576)]
    [InlineData("64KiB", 65536)]
    [InlineData("256 mib", 268435456)]
    [InlineData("1GiB", 1073741824)]
    [InlineData("7B", 7)]
    [InlineData("-1", -1)]
    public void Size_is_read_with_its_unit(string text, long bytes)
    {
        OptionText.TryRead(typeof(long), text, out var value, out _).ShouldBeTrue();
        value.ShouldBe(bytes);
    }

    [Theory]
    [InlineData("1MB")] // a thousand or 1024?
    [InlineData("1.5GiB")]
    [InlineData("99999999TiB")]
    [InlineData("MiB")]
    [InlineData("lots")]
    public void Size_that_is_unclear_is_refused(string text) => OptionText.TryRead(typeof(long), text, out _, out _).ShouldBeFalse();

    [Fact]
    public void Enum_is_read_by_name_and_never_by_number()
    {
        OptionText.TryRead(typeof(CacheProfile), "rfc9111", out var value, out _).ShouldBeTrue();
        value.ShouldBe(CacheProfile.Rfc9111);
        OptionText.TryRead(typeof(CacheProfile), "1", out _, out var expected).ShouldBeFalse();
        expected.ShouldBe("OneMinute or Rfc9111");
    }

    [Fact]
    public void What_is_written_can_be_read_again()
    {
        foreach (var time in new[] { TimeSpan.Zero, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(90), TimeSpan.FromDays(3), TimeSpan.FromTicks(12345) })
        {
            OptionText.TryRead(typeof(TimeSpan), OptionText.Write(time), out var value, out _).ShouldBeTrue(OptionText.Write(time));
            value.ShouldBe(time);
        }

        foreach (var size in new[] { 0, 1, 1023, 1024, 5L << 20, (5L << 30) + 1, -1 })
        {
            OptionText.TryRead(typeof(long), OptionText.WriteSize(size), out var value, out _).ShouldBeTrue(OptionText.WriteSize(size));
            value.ShouldBe(size);
        }
    }
}
