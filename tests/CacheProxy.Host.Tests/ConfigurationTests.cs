namespace CacheProxy.Host.Tests;

public class ConfigurationTests
{
    [Fact]
    public async Task Every_mistake_is_told_at_once_without_a_stack_trace()
    {
        var (exitCode, output) = await HostProcess.RunAsync(
            [
                "--origin", "api:8080", "--CacheProxy:MemoryBudgetBytes", "5", "--CacheProxy:FinishTime", "60", "--CacheProxy:MaxVariantz", "1",
                "--CacheProxy:DrainTime", "1h", "--CacheProxy:Admin:Address", "0.0.0.0", "--CacheProxy:Routes:orgin:Keep", "1s",
            ],
            environment: ("CacheProxy__LogFormat", "xml"));
        exitCode.ShouldBe(1);
        output.ReplaceLineEndings("\n").ShouldBe(
            """
            The configuration cannot be used:
              - CacheProxy:FinishTime is '60'; it takes a duration such as 500ms, 60s, 5m, 1h or 00:01:00.
              - CacheProxy:LogFormat is 'xml'; it takes Text or Json.
              - CacheProxy:MaxVariantz is not an option. Did you mean CacheProxy:MaxVariants?
              - CacheProxy:MemoryBudgetBytes is 5; allowed: 1MiB to 1TiB.
              - CacheProxy:Origin names 'api:8080'; an origin is an absolute http or https URL such as http://api:8080, without user, query or fragment.
              - CacheProxy:DrainTime is 1h; allowed: 0 to 5m.
              - CacheProxy:Admin:Address is '0.0.0.0'; without CacheProxy:Admin:Key only loopback is allowed (127.0.0.1 or ::1).
              - CacheProxy:Routes:orgin is not a route. Did you mean origin?

            """.ReplaceLineEndings("\n"));
    }

    [Theory]
    [InlineData("CacheProxy:Origin is not set, and there is no ReverseProxy:Routes")]
    [InlineData("--orgin is not an option. Did you mean --origin?", "--orgin", "http://a")]
    [InlineData("--origin needs a value.", "--origin")]
    [InlineData("'http://b' on the command line belongs to nothing", "--origin", "http://a", "http://b")]
    [InlineData("CacheProxy:Admin:Key has 5 characters; it takes at least 16.", "--origin", "http://a", "--CacheProxy:Admin:Key", "short")]
    [InlineData("Invalid url", "--origin", "http://a", "--urls", "nonsense", "--CacheProxy:Admin:Port", "0")]
    [InlineData("Serilog: The value Loud is not a valid Serilog level.", "--origin", "http://a", "--Serilog:MinimumLevel:Default", "Loud")]
    [InlineData("Kestrel:Limits:MaxRequestLineSize", "--origin", "http://a", "--Kestrel:Limits:MaxRequestLineSize", "long", "--CacheProxy:Admin:Port", "0")]
    [InlineData("CacheProxy:Origin and ReverseProxy:Routes are both set", "--origin", "http://a", "--ReverseProxy:Routes:r:ClusterId", "c")]
    public async Task A_mistake_ends_the_start_with_code_1(string complaint, params string[] args)
    {
        var (exitCode, output) = await HostProcess.RunAsync(args);
        exitCode.ShouldBe(1);
        output.ShouldContain(complaint);
        output.ShouldNotContain("   at ");
    }

    [Fact]
    public async Task Routes_are_checked_as_well()
    {
        var folder = HostProcess.NewFolder();
        await File.WriteAllTextAsync(Path.Combine(folder, "appsettings.json"),
            """
            { "ReverseProxy": {
                "Routes": {
                  "api": { "ClusterId": "c", "Match": { "Path": "/api/{**rest}" }, "Metadata": { "Cache.MaxAge": "0", "Cache.Kep": "1s" } },
                  "lost": { "ClusterId": "nowhere", "Match": { "Path": "/lost" } },
                  "empty": { "ClusterId": "c" } },
                "Clusters": {
                  "c": { "SessionAffinity": { "Enabled": true, "AffinityKeyName": "k" }, "Destinations": { "d": { "Address": "c:80" } } } } } }
            """, TestContext.Current.CancellationToken);
        var (exitCode, output) = await HostProcess.RunAsync([], folder);
        exitCode.ShouldBe(1);
        output.ShouldContain("ReverseProxy:Routes:api:Metadata:Cache.MaxAge is 0; allowed: 1s to 365d.");
        output.ShouldContain("ReverseProxy:Routes:api:Metadata:Cache.Kep is not an option. Did you mean Cache.Keep?");
        output.ShouldContain("ReverseProxy:Routes:lost:ClusterId is 'nowhere'; there is no such cluster.");
        output.ShouldContain("ReverseProxy:Routes:empty: ");
        output.ShouldContain("ReverseProxy:Clusters:c:SessionAffinity:Policy is HashCookie");
        output.ShouldContain("ReverseProxy:Clusters:c:Destinations:d:Address is 'c:80'; it takes an absolute http or https URL");
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_value_that_YARP_cannot_read_is_named()
    {
        var (exitCode, output) = await HostProcess.RunAsync(
        [
            "--ReverseProxy:Routes:r:ClusterId=c", "--ReverseProxy:Routes:r:Match:Path={**p}", "--ReverseProxy:Clusters:c:Destinations:d:Address=http://a",
            "--ReverseProxy:Clusters:c:HttpRequest:ActivityTimeout=soon",
        ]);
        exitCode.ShouldBe(1);
        output.ShouldContain("ReverseProxy:Clusters:c:HttpRequest:ActivityTimeout: ");
        output.ShouldNotContain("   at ");
    }

    [Fact]
    public async Task A_file_that_is_not_JSON_is_named()
    {
        var folder = HostProcess.NewFolder();
        await File.WriteAllTextAsync(Path.Combine(folder, "appsettings.json"), "{ \"CacheProxy\": ", TestContext.Current.CancellationToken);
        var (exitCode, output) = await HostProcess.RunAsync(["--origin", "http://a"], folder);
        exitCode.ShouldBe(1);
        output.ShouldContain("appsettings.json");
        output.ShouldNotContain("   at ");
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_changed_file_is_taken_and_a_bad_one_refused_whole()
    {
        await using var first = new RawOrigin(_ => Task.FromResult(RawOrigin.Response("first")));
        await using var second = new RawOrigin(_ => Task.FromResult(RawOrigin.Response("second")));
        var folder = HostProcess.NewFolder();
        var file = Path.Combine(folder, "appsettings.json");
        void Write(string text) => File.WriteAllText(file, text);
        Write($$"""{ "CacheProxy": { "Origin": "{{first.Address}}" } }""");
        await using (var host = await HostProcess.StartAsync([], folder))
        {
            using var client = new HttpClient { BaseAddress = host.Proxy };
            (await client.GetStringAsync("/", TestContext.Current.CancellationToken)).ShouldBe("first");

            Write($$"""{ "CacheProxy": { "Origin": "{{second.Address}}", "MaxVariants": 0, "Fnord": 1 } }""");
            await host.SeesAsync("is refused and the one before it stays");
            host.Output.ShouldContain("CacheProxy:MaxVariants is 0; allowed: 1 to 1024.");
            host.Output.ShouldContain("CacheProxy:Fnord is not an option.");
            (await client.GetStringAsync("/", TestContext.Current.CancellationToken)).ShouldBe("first");

            Write("{ half written");
            await host.SeesAsync("stays: appsettings.json");
            (await client.GetStringAsync("/", TestContext.Current.CancellationToken)).ShouldBe("first");

            Write($$"""{ "CacheProxy": { "Origin": "{{second.Address}}", "MaxVariants": 32 } }""");
            await host.SeesAsync("A change of CacheProxy:MaxVariants takes effect at the next start only.");
            host.Output.Split("refused").Length.ShouldBe(3, "one warning for each bad change");
            (await Eventually.TrueAsync(async () => await client.GetStringAsync("/", TestContext.Current.CancellationToken) == "second")).ShouldBeTrue();
        }

        Directory.Delete(folder, recursive: true);
    }
}
