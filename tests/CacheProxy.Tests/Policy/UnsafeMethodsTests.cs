using CacheProxy.Policy;
using CacheProxy.Tests.Http;
using FsCheck;
using FsCheck.Fluent;

namespace CacheProxy.Tests.Policy;

public class UnsafeMethodsTests
{
    [Theory]
    [InlineData("GET", false)]
    [InlineData("HEAD", false)]
    [InlineData("OPTIONS", false)]
    [InlineData("TRACE", false)]
    [InlineData("CONNECT", false)]
    [InlineData("PROPFIND", false)]
    [InlineData("REPORT", false)]
    [InlineData("SEARCH", false)]
    [InlineData("QUERY", false)]
    [InlineData("POST", true)]
    [InlineData("PUT", true)]
    [InlineData("DELETE", true)]
    [InlineData("PATCH", true)]
    [InlineData("M-SEARCH", true)]
    [InlineData("FOO", true)]
    [InlineData("get", true)]
    [InlineData("", true)]
    public void Methods_not_known_to_be_safe_are_unsafe(string method, bool isUnsafe) => UnsafeMethods.IsUnsafe(method).ShouldBe(isUnsafe);

    [Theory]
    [InlineData(199, false)]
    [InlineData(200, true)]
    [InlineData(204, true)]
    [InlineData(303, true)]
    [InlineData(399, true)]
    [InlineData(400, false)]
    [InlineData(500, false)]
    public void An_error_invalidates_nothing(int status, bool invalidates) => UnsafeMethods.Invalidates(status).ShouldBe(invalidates);

    [Theory]
    [InlineData("/x", "/x")]
    [InlineData("/x?y=/../z", "/x?y=/../z")]
    [InlineData("/x#f", "/x")]
    [InlineData("/x?", "/x?")]
    [InlineData("/%7Ex/%2e%2E/%2f?%41+b", "/%7Ex/%2e%2E/%2f?%41+b")]
    [InlineData("/X//y/;p=1", "/X//y/;p=1")]
    [InlineData("http://host/x", "/x")]
    [InlineData("HTTP://HOST:80/x", "/x")]
    [InlineData("http://host:/x", "/x")]
    [InlineData("http://host", "/")]
    [InlineData("http://host?q", "/?q")]
    [InlineData("http://host/a/../b", "/b")]
    [InlineData("//host/x", "/x")]
    [InlineData("#f", "/b/c/d;p?q")]
    [InlineData("https://host/x", null)]
    [InlineData("http://other/x", null)]
    [InlineData("http://host:81/x", null)]
    [InlineData("http://host:443/x", null)]
    [InlineData("http://host.evil/x", null)]
    [InlineData("http://user@host/x", null)]
    [InlineData("http://host@evil/x", null)]
    [InlineData("//other/x", null)]
    [InlineData("///x", null)]
    [InlineData("http:/x", null)]
    [InlineData("http:x", null)]
    [InlineData("mailto:x", null)]
    [InlineData("\\\\host\\x", null)]
    [InlineData("/x y", null)]
    [InlineData("/\u00e9", null)]
    [InlineData("/x\r\nFoo: bar", null)]
    [InlineData("", null)]
    [InlineData("  ", null)]
    [InlineData(" /x ", "/x")]
    public void A_reference_of_the_same_origin_has_a_target(string reference, string? target) =>
        UnsafeMethods.SameOriginTarget(reference, "http", "host", "/b/c/d;p?q").ShouldBe(target);

    // RFC 3986 sections 5.4.1 and 5.4.2, where the base is http://a/b/c/d;p?q.
    [Theory]
    [InlineData("g", "/b/c/g")]
    [InlineData("./g", "/b/c/g")]
    [InlineData("g/", "/b/c/g/")]
    [InlineData("/g", "/g")]
    [InlineData("?y", "/b/c/d;p?y")]
    [InlineData("g?y", "/b/c/g?y")]
    [InlineData("g?y#s", "/b/c/g?y")]
    [InlineData(";x", "/b/c/;x")]
    [InlineData("g;x?y#s", "/b/c/g;x?y")]
    [InlineData(".", "/b/c/")]
    [InlineData("./", "/b/c/")]
    [InlineData("..", "/b/")]
    [InlineData("../", "/b/")]
    [InlineData("../g", "/b/g")]
    [InlineData("../..", "/")]
    [InlineData("../../", "/")]
    [InlineData("../../g", "/g")]
    [InlineData("../../../g", "/g")]
    [InlineData("../../../../g", "/g")]
    [InlineData("/./g", "/g")]
    [InlineData("/../g", "/g")]
    [InlineData("g.", "/b/c/g.")]
    [InlineData(".g", "/b/c/.g")]
    [InlineData("g..", "/b/c/g..")]
    [InlineData("..g", "/b/c/..g")]
    [InlineData("./../g", "/b/g")]
    [InlineData("./g/.", "/b/c/g/")]
    [InlineData("g/./h", "/b/c/g/h")]
    [InlineData("g/../h", "/b/c/h")]
    [InlineData("g;x=1/./y", "/b/c/g;x=1/y")]
    [InlineData("g;x=1/../y", "/b/c/y")]
    [InlineData("g?y/./x", "/b/c/g?y/./x")]
    [InlineData("g?y/../x", "/b/c/g?y/../x")]
    public void A_relative_reference_is_resolved_against_the_target(string reference, string target) =>
        UnsafeMethods.SameOriginTarget(reference, "http", "a", "/b/c/d;p?q").ShouldBe(target);

    [Theory]
    [InlineData("https", "host", "https://host:443/x", "/x")]
    [InlineData("https", "host", "https://host:80/x", null)]
    [InlineData("https", "host:8443", "https://HOST:8443/x", "/x")]
    [InlineData("http", "[::1]:8080", "http://[::1]:8080/x", "/x")]
    [InlineData("http", "[::1]", "http://[::1]:80/x", "/x")]
    public void The_port_of_the_scheme_goes_without_saying(string scheme, string host, string reference, string? target) =>
        UnsafeMethods.SameOriginTarget(reference, scheme, host, "/").ShouldBe(target);

    [Fact]
    public void Two_lines_have_no_target() =>
        UnsafeMethods.SameOriginTarget(HeaderText.Lines("/x|/x"), "http", "host", "/").ShouldBeNull();

    [Fact]
    public void A_relative_reference_needs_a_path_to_start_from() => UnsafeMethods.SameOriginTarget("x", "http", "host", "*").ShouldBeNull();

    [Fact]
    public void Any_reference_gives_a_target_or_none() =>
        Prop.ForAll(HeaderText.Made("/", "..", ".", "?", "#", ":", "http", "//host", "@"), ArbMap.Default.ArbFor<string>(), (made, any) =>
        {
            foreach (var reference in new[] { made, any })
            {
                var target = UnsafeMethods.SameOriginTarget(reference, "http", "host", "/a/b?c");
                var path = target?.Split('?')[0];
                if (target is null)
                    continue;
                if (target[0] != '/' || target.Contains('#', StringComparison.Ordinal) || path!.Split('/').Any(part => part is "." or ".."))
                    return false;
            }
            return true;
        }).QuickCheckThrowOnFailure();
}
