using System.Diagnostics;
using System.Globalization;

namespace CacheProxy.Benchmarks.Load;

/// <summary>How to start a server.</summary>
/// <param name="File">The program.</param>
/// <param name="Arguments">Its arguments.</param>
/// <param name="Environment">Variables it gets besides the driver's own.</param>
internal sealed record ServerCommand(string File, string[] Arguments, Dictionary<string, string>? Environment = null);

/// <summary>A server under test, or the origin: a process with its children. Ended when disposed, by process id.</summary>
internal sealed class Server : IDisposable
{
    private const double TicksPerSecond = 100; // USER_HZ, which is 100 wherever .NET runs
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(30);
    private static readonly HttpClient Http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(5) };

    private readonly Process _process;

    private Server(string name, int port, Process process) => (Name, Port, _process) = (name, port, process);

    public string Name { get; }

    public int Port { get; }

    /// <summary>From the start of the process to the first 200.</summary>
    public TimeSpan StartTime { get; private set; }

    /// <summary>User and system time of all its processes so far.</summary>
    public double CpuSeconds =>
        Tree(_process.Id).Select(id => Stat(id)).Where(f => f.Length > 12).Sum(f => long.Parse(f[11], CultureInfo.InvariantCulture) + long.Parse(f[12], CultureInfo.InvariantCulture)) / TicksPerSecond;

    /// <summary>Resident memory; of several processes what they share counts once (PSS), where the kernel tells.</summary>
    public long ResidentBytes => Tree(_process.Id) is { Count: > 1 } tree ? tree.Sum(id => Resident(id, shared: true)) : Resident(_process.Id, shared: false);

    /// <summary>Starts a server and waits for its first 200.</summary>
    /// <param name="name">Its name in the tables.</param>
    /// <param name="port">Where it listens.</param>
    /// <param name="command">How it is started.</param>
    /// <param name="core">The core it is bound to; <c>null</c>: all.</param>
    /// <param name="log">The file its output goes to.</param>
    /// <exception cref="InvalidOperationException">It ended, or did not answer in time; the message holds its output.</exception>
    public static async Task<Server> StartAsync(string name, int port, ServerCommand command, int? core, string log)
    {
        var info = new ProcessStartInfo("/bin/sh") { UseShellExecute = false };
        // "exec" all the way: the process started is the server itself.
        string[] pinned = core is { } number ? ["taskset", "-c", number.ToString(CultureInfo.InvariantCulture)] : [];
        foreach (var argument in (string[])["-c", $"exec \"$@\" > '{log}' 2>&1", "sh", .. pinned, command.File, .. command.Arguments])
            info.ArgumentList.Add(argument);
        foreach (var (key, value) in command.Environment ?? [])
            info.Environment[key] = value;
        var start = Stopwatch.GetTimestamp();
        var server = new Server(name, port, Process.Start(info)!);
        while (!server._process.HasExited && Stopwatch.GetElapsedTime(start) < StartPatience)
        {
            if (await server.IsReadyAsync())
            {
                server.StartTime = Stopwatch.GetElapsedTime(start);
                return server;
            }
            await Task.Delay(2);
        }

        server.Dispose();
        throw new InvalidOperationException($"{name} did not start:{Environment.NewLine}{await File.ReadAllTextAsync(log)}");
    }

    /// <summary>What a GET answers, as text.</summary>
    public Task<string> GetAsync(string path) => Http.GetStringAsync(new Uri($"http://127.0.0.1:{Port}{path}"));

    public void Dispose()
    {
        if (!_process.HasExited)
            foreach (var id in Tree(_process.Id))
                Kill(id, "TERM");
        if (!_process.WaitForExit(TimeSpan.FromSeconds(5)))
            foreach (var id in Tree(_process.Id))
                Kill(id, "KILL");
        _process.WaitForExit();
        _process.Dispose();
    }

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            using var response = await Http.GetAsync(new Uri($"http://127.0.0.1:{Port}/ready"));
            return response.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }

    private static void Kill(int id, string signal)
    {
        using var kill = Process.Start(new ProcessStartInfo("/bin/kill", [$"-{signal}", id.ToString(CultureInfo.InvariantCulture)]) { RedirectStandardError = true })!;
        kill.WaitForExit();
    }

    /// <summary>The process and its children, as far as they still are.</summary>
    private static List<int> Tree(int root)
    {
        var parents = Directory.EnumerateDirectories("/proc").Select(folder => Path.GetFileName(folder))
            .Where(name => char.IsAsciiDigit(name[0])).Select(name => int.Parse(name, CultureInfo.InvariantCulture))
            .Select(id => (Id: id, Stat: Stat(id))).Where(p => p.Stat.Length > 1)
            .ToLookup(p => int.Parse(p.Stat[1], CultureInfo.InvariantCulture), p => p.Id);
        var tree = new List<int> { root };
        for (var i = 0; i < tree.Count; i++)
            tree.AddRange(parents[tree[i]]);
        return tree;
    }

    /// <summary>Fields of <c>/proc/PID/stat</c> from the state on (field 3); empty when the process is gone.</summary>
    private static string[] Stat(int id)
    {
        var text = Read($"/proc/{id}/stat");
        return text.Length == 0 ? [] : text[(text.LastIndexOf(')') + 2)..].Split(' ');
    }

    private static long Resident(int id, bool shared)
    {
        var rollup = shared ? Read($"/proc/{id}/smaps_rollup") : "";
        var (name, text) = rollup.Length > 0 ? ("Pss:", rollup) : ("VmRSS:", Read($"/proc/{id}/status"));
        var line = text.Split('\n').FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal));
        return line is null ? 0 : long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) * 1024;
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
