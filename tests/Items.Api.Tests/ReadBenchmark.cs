using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Items.Api.Catalog;
using Items.Api.Tests.Database;
using Microsoft.Extensions.DependencyInjection;

namespace Items.Api.Tests;

/// <summary>
/// How much faster an item is read from the process's cache than from PostgreSQL: at <see cref="ItemReads.FindAsync"/>, and over HTTP, asked by wrk: a client
/// that costs as much as the server would be half of what is measured. Asked for only: <c>dotnet build -c Release tests/Items.Api.Tests</c>, then its program with <c>-explicit only -class "*.ReadBenchmark"</c>.
/// </summary>
public sealed partial class ReadBenchmark(PostgreSqlDatabase database) : IClassFixture<PostgreSqlDatabase>
{
    private const int Items = 1000;
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(3);

    [Fact(Explicit = true)]
    public async Task Reads_from_the_cache_against_reads_from_the_database()
    {
        (string, string)[] quiet = [("Logging:LogLevel:Default", "Error"), ("Items:Seed", $"{Items}")];
        await using var cached = RunningApi.Start(database.Provider, database.NewConnection(), quiet);
        await using var direct = RunningApi.Start(database.Provider, database.NewConnection(), [.. quiet, ("Items:Cache:Item:Lifetime", "00:00:00")]);
        foreach (var (name, callers, count) in new (string, int, Func<RunningApi, int, Task<double>>)[] { ("FindAsync", 16, FindAsync), ("HTTP", 32, GetAsync), ("HTTP", 128, GetAsync) })
        {
            await count(cached, callers); // warm
            await count(direct, callers);
            for (var round = 1; round <= 3; round++)
            {
                var fast = await count(cached, callers);
                var slow = await count(direct, callers);
                TestContext.Current.SendDiagnosticMessage("{0}", $"{name}, {callers} callers: cache {fast:n0}/s, PostgreSQL {slow:n0}/s, ratio {fast / slow:n1}");
            }
        }
    }

    private static async Task<double> FindAsync(RunningApi api, int callers)
    {
        var began = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(async () =>
        {
            var count = 0L;
            while (Stopwatch.GetElapsedTime(began) < Length)
                (await api.Services.GetRequiredService<ItemReads>().FindAsync(((caller * 31) + count++) % Items + 1, default)).ShouldNotBeNull();
            return count;
        })));
        return counts.Sum() / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static async Task<double> GetAsync(RunningApi api, int callers)
    {
        var script = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(script, $$"""
                local requests, at = {}, 0
                init = function() for i = 1, {{Items}} do requests[i] = wrk.format('GET', '/items/' .. i * 7 % {{Items}} + 1) end end
                request = function() at = at % {{Items}} + 1 return requests[at] end
                """); // made beforehand: the client has the same two cores
            var start = new ProcessStartInfo("wrk") { RedirectStandardOutput = true };
            foreach (var argument in new[] { "-t1", $"-c{callers}", $"-d{Length.TotalSeconds}", "-s", script, api.Client.BaseAddress!.ToString() })
                start.ArgumentList.Add(argument);
            using var wrk = Process.Start(start) ?? throw new InvalidOperationException("wrk did not start.");
            var said = await wrk.StandardOutput.ReadToEndAsync();
            said.ShouldNotContain("Non-2xx");
            return double.Parse(Rate().Match(said).Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        }
        finally
        {
            File.Delete(script);
        }
    }

    [GeneratedRegex("Requests/sec: *([0-9.]+)")]
    private static partial Regex Rate();
}
