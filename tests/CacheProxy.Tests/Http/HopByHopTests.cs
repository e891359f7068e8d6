using CacheProxy.Http;
using FsCheck;
using FsCheck.Fluent;

namespace CacheProxy.Tests.Http;

public class HopByHopTests
{
    [Theory]
    [InlineData("headers-store-Connection", "", "connection", true)]
    [InlineData("headers-store-Keep-Alive", "", "Keep-Alive", true)]
    [InlineData("headers-store-Proxy-Authenticate", "", "Proxy-Authenticate", true)]
    [InlineData("headers-store-Proxy-Authentication-Info", "", "Proxy-Authentication-Info", true)]
    [InlineData("headers-store-Proxy-Authorization", "", "Proxy-Authorization", true)]
    [InlineData("headers-store-Proxy-Connection", "", "Proxy-Connection", true)]
    [InlineData("headers-store-TE", "", "te", true)]
    [InlineData("headers-store-Transfer-Encoding", "", "Transfer-Encoding", true)]
    [InlineData("headers-store-Upgrade", "", "UPGRADE", true)]
    [InlineData("headers-omit-headers-listed-in-Connection", "a, b", "A", true)]
    [InlineData("headers-omit-headers-listed-in-Connection", "a, b", "b", true)]
    [InlineData("headers-omit-headers-listed-in-Connection", "a, b", "c", false)]
    [InlineData("7.6.1: several lines", "a|close , X-b", "x-B", true)]
    [InlineData("9111 3.1: Trailer is stored", "", "Trailer", false)]
    [InlineData("VSV00010: framing", "Content-Length", "Content-Length", false)]
    [InlineData("7.6.1: Cache-Control", "cache-control", "Cache-Control", false)]
    [InlineData("7.6.1: Host", "Host", "Host", false)]
    [InlineData("credentials", "Authorization, Cookie", "Authorization", false)]
    [InlineData("credentials", "Authorization, Cookie", "Cookie", false)]
    [InlineData("cookies stay visible", "Set-Cookie", "Set-Cookie", false)]
    [InlineData("variants", "Vary", "Vary", false)]
    public void Fields_for_the_next_hop_are_known(string source, string connection, string name, bool isHopByHop) =>
        HopByHop.Contains(HeaderText.Lines(connection), name).ShouldBe(isHopByHop, source);

    [Fact]
    public void Any_text_is_answered() =>
        Prop.ForAll<NonNull<string>, NonNull<string>>((connection, name) => HopByHop.Contains(connection.Get, name.Get) is var _)
            .QuickCheckThrowOnFailure();
}
