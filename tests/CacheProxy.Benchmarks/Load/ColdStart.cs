using System.Globalization;

namespace CacheProxy.Benchmarks.Load;

/// <summary>
/// How long the service takes from its start to its first 200, which comes from the origin, and what memory it has with nothing to do.
/// Command <c>start CacheProxy.Host.dll [NAME=VALUE ...]</c>; the variables are set for the service.
/// </summary>
internal static class ColdStart
{
    private const int Rounds = 11;
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(2);

    public static async Task RunAsync(string host, string[] variables)
    {
        var work = Directory.CreateTempSubdirectory("cacheproxy-start-").FullName;
        var port = Random.Shared.Next(20_000, 30_000);
        using var origin = await Server.StartAsync("origin", port, new("dotnet", ["exec", typeof(ColdStart).Assembly.Location, "origin", $"http://127.0.0.1:{port}"]), null, Path.Combine(work, "origin.log"));
        var command = new Systems(work, host, port, Environment.ProcessorCount).Command("cacheproxy", port + 1, 256 << 20);
        foreach (var variable in variables)
            command.Environment![variable.Split('=')[0]] = variable[(variable.IndexOf('=', StringComparison.Ordinal) + 1)..];
        var (times, cpu, memory) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round <= Rounds; round++)
        {
            using var server = await Server.StartAsync("cacheproxy", port + 1, command, core: null, Path.Combine(work, "cacheproxy.log"));
            var used = server.CpuSeconds;
            await Task.Delay(Idle);
            if (round == 0)
                continue; // files are read from the disk
            times.Add(server.StartTime.TotalMilliseconds);
            cpu.Add(used * 1000);
            memory.Add(server.ResidentBytes / 1024.0 / 1024.0);
        }

        Directory.Delete(work, recursive: true);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"first 200 after {Report.Median(times):0} ms ({times.Min():0} - {times.Max():0}), {Report.Median(cpu):0} ms of CPU; idle {Report.Median(memory):0.0} MiB ({memory.Min():0.0} - {memory.Max():0.0}){(variables.Length > 0 ? $"  {string.Join(' ', variables)}" : "")}"));
    }
}
