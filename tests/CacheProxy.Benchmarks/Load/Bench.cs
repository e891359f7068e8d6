using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace CacheProxy.Benchmarks.Load;

/// <summary>One measurement of a system.</summary>
/// <param name="PerSecond">Answers a second.</param>
/// <param name="PerCpuSecond">Answers per second of the server's CPU time.</param>
/// <param name="OriginShare">Requests that reached the origin, per answer.</param>
/// <param name="LoadCore">How much of one core generator and origin took: near 1 they are what limits, when they share one.</param>
/// <param name="Result">What the generator saw.</param>
internal sealed record Measurement(double PerSecond, double PerCpuSecond, double OriginShare, double LoadCore, LoadResult Result);

/// <summary>The machine laid out for measuring: an origin, a folder in memory, ports, cores. What it starts ends with it.</summary>
internal sealed class Bench : IDisposable
{
    public const int Connections = 64;
    private const int ServerCore = 0, LoadCore = 1;

    private readonly bool _pinned;
    private readonly string _work;
    private readonly Server _origin;
    private readonly Dictionary<string, Server> _running = [];
    private readonly PosixSignalRegistration[] _signals;
    private int _port;
    private bool _ended;

    private Bench(bool pinned, string work, int port, Server origin, Systems systems)
    {
        (_pinned, _work, _port, _origin, Systems) = (pinned, work, port, origin, systems);
        _signals = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(s => PosixSignalRegistration.Create(s, _ => Dispose()))];
    }

    public Systems Systems { get; }

    public static async Task<Bench> StartAsync(LoadOptions options)
    {
        Native.SharpTimers();
        if (options.Pinned)
            Native.Pin(LoadCore);
        var work = Directory.CreateDirectory($"/dev/shm/cacheproxy-load-{Environment.ProcessId}").FullName;
        File.SetUnixFileMode(work, File.GetUnixFileMode(work) | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute); // for workers that run as other users
        var port = Random.Shared.Next(20_000, 30_000);
        var command = new ServerCommand("dotnet", ["exec", typeof(Bench).Assembly.Location, "origin", $"http://127.0.0.1:{port}"]);
        var origin = await Server.StartAsync("origin", port, command, options.Pinned ? LoadCore : null, Path.Combine(work, "origin.log"));
        return new(options.Pinned, work, port + 1, origin, new(work, options.Host, port, options.Pinned ? 1 : Environment.ProcessorCount));
    }

    /// <summary>Starts a system, in place of the same if it runs.</summary>
    /// <param name="system">Its name.</param>
    /// <param name="bytes">Room for what it stores.</param>
    /// <param name="environment">Variables besides its own.</param>
    public async Task<Server> StartAsync(string system, long bytes, Dictionary<string, string>? environment = null)
    {
        Stop(system);
        var port = _port++;
        var command = Systems.Command(system, port, bytes);
        foreach (var (key, value) in command.Environment ?? [])
            (environment ??= []).TryAdd(key, value);
        var server = await Server.StartAsync(system, port, command with { Environment = environment }, _pinned ? ServerCore : null, Path.Combine(_work, $"{system}.log"));
        return _running[system] = server;
    }

    public Server Running(string system) => _running[system];

    public void Stop(string system)
    {
        if (!_running.Remove(system, out var server))
            return;
        server.Dispose();
        if (Directory.Exists(Systems.NginxCache) && system == "nginx")
            Directory.Delete(Systems.NginxCache, recursive: true);
    }

    /// <summary>What the system keeps of memory: its own, and what it has stored as files in memory.</summary>
    public long MemoryOf(string system)
    {
        const long block = 4096;
        var files = system == "nginx" && Directory.Exists(Systems.NginxCache)
            ? new DirectoryInfo(Systems.NginxCache).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => (f.Length + block - 1) / block * block)
            : 0;
        return Running(system).ResidentBytes + files;
    }

    /// <summary>Measures a system, over connections of its own.</summary>
    public async Task<Measurement> MeasureAsync(string system, Requests requests, Pace pace, int connections = Connections)
    {
        var server = Running(system);
        using var generator = new Generator(server.Port, connections);
        var asked = await OriginCountAsync();
        var (cpu, load) = (server.CpuSeconds, LoadSeconds());
        var result = generator.Run(requests, pace);
        var (cpuUsed, loadUsed) = (server.CpuSeconds - cpu, LoadSeconds() - load);
        asked = await OriginCountAsync() - asked;
        return new(result.PerSecond, result.Requests / Math.Max(cpuUsed, 0.01), (double)asked / Math.Max(result.Requests, 1), loadUsed / result.Elapsed.TotalSeconds, result);
    }

    public void Dispose()
    {
        lock (_running)
        {
            if (_ended)
                return;
            _ended = true;
        }

        foreach (var system in _running.Keys.ToArray())
            Stop(system);
        _origin.Dispose();
        Directory.Delete(_work, recursive: true);
        foreach (var signal in _signals)
            signal.Dispose();
    }

    private double LoadSeconds() => Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds + _origin.CpuSeconds;

    private async Task<long> OriginCountAsync() => long.Parse(await _origin.GetAsync("/count"), CultureInfo.InvariantCulture);
}
