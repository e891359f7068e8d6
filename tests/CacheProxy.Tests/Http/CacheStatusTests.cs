using CacheProxy.Http;
using FsCheck;
using FsCheck.Fluent;

namespace CacheProxy.Tests.Http;

public class CacheStatusTests
{
    private static readonly CacheStatusWriter Writer = new("CacheProxy");

    [Theory]
    [InlineData(57, "CacheProxy; hit; ttl=57")]
    [InlineData(57.9, "CacheProxy; hit; ttl=57")]
    [InlineData(0, "CacheProxy; hit; ttl=0")]
    [InlineData(3600, "CacheProxy; hit; ttl=3600")]
    [InlineData(3601, "CacheProxy; hit; ttl=3601")]
    [InlineData(-0.5, "CacheProxy; hit; ttl=-1")]
    [InlineData(-30, "CacheProxy; hit; ttl=-30")]
    public void A_hit_says_what_is_left(double seconds, string text) => Writer.Hit(TimeSpan.FromSeconds(seconds)).ShouldBe(text);

    [Fact]
    public void A_hit_said_before_allocates_nothing() => Allocation.Of(() => Writer.Hit(TimeSpan.FromSeconds(12))).ShouldBe(0);

    [Fact]
    public void A_request_that_went_forward_says_why_and_what_came_of_it()
    {
        var status = new CacheStatus
        {
            Forward = ForwardReason.UriMiss,
            ForwardStatus = 200,
            TimeToLive = TimeSpan.FromSeconds(60),
            IsStored = true,
            IsCollapsed = true,
            Detail = "fenced",
        };

        Writer.Write(status).ShouldBe("CacheProxy; fwd=uri-miss; fwd-status=200; ttl=60; stored; collapsed; detail=fenced");
    }

    [Theory]
    [InlineData(nameof(ForwardReason.Bypass), "bypass")]
    [InlineData(nameof(ForwardReason.Method), "method")]
    [InlineData(nameof(ForwardReason.UriMiss), "uri-miss")]
    [InlineData(nameof(ForwardReason.VaryMiss), "vary-miss")]
    [InlineData(nameof(ForwardReason.Miss), "miss")]
    [InlineData(nameof(ForwardReason.Request), "request")]
    [InlineData(nameof(ForwardReason.Stale), "stale")]
    [InlineData(nameof(ForwardReason.Partial), "partial")]
    public void Every_reason_has_its_registered_token(string reason, string token) =>
        Writer.Write(new CacheStatus { Forward = Enum.Parse<ForwardReason>(reason) }).ShouldBe($"CacheProxy; fwd={token}");

    // RFC 9211 section 2: "hit" and "fwd" exclude each other.
    [Fact]
    public void A_hit_has_no_forward_parameters() =>
        Writer.Write(new CacheStatus { IsHit = true, ForwardStatus = 200, Detail = "a b" }).ShouldBe("CacheProxy; hit; detail=\"a b\"");

    [Theory]
    [InlineData("CacheProxy", "CacheProxy")]
    [InlineData("*a:b/c.d", "*a:b/c.d")]
    [InlineData("node 1", "\"node 1\"")]
    [InlineData("1", "\"1\"")]
    [InlineData("", "\"\"")]
    [InlineData("a\"b\\c", "\"a\\\"b\\\\c\"")]
    [InlineData("a\r\nX: y", "\"a??X: y\"")]
    [InlineData("\u00e9", "\"?\"")]
    public void Text_is_a_token_or_a_string(string text, string item) => StructuredText.Item(text).ShouldBe(item);

    [Fact]
    public void Any_text_stays_within_its_item() => Prop.ForAll<NonNull<string>>(text =>
    {
        var item = StructuredText.Item(text.Get);
        if (item[0] != '"')
            return item == text.Get && !item.AsSpan().ContainsAny(";, \"");
        var inner = item[1..^1].Replace("\\\\", "", StringComparison.Ordinal).Replace("\\\"", "", StringComparison.Ordinal);
        return !inner.Contains('"', StringComparison.Ordinal) && !inner.Contains('\\', StringComparison.Ordinal)
            && item.All(character => character is >= ' ' and <= '~');
    }).QuickCheckThrowOnFailure();
}
