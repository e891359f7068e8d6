using System.Diagnostics;
using System.Text.Json;
using CacheProxy.Checker;

// 1. Everything runs; the clients work, and the faults come, until there has been enough.
Settings settings;
try
{
    settings = Settings.Read(args);
}
catch (Exception wrong) when (wrong is ArgumentException or FormatException)
{
    Console.Error.WriteLine(wrong.Message);
    return 2;
}
var bound = TimeSpan.FromSeconds(1);
await using var cluster = await Cluster.StartAsync(settings);
using var client = new Client(cluster);
if (settings.Scenario is { } scenario)
{
    var broken = await new Scenarios(cluster, client, bound).RunAsync(scenario);
    foreach (var what in broken.Take(10))
        Console.WriteLine("VIOLATED " + what);
    Console.WriteLine(broken.Count == 0 ? "All rules held." : $"{broken.Count} violations.");
    return broken.Count == 0 ? 0 : 1;
}
var load = new Load(client, settings);
var faults = new Faults(cluster, settings);
var probes = new Probes(cluster, client, load);
Console.WriteLine($"{Clock.Text(Clock.Now)} {settings.Operations} operations, faults {(settings.Faults is [] ? "none" : string.Join(",", settings.Faults))}, " +
    $"seed {settings.Seed}, broken {settings.Break}, logs in {cluster.Folder}");
using var stopClients = new CancellationTokenSource();
using var stopFaults = new CancellationTokenSource();
var began = Stopwatch.GetTimestamp();
var working = Task.WhenAll(load.RunAsync(stopClients.Token), probes.RunAsync(settings.Faults is [], stopClients.Token));
var failing = faults.RunAsync(stopFaults.Token);
var said = 0;
while ((load.Done < settings.Operations || faults.Rounds < 1) && Stopwatch.GetElapsedTime(began) < settings.Time && !working.IsCompleted && !failing.IsFaulted)
{
    await Task.Delay(100);
    if (load.Done / 100_000 > said)
        Console.WriteLine($"{Clock.Text(Clock.Now)} {(said = load.Done / 100_000) * 100_000} operations");
}
await stopFaults.CancelAsync();
await failing;
await stopClients.CancelAsync();
await working;
var took = Stopwatch.GetElapsedTime(began);

// 2. Quiet: then all nodes are to agree with the database. The outbox is looked at once a second, and does what it has seen twice.
await Task.Delay(bound + TimeSpan.FromSeconds(4));
var final = await cluster.Database.ReadItemsAsync();
var rules = new Rules(load.History, load.Purges, cluster.Tap.FillOf, final, bound);
rules.Check();
if (await cluster.Database.CountOutboxAsync() is > 0 and var left)
    rules.Report("R5 outbox", $"{left} writes are left in the outbox");
var highest = final.Keys.Max();
foreach (var (name, node) in cluster.ProxyAddresses.Select((node, i) => ($"proxy {i + 1}", node)).Concat(cluster.ApiAddresses.Select((node, i) => ($"API {i + 1}", node))))
{
    for (var item = 1; item <= highest + 3; item++)
    {
        if (item > Load.Seeded && item < highest - 100)
            continue;
        var (status, body, _) = await client.GetAsync(node, Load.PathOf(Act.Read, item));
        var is404 = status == 404 && !final.ContainsKey(item);
        if (!is404 && !(status == 200 && final.TryGetValue(item, out var row) && Seen.Of(JsonDocument.Parse(body).RootElement) == new Seen(item, row.Version, row.Write)))
            rules.Report("R5 convergence", $"{name}: item {item} is answered with {status} {body}; the database has {(final.TryGetValue(item, out var is_) ? is_ : "none")}");
    }
    var ids = final.Keys.Order().ToArray();
    for (var page = 1; page <= Load.Pages; page++)
    {
        var (_, body, _) = await client.GetAsync(node, Load.PathOf(Act.List, page));
        var shown = JsonDocument.Parse(body).RootElement.GetProperty("items").EnumerateArray().Select(Seen.Of);
        var right = ids.Skip((page - 1) * Load.PageSize).Take(Load.PageSize).Select(id => new Seen(id, final[id].Version, final[id].Write));
        if (!shown.SequenceEqual(right))
            rules.Report("R5 convergence", $"{name}: page {page} is {body}");
        var (_, direct, _) = await client.GetAsync(cluster.ApiAddresses[0], Load.PathOf(Act.List, page));
        if (body != direct)
            rules.Report("R7 completeness", $"{name}: page {page} is not what API 1 says");
    }
}
foreach (var what in probes.WorkBound)
    rules.Report("R8 work bound", what);
foreach (var what in probes.Served)
    rules.Report("R9 origin down", what);
var history = load.History;
var failures = history.Where(operation => operation.Status is 0 or >= 500).ToArray();
bool IsExcused(Operation operation) => faults.Done.Any(fault => (fault.Name.StartsWith("api-kill", StringComparison.Ordinal) || fault.Name is "postgres-restart")
    && operation.End >= fault.From && operation.Start <= fault.To + Clock.Ticks(TimeSpan.FromSeconds(3)));
foreach (var failure in failures.Where(failure => !IsExcused(failure)))
    rules.Report("availability", "no answer, or an error", failure);
if (settings.Break == Broken.None)
    await probes.MeasureAsync(100, TimeSpan.FromSeconds(30)); // nothing becomes visible where there is no common order

// 3. What came of it.
string At(List<double> sorted, double part) => sorted.Count == 0 ? "-" : sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * part))].ToString("0.0", System.Globalization.CultureInfo.InvariantCulture);
Console.WriteLine($"{history.Count} operations in {took.TotalSeconds:0.0} s ({history.Count / took.TotalSeconds:0}/s), {history.Count(o => o.IsWrite && o.Succeeded)} writes, " +
    $"{load.Purges.Count} acknowledged purges, {cluster.Tap.Last} origin requests, {probes.Rounds} probes, {failures.Length} without an answer");
foreach (var status in history.Where(o => !o.IsWrite).GroupBy(o => o.CacheStatus ?? "none").OrderByDescending(group => group.Count()).Take(12))
    Console.WriteLine($"  {status.Count(),9} {status.Key}");
foreach (var fault in faults.Done.GroupBy(fault => fault.Name))
    Console.WriteLine($"  {fault.Count(),9} x {fault.Key}, {fault.Sum(f => failures.Count(o => o.End >= f.From && o.Start <= f.To))} operations without an answer meanwhile");
if (faults.Unpublished > 0)
    Console.WriteLine($"  {faults.Unpublished} writes were committed and not published when an API was killed");
var stale = rules.Staleness;
Console.WriteLine($"staleness of {stale.Count} items read, ms: p50 {At(stale, .5)}, p99 {At(stale, .99)}, p99.9 {At(stale, .999)}, p99.99 {At(stale, .9999)}, max {At(stale, 1)}; " +
    $"{stale.Count(ms => ms > 0)} stale, {stale.Count(ms => ms > 1000)} beyond 1 s ({rules.BeyondOfPending} of writes that were answered with \"pending\")");
Console.WriteLine($"R2, only reported: {rules.NotMonotonic} reads went back");
Console.WriteLine($"purge until all {Cluster.Size} nodes have applied it, by its answer, ms: p50 {At(probes.PurgeToApplied, .5)}, p99 {At(probes.PurgeToApplied, .99)}, longest {At(probes.PurgeToApplied, 1)}; {probes.PurgeToApplied.Count} purges");
Console.WriteLine($"visible on all {Cluster.Size} nodes to clients that ask without a pause, ms: purge p50 {At(probes.PurgeToVisible, .5)}, p99 {At(probes.PurgeToVisible, .99)}; " +
    $"write p50 {At(probes.WriteToVisible, .5)}, p99 {At(probes.WriteToVisible, .99)}; {probes.PurgeToVisible.Count} rounds each");
foreach (var (rule, all) in rules.Violations)
{
    Console.WriteLine($"VIOLATED {rule}: {all.Count} times");
    foreach (var what in all.Take(4))
        Console.WriteLine("  " + what);
}
cluster.KeepsFolder = rules.Violations.Count > 0 && settings.Break == Broken.None;
Console.WriteLine(rules.Violations.Count == 0 ? "All rules held." : $"{rules.Violations.Values.Sum(all => all.Count)} violations.");
return rules.Violations.Count == 0 ? 0 : 1;
