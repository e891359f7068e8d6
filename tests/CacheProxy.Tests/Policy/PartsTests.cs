using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Policy;
using CacheProxy.Storage;
using CacheProxy.Tests.Http;

namespace CacheProxy.Tests.Policy;

public sealed class PartsTests
{
    private const int KiB = 1 << 10, MiB = 1 << 20;

    [Theory]
    [InlineData(0, 0)]
    [InlineData((64 * KiB) - 1, 0)]
    [InlineData(64 * KiB, 64 * KiB)]
    [InlineData((128 * KiB) - 1, 64 * KiB)]
    [InlineData(8 * MiB, MiB)]
    public void Parts_are_not_larger_than_what_may_be_stored(long maxBodyBytes, int size) => Parts.SizeFor(maxBodyBytes).ShouldBe(size);

    [Theory]
    [InlineData("Content-Length: 100000 | ETag: \"a\"", true)]
    [InlineData("Content-Length: 100000 | ETag: \"a\" | Accept-Ranges: bytes", true)]
    [InlineData("Content-Length: 100000 | ETag: \"a\" | Accept-Ranges: none", false)]
    [InlineData("Content-Length: 100000 | ETag: W/\"a\"", false)]
    [InlineData("Content-Length: 100000 | ETag: a", false)]
    [InlineData("Content-Length: 100000 | Last-Modified: @-100", false)]
    [InlineData("ETag: \"a\"", false)]
    [InlineData("Content-Length: 60000 | ETag: \"a\"", false)]
    [InlineData("Content-Length: 9223372036854775807 | ETag: \"a\"", false)]
    [InlineData("Content-Length: 100000 | ETag: \"a\" | Content-Range: bytes 0-99999/200000", false)]
    public void A_whole_is_divided_when_a_strong_tag_and_a_length_hold_it_together(string head, bool may)
    {
        Parts.MayDivide(HeaderText.Response(head), 64 * KiB).ShouldBe(may, head);
        Parts.MayDivide(HeaderText.Response(head), KiB).ShouldBeFalse(head);
        Parts.MayDivide(HeaderText.Response(head, 203), 64 * KiB).ShouldBeFalse(head);
    }

    [Theory]
    [InlineData("Content-Range: bytes 10-19/100 | Content-Length: 10 | ETag: \"a\"", null)]
    [InlineData("Content-Range: bytes 10-19/100 | Content-Length: 10 | ETag: \"a\" | Content-Encoding: gzip", null)]
    [InlineData("Content-Length: 10 | ETag: \"a\"", nameof(StoreReason.ContentRange))]
    [InlineData("Content-Range: bytes 10-19/* | Content-Length: 10 | ETag: \"a\"", nameof(StoreReason.ContentRange))]
    [InlineData("Content-Range: bytes 10-19/100 | ETag: \"a\"", nameof(StoreReason.ContentRange))]
    [InlineData("Content-Range: bytes 10-19/100 | Content-Length: 9 | ETag: \"a\"", nameof(StoreReason.ContentRange))]
    [InlineData("Content-Range: bytes 11-20/100 | Content-Length: 10 | ETag: \"a\"", nameof(StoreReason.ContentRange))]
    [InlineData("Content-Range: bytes 10-18/100 | Content-Length: 9 | ETag: \"a\"", nameof(StoreReason.ContentRange))]
    [InlineData("Content-Range: bytes 10-20/100 | Content-Length: 11 | ETag: \"a\"", nameof(StoreReason.ContentRange))]
    [InlineData("Content-Range: bytes 10-19/100 | Content-Length: 10 | ETag: \"a\" | Content-Type: multipart/byteranges; boundary=x", nameof(StoreReason.ContentRange))]
    [InlineData("Content-Range: bytes 10-19/100 | Content-Length: 10", nameof(StoreReason.NoValidator))]
    [InlineData("Content-Range: bytes 10-19/100 | Content-Length: 10 | ETag: W/\"a\"", nameof(StoreReason.NoValidator))]
    [InlineData("Content-Range: bytes 10-19/100 | Content-Length: 10 | ETag: \"a\" | ETag: \"b\"", nameof(StoreReason.NoValidator))]
    [InlineData("Content-Range: bytes 10-19/100 | Content-Length: 10 | ETag: \"b\"", nameof(StoreReason.Changed))]
    [InlineData("Content-Range: bytes 10-19/101 | Content-Length: 10 | ETag: \"a\"", nameof(StoreReason.Changed))]
    [InlineData("Content-Range: bytes 10-19/100 | Content-Length: 10 | ETag: \"a\" | Content-Encoding: br", nameof(StoreReason.Changed))]
    public void A_part_is_taken_when_it_is_what_was_asked_for_of_the_same_whole(string part, string? refusal) =>
        $"{Parts.Refusal(HeaderText.Response(part, 206), HeaderText.Response("ETag: \"a\" | Content-Encoding: gzip"), new ContentRange(10, 19, 100))}"
            .ShouldBe(refusal ?? "", part);

    [Theory]
    [InlineData("\"a\"", "bytes 10-19/100", 10, "None", true)]
    [InlineData("\"a\"", "bytes 10-19/100", 10, "Soft", true)] // the whole's head was asked about
    [InlineData("\"a\"", "bytes 10-19/100", 10, "Invalid", true)]
    [InlineData("\"a\"", "bytes 10-19/100", 10, "Hard", false)]
    [InlineData("\"b\"", "bytes 10-19/100", 10, "None", false)]
    [InlineData("W/\"a\"", "bytes 10-19/100", 10, "None", false)]
    [InlineData("", "bytes 10-19/100", 10, "None", false)]
    [InlineData("\"a\"", "bytes 10-19/101", 10, "None", false)]
    [InlineData("\"a\"", "bytes 20-29/100", 10, "None", false)]
    [InlineData("\"a\"", "bytes 10-19/100", 9, "None", false)]
    public void Parts_are_combined_when_tag_length_and_place_are_the_same(string tag, string range, int length, string mark, bool may)
    {
        var part = Part($"Cache-Control: max-age=60{(tag.Length == 0 ? "" : $" | ETag: {tag}")} | Content-Range: {range}", length);
        Parts.MayCombine(part, Enum.Parse<MarkStrength>(mark), HeaderText.Response("ETag: \"a\""), new ContentRange(10, 19, 100)).ShouldBe(may);
        Parts.MayCombine(part, Enum.Parse<MarkStrength>(mark), HeaderText.Response("ETag: W/\"a\""), new ContentRange(10, 19, 100)).ShouldBeFalse();
        Parts.MayCombine(part, Enum.Parse<MarkStrength>(mark), HeaderText.Response(""), new ContentRange(10, 19, 100)).ShouldBeFalse();
        part.Release();
    }

    [Theory]
    [InlineData("Cache-Control: public", true)]
    [InlineData("Cache-Control: max-age=60", false)]
    public void A_part_given_to_a_request_with_authorization_is_used_while_the_whole_allows_it(string whole, bool may)
    {
        var part = Part("Cache-Control: public | ETag: \"a\" | Content-Range: bytes 10-19/100", 10, authorized: true);
        Parts.MayCombine(part, MarkStrength.None, HeaderText.Response($"{whole} | ETag: \"a\""), new ContentRange(10, 19, 100)).ShouldBe(may);
        part.Release();
    }

    private static StoredResponse Part(string head, int length, bool authorized = false) => new(HeaderText.Response(head, 206), new Body([new byte[length]], length))
    {
        ResponseTime = HeaderText.Now,
        InitialAge = TimeSpan.Zero,
        FreshnessLifetime = TimeSpan.FromSeconds(60),
        VaryFields = [],
        VaryValues = [],
        Fence = new Fence("http://a/x", Array.Empty<string>(), fill: 1),
        RequestWasAuthorized = authorized,
    };
}
