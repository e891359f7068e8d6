using CacheProxy.Http;

namespace CacheProxy.Tests.Http;

public sealed class ContentRangeTests
{
    [Theory]
    [InlineData("bytes 0-0/1", 0, 0, 1)]
    [InlineData("bytes 4-8/10", 4, 8, 10)]
    [InlineData(" Bytes 4-8/10 ", 4, 8, 10)]
    [InlineData("bytes 0-9223372036854775805/9223372036854775807", 0, 9223372036854775805, 9223372036854775807)]
    public void One_part_of_a_body_of_known_length_is_read(string text, long first, long last, long complete) =>
        ContentRange.Parse(text).ShouldBe(new ContentRange(first, last, complete));

    [Theory]
    [InlineData("")]
    [InlineData("bytes")]
    [InlineData("bytes 4-8/*")]
    [InlineData("bytes */10")]
    [InlineData("bytes 4-8")]
    [InlineData("bytes 8-4/10")]
    [InlineData("bytes 4-10/10")]
    [InlineData("bytes 0-0/0")]
    [InlineData("bytes -8/10")]
    [InlineData("bytes 4-/10")]
    [InlineData("bytes 4-8/")]
    [InlineData("bytes 4 -8/10")]
    [InlineData("bytes 4-8 /10")]
    [InlineData("bytes +4-8/10")]
    [InlineData("bytes 4-8/10, bytes 4-8/10")]
    [InlineData("bytes 4/8-10")]
    [InlineData("bytes 4-8-9/10")]
    [InlineData("bytes 4-8/10/11")]
    [InlineData("bytes=4-8/10")]
    [InlineData("items 4-8/10")]
    [InlineData("bytes 99999999999999999999-99999999999999999999/99999999999999999999")]
    [InlineData("bytes 4-8/99999999999999999999")]
    public void Anything_else_is_none(string text) => ContentRange.Parse(text).ShouldBeNull();

    [Fact]
    public void Two_lines_are_none() => ContentRange.Parse(new(["bytes 4-8/10", "bytes 4-8/10"])).ShouldBeNull();

    [Fact]
    public void It_is_written_as_it_is_read() => ContentRange.Parse(new ContentRange(4, 8, 10).ToString()).ShouldBe(new ContentRange(4, 8, 10));
}
