using Microsoft.Diagnostics.Tracing;
using Microsoft.Diagnostics.Tracing.Parsers;
using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace CacheProxy.Benchmarks.Load;

/// <summary>
/// A fresh server is filled with objects of 1 KB; then it is measured how fast they and one hot URL are, in turns, and how long answers and the
/// garbage collector's pauses take for a minute in which each second as many objects as make 1 % of a million are new.
/// </summary>
internal static class FillRun
{
    private const long Room = 6L << 30;
    private const int SequenceLength = 1 << 22;
    private const double ChurnPerSecond = 20_000; // every second request is for something new
    private static readonly TimeSpan ChurnTime = TimeSpan.FromMinutes(1);

    /// <param name="System">The system.</param>
    /// <param name="Fill">The filling: each request a miss.</param>
    /// <param name="BytesPerObject">Growth of its memory, by object.</param>
    /// <param name="Hot">The hot URL, with all the others stored.</param>
    /// <param name="Zipf">All of the URLs, zipf 0.9.</param>
    /// <param name="Churn">At a constant rate, half hits and half new.</param>
    /// <param name="LongestPauseBefore">The longest pauses of the garbage collector before the churn; <c>null</c> where there is none.</param>
    /// <param name="LongestPause">In the churn.</param>
    internal sealed record Row(string System, Measurement Fill, double BytesPerObject, List<Measurement> Hot, List<Measurement> Zipf, Measurement Churn, Pause? LongestPauseBefore, Pause? LongestPause);

    /// <summary>A pause of the collector, of which the events tell two bounds.</summary>
    /// <param name="Stopped">
    /// From when it begins to stop the threads to when it begins to let them go, as the runtime counts it (GCMemoryInfo.PauseDurations). Nobody runs.
    /// </param>
    /// <param name="UntilBack">
    /// To when the thread that has collected has said so. On one core those that it has let go may come first: they run, but who needs new memory
    /// may have to wait for it (not where the collector's background thread was the one).
    /// </param>
    internal sealed record Pause(TimeSpan Stopped, TimeSpan UntilBack)
    {
        /// <summary>Each bound is the longest of its kind.</summary>
        public Pause OrLonger(Pause? other) => other is null ? this : new(Longer(Stopped, other.Stopped), Longer(UntilBack, other.UntilBack));

        private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;
    }

    public static async Task<List<Row>> RunAsync(Bench bench, LoadOptions options, int objects)
    {
        var keys = Load.Zipf.Sequence(objects, 0.9, SequenceLength, new Random(2));
        var rows = new List<Row>();
        foreach (var system in LoadRun.SystemsFor(options, isHit: true))
            rows.Add(await MeasureAsync(bench, options, system, objects, keys));
        return rows;
    }

    private static async Task<Row> MeasureAsync(Bench bench, LoadOptions options, string system, int objects, int[] keys)
    {
        var trace = Path.Combine(Path.GetTempPath(), $"cacheproxy-load-{Environment.ProcessId}.nettrace");
        await bench.StartAsync(system, Room, new()
        {
            ["DOTNET_EnableEventPipe"] = "1",
            ["DOTNET_EventPipeConfig"] = "Microsoft-Windows-DotNETRuntime:0x1:4", // garbage collections
            ["DOTNET_EventPipeOutputPath"] = trace,
            ["DOTNET_EventPipeOutputStreaming"] = "1",
            ["DOTNET_EventPipeCircularMB"] = "16",
        });
        var before = bench.MemoryOf(system);
        var stored = Scenario.Keyed("f");
        var fill = await bench.MeasureAsync(system, new([stored]), new Pace(Count: objects));
        await Task.Delay(options.Seconds); // for what is cleared up behind
        var bytes = (bench.MemoryOf(system) - before) / (double)objects;

        var (hot, zipf) = (new List<Measurement>(), new List<Measurement>());
        var requests = new Requests([stored], keys);
        for (var round = 0; round <= options.Rounds; round++)
            foreach (var (list, work) in LoadRun.InTurns(round, (hot, Scenario.OneHot.Requests(0)), (zipf, requests)))
            {
                var measurement = await bench.MeasureAsync(system, work, new Pace(For: options.Seconds));
                if (round > 0) // the first is the warm-up
                    list.Add(measurement);
            }

        var churning = new Requests([stored, Scenario.Keyed("n")], Interleave(keys));
        var began = DateTime.UtcNow;
        var churn = await bench.MeasureAsync(system, churning, new Pace(For: ChurnTime, PerSecond: ChurnPerSecond));
        bench.Stop(system);
        var (pauseBefore, pause) = File.Exists(trace) ? LongestPauses(trace, began) : default;
        File.Delete(trace);
        return new(system, fill, bytes, hot, zipf, churn, pauseBefore, pause);
    }

    /// <summary>The templates take turns, and so do their keys: one that is stored, one that is new.</summary>
    private static int[] Interleave(int[] keys)
    {
        var both = new int[keys.Length];
        for (var i = 0; i < both.Length; i++)
            both[i] = i % 2 == 0 ? keys[i] : i;
        return both;
    }

    private static (Pause? Before, Pause? Since) LongestPauses(string trace, DateTime border)
    {
        using var source = new EventPipeEventSource(trace);
        var collecting = new Dictionary<int, (DateTime Began, TimeSpan Stopped)>(); // by thread: others stop all for other reasons, within the events of a collection
        Pause? before = null, since = null;
        source.Clr.GCSuspendEEStart += e =>
        {
            if (e.Reason is GCSuspendEEReason.SuspendForGC or GCSuspendEEReason.SuspendForGCPrep)
                collecting[e.ThreadID] = (e.TimeStamp.ToUniversalTime(), default);
            else
                collecting.Remove(e.ThreadID);
        };
        source.Clr.GCRestartEEStart += e =>
        {
            if (collecting.TryGetValue(e.ThreadID, out var collection))
                collecting[e.ThreadID] = collection with { Stopped = e.TimeStamp.ToUniversalTime() - collection.Began };
        };
        source.Clr.GCRestartEEStop += e =>
        {
            if (!collecting.Remove(e.ThreadID, out var collection))
                return;
            ref var longest = ref collection.Began < border ? ref before : ref since;
            longest = new Pause(collection.Stopped, e.TimeStamp.ToUniversalTime() - collection.Began).OrLonger(longest);
        };
        source.Process();
        return (before, since);
    }
}
