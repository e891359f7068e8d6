using CacheProxy.Admin;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Tests.Admin;

public class AdminGuardTests
{
    private const string Key = "0123456789abcdef";

    [Theory]
    [InlineData("GET", "127.0.0.1:9090", null, 200)]
    [InlineData("GET", "LOCALHOST", null, 200)]
    [InlineData("GET", "[::1]:9090", null, 200)]
    [InlineData("GET", "evil.example", null, 403)] // a name that its owner lets point to 127.0.0.1
    [InlineData("GET", "127.0.0.1.evil.example", null, 403)]
    [InlineData("GET", "", null, 403)]
    [InlineData("GET", "localhost", "cross-site", 403)]
    [InlineData("GET", "localhost", "same-site", 403)]
    [InlineData("GET", "localhost", "same-origin", 200)]
    [InlineData("GET", "localhost", "none", 200)]
    [InlineData("POST", "localhost", null, 403)] // changes need a key even on loopback
    [InlineData("DELETE", "localhost", "same-origin", 403)]
    public async Task Without_a_key_only_this_computer_may_look(string method, string host, string? site, int status) =>
        (await AskAsync(null, method, "/metrics", host, site: site)).ShouldBe(status);

    [Theory]
    [InlineData("Bearer " + Key, 200)]
    [InlineData("bearer " + Key, 200)]
    [InlineData("Bearer " + Key + "x", 401)]
    [InlineData("Bearer 0123456789abcde", 401)]
    [InlineData("Bearer ", 401)]
    [InlineData("Basic " + Key, 401)]
    [InlineData(Key, 401)]
    [InlineData(null, 401)]
    public async Task With_a_key_everything_needs_it(string? authorization, int status)
    {
        (await AskAsync(Key, "GET", "/metrics", "any.example", authorization)).ShouldBe(status);
        (await AskAsync(Key, "POST", "/purge", "any.example", authorization)).ShouldBe(status);
    }

    [Theory]
    [InlineData("/healthz/live", 200)]
    [InlineData("/healthz/ready", 200)]
    [InlineData("/healthzz", 401)]
    [InlineData("/HEALTHZ/live", 401)]
    [InlineData("/metrics/healthz", 401)]
    public async Task Health_alone_needs_no_key(string path, int status) => (await AskAsync(Key, "GET", path, "10.0.0.1")).ShouldBe(status);

    private static async Task<int> AskAsync(string? key, string method, string path, string host, string? authorization = null, string? site = null)
    {
        var context = new DefaultHttpContext();
        context.Request.Method = method;
        context.Request.Path = path;
        context.Request.Host = new HostString(host);
        context.Request.Headers.Authorization = authorization;
        if (site is not null)
            context.Request.Headers["Sec-Fetch-Site"] = site;
        await new AdminGuard(key).InvokeAsync(context, _ => Task.CompletedTask);
        return context.Response.StatusCode;
    }
}
