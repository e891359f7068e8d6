using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace CacheProxy.Host.Tests;

/// <summary>The built service as a process of its own, on free ports, with an empty folder as its working directory.</summary>
internal sealed partial class HostProcess : IAsyncDisposable
{
    private const int Sigterm = 15;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly TaskCompletionSource<Uri> _proxy = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Uri> _admin = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<(string Text, TaskCompletionSource Seen)> _awaited = [];
    private readonly bool _ownsFolder;

    private HostProcess(string? folder, string[] args, (string Name, string Value)[] environment)
    {
        _ownsFolder = folder is null;
        Folder = folder ?? NewFolder();
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "CacheProxy.Host.dll"), .. args])
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(n => n.StartsWith("ASPNETCORE_") || n.StartsWith("CacheProxy") || n.StartsWith("OTEL_")).ToArray())
            start.Environment.Remove(name);
        start.Environment["DOTNET_USE_POLLING_FILE_WATCHER"] = "0";
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, line) => Read(line.Data);
        _process.ErrorDataReceived += (_, line) => Read(line.Data);
    }

    public string Folder { get; }

    public int Id => _process.Id;

    public Uri Proxy => _proxy.Task.Result;

    public Uri Admin => _admin.Task.Result;

    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    public static string NewFolder() => Directory.CreateTempSubdirectory("cacheproxy-test-").FullName;

    /// <summary>Starts it, and waits until it listens.</summary>
    public static async Task<HostProcess> StartAsync(string[] args, string? folder = null, params (string Name, string Value)[] environment)
    {
        string[] ports = ["--urls", "http://127.0.0.1:0", "--CacheProxy:Admin:Port", "0"];
        var host = new HostProcess(folder, [.. ports, .. args], environment);
        host.Start();
        var exit = host._process.WaitForExitAsync();
        var listening = Task.WhenAll(host._admin.Task, host._proxy.Task);
        if (await Task.WhenAny(listening, exit, Task.Delay(Patience)) != listening)
        {
            var output = host.Output;
            await host.DisposeAsync();
            throw new InvalidOperationException("The host did not start: " + output);
        }

        return host;
    }

    /// <summary>Runs it to its end.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(string[] args, string? folder = null, params (string Name, string Value)[] environment)
    {
        await using var host = new HostProcess(folder, args, environment);
        host.Start();
        return (await host.ExitAsync(), host.Output);
    }

    public void Terminate() => Kill(_process.Id, Sigterm).ShouldBe(0);

    public async Task<int> ExitAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        await _process.WaitForExitAsync(patience.Token);
        _process.WaitForExit(); // the last lines
        return _process.ExitCode;
    }

    /// <summary>Waits for a line of output; one that is there already counts.</summary>
    public async Task SeesAsync(string text)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_output)
        {
            if (_output.ToString().Contains(text))
                return;
            _awaited.Add((text, seen));
        }

        if (await Task.WhenAny(seen.Task, Task.Delay(Patience)) != seen.Task)
            throw new TimeoutException($"'{text}' is not in: {Output}");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        if (_ownsFolder)
            Directory.Delete(Folder, recursive: true);
    }

    private void Start()
    {
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    private void Read(string? line)
    {
        if (line is null)
            return;
        lock (_output)
        {
            _output.AppendLine(line);
            foreach (var (text, seen) in _awaited)
                if (_output.ToString().Contains(text))
                    seen.TrySetResult();
        }

        if (Listens().Match(line) is { Success: true } listens)
            (listens.Groups[1].Value == "admin server" ? _admin : _proxy).TrySetResult(new Uri(listens.Groups[2].Value));
    }

    [GeneratedRegex("""The (admin server|proxy) listens on (?:\\")?(http://[^,"]+[0-9])""")]
    private static partial Regex Listens();

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);
}
