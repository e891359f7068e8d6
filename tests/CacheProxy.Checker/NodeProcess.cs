using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;

namespace CacheProxy.Checker;

/// <summary>A program of this repository as a process of its own; it can be stopped, killed, and started anew as it was. Ended by process id.</summary>
internal sealed class NodeProcess(string name, string project, Uri health, string folder, Dictionary<string, string> settings) : IAsyncDisposable
{
    private const int Kill = 9, Continue = 18, Stop = 19;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly HttpClient Client = new() { Timeout = TimeSpan.FromSeconds(2) };

    private readonly string _log = Path.Combine(folder, name + ".log");
    private Process? _process;

    /// <summary>Starts it (again), and waits until it is well.</summary>
    public async Task StartAsync()
    {
        var file = typeof(NodeProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(named => named.Key == project).Value!;
        var own = Directory.CreateDirectory(Path.Combine(folder, name)).FullName;
        var start = new ProcessStartInfo("dotnet", [file]) { WorkingDirectory = own, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (key, value) in settings)
            start.Environment[key] = value;
        start.Environment["DOTNET_gcServer"] = "0";
        var process = _process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began) < Patience; await Task.Delay(50))
        {
            if (process.HasExited)
                break;
            try
            {
                if ((await Client.GetAsync(health)).IsSuccessStatusCode)
                    return;
            }
            catch (Exception notYet) when (notYet is HttpRequestException or TaskCanceledException)
            {
            }
        }
        throw new InvalidOperationException($"{name} did not start; its words are in {_log}.");
    }

    public void Pause() => Signal(Stop);

    public void Resume() => Signal(Continue);

    public async Task KillAsync()
    {
        Signal(Kill);
        await _process!.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
            await KillAsync();
        _process?.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is null)
            return;
        lock (_log)
            File.AppendAllText(_log, $"{DateTime.UtcNow:HH:mm:ss.fff} {line}\n");
    }

    private void Signal(int signal)
    {
        if (SendSignal(_process!.Id, signal) != 0)
            throw new InvalidOperationException($"{name} took no signal {signal}.");
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int process, int signal);
}
