using System.Text.Json;
using Serilog.Events;
using Serilog.Parsing;

namespace CacheProxy.Host.Tests;

public class LogTests
{
    [Fact]
    public void A_value_cannot_begin_a_line_or_speak_to_the_terminal()
    {
        using var output = new StringWriter();
        new TextLines().Format(new LogEvent(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), LogEventLevel.Warning, null,
            new MessageTemplateParser().Parse("{Method} {Code}"),
            [new LogEventProperty("Method", new ScalarValue("GET\r\n2026 INF forged\u001b[31m\u2028\u0085x")), new LogEventProperty("Code", new ScalarValue(200))]), output);
        output.ToString().ShouldBe("2026-01-02 03:04:05.000 WRN GET\\u000d\\u000a2026 INF forged\\u001b[31m\\u2028\\u0085x 200" + Environment.NewLine);
    }

    [Fact]
    public void An_exceptions_lines_are_indented()
    {
        using var output = new StringWriter();
        new TextLines().Format(new LogEvent(default, LogEventLevel.Error, new InvalidOperationException("one\n2026 INF forged"), new MessageTemplateParser().Parse("Bad"), []), output);
        output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Skip(1).ShouldAllBe(l => l.StartsWith("    "));
    }

    [Theory]
    [InlineData(null, "")]
    [InlineData("?", "?*")]
    [InlineData("?a=1&b=secret", "?a=*&b=*")]
    [InlineData("?token", "?*")]
    [InlineData("?a=1=2&=x&&b", "?a=*&*&*&*")]
    public void Query_values_are_left_out(string? query, string redacted) => AccessLog.Redact(query).ShouldBe(redacted);

    [Fact]
    public async Task Start_makes_no_keys_and_warns_of_none()
    {
        var home = HostProcess.NewFolder();
        await using var origin = RawOrigin.Hello();
        foreach (var folder in new[] { home, "/proc" }) // writable, and not
        {
            await using var host = await HostProcess.StartAsync(["--origin", origin.Address], null, ("HOME", folder));
            using var client = new HttpClient { BaseAddress = host.Proxy };
            await client.GetStringAsync("/", TestContext.Current.CancellationToken);
            host.Output.ShouldNotContain("key", Case.Insensitive); // it has said more by now: where it listens
        }
        Directory.EnumerateFileSystemEntries(home).ShouldBeEmpty();
        Directory.Delete(home);
    }

    [Fact]
    public async Task Nothing_is_logged_for_a_request_unless_asked_for()
    {
        await using var origin = RawOrigin.Hello();
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address]);
        using var client = new HttpClient { BaseAddress = host.Proxy };
        await client.GetStringAsync("/quiet", TestContext.Current.CancellationToken);
        host.Terminate();
        await host.ExitAsync();
        host.Output.ShouldNotContain("quiet");
    }

    [Fact]
    public async Task The_access_log_has_a_line_a_request_and_no_secrets()
    {
        await using var origin = RawOrigin.Hello();
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address, "--CacheProxy:AccessLog", "true"]);
        using var client = await RawClient.ConnectAsync(host.Proxy);
        await client.SendAsync("/a%0d%0ab?token=hunter2", "Authorization: Bearer hunter3\r\n");
        await client.ReceiveAsync();
        host.Terminate();
        await host.ExitAsync();
        host.Output.Split('\n').Where(l => l.Contains("GET ")).ShouldHaveSingleItem().ShouldContain(" INF GET /a%0D%0Ab?token=* 200 ");
        host.Output.ShouldNotContain("hunter");
    }

    [Fact]
    public async Task Json_is_one_object_a_line()
    {
        await using var origin = RawOrigin.Hello();
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address, "--CacheProxy:LogFormat", "json"]);
        host.Terminate();
        await host.ExitAsync();
        var lines = host.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBeGreaterThan(3);
        foreach (var line in lines)
            JsonDocument.Parse(line).RootElement.GetProperty("Level").GetString().ShouldNotBeNull();
    }

    [Fact]
    public async Task An_origin_that_is_down_does_not_flood_the_log()
    {
        await using var host = await HostProcess.StartAsync(["--origin", "http://127.0.0.1:1"]);
        using var client = new HttpClient { BaseAddress = host.Proxy };
        var start = DateTime.UtcNow;
        for (var i = 0; i < 50; i++)
            using (var answer = await client.PostAsync("/", null, TestContext.Current.CancellationToken))
                answer.StatusCode.ShouldBe(System.Net.HttpStatusCode.BadGateway);
        var seconds = (int)Math.Ceiling((DateTime.UtcNow - start).TotalSeconds);
        host.Terminate();
        await host.ExitAsync();
        (host.Output.Split(" WRN Request").Length - 1).ShouldBeInRange(1, seconds + 1);
    }
}
