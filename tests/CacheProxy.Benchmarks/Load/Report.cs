using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace CacheProxy.Benchmarks.Load;

/// <summary>The tables: as text while it goes, and as Markdown for the page of documentation.</summary>
internal sealed class Report(LoadOptions options, Systems systems)
{
    private readonly StringBuilder _page = new();
    private readonly string _reference = ReferenceOf(options);

    /// <summary>What the ratios are to: nginx, or what stands first where it does not run.</summary>
    public static string ReferenceOf(LoadOptions options) => options.Systems.Contains("nginx") ? "nginx" : options.Systems[0];

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? double.NaN : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    public void Head()
    {
        Say($"{Tool.FirstLine("uname", "-sr")}, {CpuModel()}, {Environment.ProcessorCount} cores, {RuntimeInformation.FrameworkDescription}; {DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC, load before the start {File.ReadAllText("/proc/loadavg").Split(' ')[0]}");
        Say(options.Pinned
            ? $"Pinned: each server has core 0 to itself; load generator and origin share core 1. {Bench.Connections} connections, {options.Rounds} rounds of {options.Seconds.TotalSeconds} s."
            : $"Free: nothing is bound to a core. {Bench.Connections} connections, {options.Rounds} rounds of {options.Seconds.TotalSeconds} s.");
        Say("");
        foreach (var system in options.Systems)
            Say($"- {systems.Describe(system)}");
    }

    public void Throughput(Scenario[] work, Dictionary<(string Scenario, string System), List<Measurement>> results)
    {
        if (work.Length == 0)
            return;
        Page($"Requests per second of server CPU, times {_reference} (median of the rounds, least - most); in brackets {_reference}'s own figure.");
        Page("");
        Header(["scenario", .. options.Systems]);
        foreach (var scenario in work)
        {
            var reference = results.GetValueOrDefault((scenario.Name, _reference)) ?? [];
            Console.WriteLine();
            Console.WriteLine($"{scenario.Name,-5} {"",-12} {"requests/s",10} {"per CPU-s",10} {"x/s",6} {"x/CPU-s",8} {"(min - max)",13} {"p99 ms",7} {"load",5} {"origin",7} {"failures",9}");
            var cells = new List<string> { $"{scenario.Name}: {scenario.About}" };
            foreach (var system in options.Systems)
            {
                if (!results.TryGetValue((scenario.Name, system), out var rounds))
                {
                    cells.Add("");
                    continue;
                }

                var perSecond = Median(rounds.Select(m => m.PerSecond));
                var perCpu = Median(rounds.Select(m => m.PerCpuSecond));
                double[] ratios = [.. rounds.Zip(reference, (one, other) => one.PerCpuSecond / other.PerCpuSecond).Order()];
                var wrong = Wrong(scenario.IsHit, rounds);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"      {system,-12} {perSecond,10:0} {perCpu,10:0} {perSecond / Median(reference.Select(m => m.PerSecond)),6:0.00} {(wrong is null ? Text(Median(ratios)) : "wrong"),8} {$"{Text(ratios[0])} - {Text(ratios[^1])}",13} {Median(rounds.Select(m => m.Result.Latency.Percentile(0.99).TotalMilliseconds)),7:0.0} {Median(rounds.Select(m => m.LoadCore)),5:0.00} {Median(rounds.Select(m => m.OriginShare)),7:0.00} {rounds.Sum(m => m.Result.Failures),9}"));
                cells.Add(wrong ?? (system == _reference ? string.Create(CultureInfo.InvariantCulture, $"1 [{perCpu:0}]") : $"{Text(Median(ratios))} ({Text(ratios[0])} - {Text(ratios[^1])})"));
            }
            Row(cells);
            if (scenario.IsComparedWithHot)
                ComparedWithHot(scenario, results);
        }
        Console.WriteLine();
        Console.WriteLine($"x/s and x/CPU-s: times {_reference}. load: how much of a core generator and origin took. origin: its requests per answer.");
    }

    public void Latency(List<LatencyRun.Row> rows)
    {
        Section("Latency of the hot URL at a constant rate, counted from when each request was due; medians of the rounds.");
        Header([$"rate (share of {_reference}'s peak)", "system", "answered", "p50", "p99", "p99.9"]);
        foreach (var row in rows)
        {
            var answered = Median(row.Rounds.Select(m => m.PerSecond / row.PerSecond));
            Row([string.Create(CultureInfo.InvariantCulture, $"{row.PerSecond:0}/s ({row.Share:0%})"), row.System,
                Wrong(isHit: true, row.Rounds) ?? string.Create(CultureInfo.InvariantCulture, $"{Math.Min(answered, 1):0%}"),
                .. new[] { 0.5, 0.99, 0.999 }.Select(p => Milliseconds(row.Rounds.Select(m => m.Result.Latency.Percentile(p))))]);
        }
    }

    public void Herd(List<(string System, List<Measurement> Rounds)> rows)
    {
        Section($"{HerdRun.Clients} clients at once, one URL that is not stored, an origin that takes {LoadOrigin.Slowness.TotalMilliseconds} ms.");
        Header(["system", "p50", "p99", "requests to the origin", "failures"]);
        foreach (var (system, rounds) in rows)
            Row([system, .. new[] { 0.5, 0.99 }.Select(p => Milliseconds(rounds.Select(m => m.Result.Latency.Percentile(p)))),
                Whole(Median(rounds.Select(m => m.OriginShare * HerdRun.Clients))), Whole(rounds.Sum(m => m.Result.Failures))]);
    }

    public void Fill(int objects, List<FillRun.Row> rows)
    {
        Section(string.Create(CultureInfo.InvariantCulture, $"{objects:#,0} objects of 1 KB in a fresh server. Hot and zipf 0.9 over all of them: requests per second of server CPU. Churn: a minute of 20,000 requests a second, half of them for something new."));
        Header(["system", "filled per second", "bytes per object", "hot", "zipf", "zipf / hot", "churn p99", "churn p99.9", "churn longest", "longest GC pause before (until its thread was back)", "in the churn"]);
        foreach (var row in rows)
        {
            var (hot, zipf) = (Median(row.Hot.Select(m => m.PerCpuSecond)), Median(row.Zipf.Select(m => m.PerCpuSecond)));
            var ratios = row.Zipf.Zip(row.Hot, (one, other) => one.PerCpuSecond / other.PerCpuSecond);
            Row([row.System, Wrong(isHit: false, [row.Fill]) ?? Whole(row.Fill.PerSecond), Whole(row.BytesPerObject), Whole(hot), Whole(zipf),
                Wrong(isHit: true, row.Zipf) ?? Wrong(isHit: true, row.Hot) ?? Text(Median(ratios)),
                row.Churn.Result.Failures > 0 ? Wrong(isHit: false, [row.Churn])! : Milliseconds([row.Churn.Result.Latency.Percentile(0.99)]),
                Milliseconds([row.Churn.Result.Latency.Percentile(0.999)]), Milliseconds([row.Churn.Result.Latency.Max]),
                .. new[] { row.LongestPauseBefore, row.LongestPause }.Select(pause => pause is null ? "" : string.Create(CultureInfo.InvariantCulture, $"{pause.Stopped.TotalMilliseconds:0.0} ({pause.UntilBack.TotalMilliseconds:0.0}) ms"))]);
        }
    }

    /// <summary>Writes the Markdown into the page, between the marks for this layout.</summary>
    public void End()
    {
        if (options.Page is not { } file)
            return;
        var (from, to) = ($"<!-- measured: {(options.Pinned ? "pinned" : "free")} -->", "<!-- end -->");
        var text = File.ReadAllText(file);
        var start = text.IndexOf(from, StringComparison.Ordinal) + from.Length;
        var end = text.IndexOf(to, start, StringComparison.Ordinal);
        File.WriteAllText(file, $"{text[..start]}\n{_page}{text[end..]}");
    }

    /// <summary>A row in which each system stands against itself.</summary>
    private void ComparedWithHot(Scenario scenario, Dictionary<(string Scenario, string System), List<Measurement>> results)
    {
        var cells = new List<string> { $"{scenario.Name}: times the system's own hot URL beside it" };
        foreach (var system in options.Systems)
        {
            if (!results.TryGetValue((scenario.Name, system), out var rounds))
            {
                cells.Add("");
                continue;
            }

            var hot = results[(LoadRun.HotBeside(scenario), system)];
            double[] ratios = [.. rounds.Zip(hot, (one, other) => one.PerCpuSecond / other.PerCpuSecond).Order()];
            cells.Add(Wrong(isHit: true, rounds) ?? Wrong(isHit: true, hot) ?? $"{Text(Median(ratios))} ({Text(ratios[0])} - {Text(ratios[^1])})");
            Console.WriteLine($"      {system,-12} {cells[^1]} times its own hot URL beside it");
        }
        Row(cells);
    }

    /// <summary>Why the answers do not count; <c>null</c> when they do.</summary>
    private static string? Wrong(bool isHit, List<Measurement> rounds)
    {
        var share = Median(rounds.Select(m => m.OriginShare));
        if (rounds.Sum(m => m.Result.Failures) is var failures and > 0)
            return $"wrong: {failures} bad answers";
        if (isHit && share > 0.01)
            return $"wrong: {share:0%} from the origin";
        return !isHit && share < 0.99 ? $"wrong: only {share:0%} from the origin" : null;
    }

    private void Say(string line)
    {
        Console.WriteLine(line);
        Page(line);
    }

    private void Section(string about)
    {
        Console.WriteLine();
        Say("");
        Say(about);
        Say("");
    }

    private void Header(string[] names)
    {
        if (_page.Length > 0)
            Page("");
        Row(names);
        Row([.. names.Select(_ => "---")]);
    }

    /// <summary>Tables of few columns are as readable on the terminal as they are.</summary>
    private void Row(IReadOnlyList<string> cells)
    {
        Page($"| {string.Join(" | ", cells)} |");
        if (cells.Count != options.Systems.Length + 1)
            Console.WriteLine(string.Join("  ", cells.Select((cell, i) => cell == "---" ? "" : i == 0 ? cell.PadRight(14) : cell.PadLeft(12))));
    }

    private void Page(string line) => _page.Append(line).Append('\n');

    private static string CpuModel() =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(": ")[1] ?? RuntimeInformation.ProcessArchitecture.ToString();

    private static string Text(double ratio) => double.IsFinite(ratio) ? ratio.ToString("0.00", CultureInfo.InvariantCulture) : "-";

    private static string Whole(double number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    private static string Milliseconds(IEnumerable<TimeSpan> times) => Median(times.Select(t => t.TotalMilliseconds)).ToString("0.00' ms'", CultureInfo.InvariantCulture);
}
