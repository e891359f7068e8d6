using System.Globalization;

namespace CacheProxy.Benchmarks.Load;

/// <summary>
/// All systems on the same work in one run. They take turns within each round, so that what disturbs the machine disturbs all; medians of
/// the rounds are compared.
/// </summary>
internal static class LoadRun
{
    private const long Room = 512L << 20;
    private static readonly TimeSpan NativeWarmUp = TimeSpan.FromSeconds(1);
    private static int _run;

    public static async Task<int> RunAsync(string[] words)
    {
        LoadOptions options;
        try
        {
            options = LoadOptions.Read(words);
        }
        catch (ArgumentException wrong)
        {
            await Console.Error.WriteLineAsync(wrong.Message);
            return 2;
        }

        using var bench = await Bench.StartAsync(options);
        var report = new Report(options, bench.Systems);
        report.Head();
        var work = Scenario.All.Where(s => options.Scenarios.Contains(s.Name)).ToArray();
        if (work.Length > 0 || options.Scenarios.Intersect(["latency", "herd"]).Any())
        {
            foreach (var system in options.Systems)
                await bench.StartAsync(system, Room);
            var results = await ThroughputAsync(bench, options, work);
            report.Throughput(work, results);
            if (options.Scenarios.Contains("latency"))
                report.Latency(await LatencyRun.RunAsync(bench, options, results));
            if (options.Scenarios.Contains("herd"))
                report.Herd(await HerdRun.RunAsync(bench, options));
            foreach (var system in options.Systems)
                bench.Stop(system);
        }

        if (options.Scenarios.Contains("fill"))
            report.Fill(100_000, await FillRun.RunAsync(bench, options, 100_000));
        if (options.Scenarios.Contains("million"))
            report.Fill(1_000_000, await FillRun.RunAsync(bench, options, 1_000_000));
        report.End();
        return 0;
    }

    /// <summary>The systems that a scenario is for.</summary>
    public static IEnumerable<string> SystemsFor(LoadOptions options, bool isHit) => options.Systems.Where(s => !isHit || Systems.Caches(s));

    /// <summary>What the measurements of the hot URL beside that scenario go by.</summary>
    public static string HotBeside(Scenario scenario) => $"hot beside {scenario.Name}";

    /// <summary>Who comes first in one round comes last in the next.</summary>
    public static T[] InTurns<T>(int round, T one, T other) => round % 2 == 0 ? [one, other] : [other, one];

    private static async Task<Dictionary<(string Scenario, string System), List<Measurement>>> ThroughputAsync(Bench bench, LoadOptions options, Scenario[] scenarios)
    {
        var results = new Dictionary<(string, string), List<Measurement>>();
        var warm = new HashSet<string>();
        foreach (var scenario in scenarios)
            foreach (var system in SystemsFor(options, scenario.IsHit))
            {
                var first = warm.Add(system);
                var isManaged = !"nginx haproxy varnish squid".Contains(system, StringComparison.Ordinal);
                await MeasureAsync(bench, scenario, system, isManaged ? options.WarmUp / (first ? 1 : 3) : NativeWarmUp);
                results[(scenario.Name, system)] = [];
                if (scenario.IsComparedWithHot)
                    results[(HotBeside(scenario), system)] = [];
            }

        for (var round = 0; round < options.Rounds; round++)
            foreach (var scenario in scenarios)
                foreach (var system in SystemsFor(options, scenario.IsHit))
                {
                    var own = (scenario.Name, scenario);
                    foreach (var (name, work) in scenario.IsComparedWithHot ? InTurns(round, own, (HotBeside(scenario), Scenario.OneHot)) : [own])
                        results[(name, system)].Add(await MeasureAsync(bench, work, system, options.Seconds));
                }
        return results;
    }

    private static async Task<Measurement> MeasureAsync(Bench bench, Scenario scenario, string system, TimeSpan time)
    {
        if (scenario.Fill is { } fill)
            await bench.MeasureAsync(system, fill.Requests, new Pace(Count: fill.Count), connections: Math.Min(fill.Count, 16));
        return await bench.MeasureAsync(system, scenario.Requests(++_run), new Pace(For: time));
    }
}

/// <summary>Latency of the hot URL at a constant rate: the same for all, a share of what nginx can do at most.</summary>
internal static class LatencyRun
{
    public static readonly double[] Shares = [0.5, 0.8];

    /// <param name="Share">Of the reference's peak.</param>
    /// <param name="System">The system.</param>
    /// <param name="PerSecond">The rate.</param>
    /// <param name="Rounds">Each round's measurement.</param>
    internal sealed record Row(double Share, string System, double PerSecond, List<Measurement> Rounds);

    public static async Task<List<Row>> RunAsync(Bench bench, LoadOptions options, Dictionary<(string, string), List<Measurement>> results)
    {
        var systems = LoadRun.SystemsFor(options, isHit: true).ToArray();
        var reference = Report.ReferenceOf(options);
        var peaks = results.GetValueOrDefault(("hit", reference)) ?? [await bench.MeasureAsync(reference, Scenario.OneHot.Requests(0), new Pace(For: options.Seconds))];
        var peak = Report.Median(peaks.Select(m => m.PerSecond));
        var rows = Shares.SelectMany(share => systems.Select(system => new Row(share, system, share * peak, []))).ToList();
        for (var round = 0; round < options.Rounds; round++)
            foreach (var row in rows)
                row.Rounds.Add(await bench.MeasureAsync(row.System, Scenario.OneHot.Requests(0), new Pace(For: options.Seconds, PerSecond: row.PerSecond)));
        return rows;
    }
}

/// <summary>Clients that ask at once for a URL that is not stored, of an origin that takes its time.</summary>
internal static class HerdRun
{
    public const int Clients = 200;

    public static async Task<List<(string System, List<Measurement> Rounds)>> RunAsync(Bench bench, LoadOptions options)
    {
        var rows = LoadRun.SystemsFor(options, isHit: true).Select(system => (System: system, Rounds: new List<Measurement>())).ToList();
        for (var round = 0; round <= options.Rounds; round++)
            foreach (var (system, rounds) in rows)
            {
                var requests = new Requests([RequestTemplate.Of("GET", string.Create(CultureInfo.InvariantCulture, $"/slow/{system}-{round}"), new(200, 1024))]);
                var measurement = await bench.MeasureAsync(system, requests, new Pace(Count: Clients), Clients);
                if (round > 0) // the first is the warm-up
                    rounds.Add(measurement);
            }
        return rows;
    }
}
