using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace AppHost;

/// <summary>A service as a child process. Its last lines of output are kept, for the case that it fails.</summary>
internal sealed class RunningService : IAsyncDisposable
{
    private const int KeptLines = 40;
    private const int SigTerm = 15;
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);

    private readonly Service _service;
    private readonly Process _process;
    private readonly Queue<string> _output = new();

    public RunningService(Service service)
    {
        _service = service;
        var start = new ProcessStartInfo(service.Program, service.Arguments)
        {
            WorkingDirectory = service.Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in service.Settings)
            start.Environment[name] = value;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += Keep;
        _process.ErrorDataReceived += Keep;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public string Name => _service.Name;

    public Uri Address => _service.Address;

    /// <summary>Where a proxy's metrics are: beside its health.</summary>
    public Uri Metrics => new(_service.Health, "/metrics");

    /// <summary>Asks until it says that it can do its work.</summary>
    public async Task UntilHealthyAsync(HttpClient client, CancellationToken cancellation)
    {
        while (!await IsHealthyAsync(client, cancellation))
            await Task.Delay(100, cancellation);
    }

    /// <summary>Waits until the process is gone.</summary>
    public Task UntilEndedAsync(CancellationToken cancellation) => _process.WaitForExitAsync(cancellation);

    /// <summary>What happened to it, as a complaint with its last words.</summary>
    public string Describe()
    {
        var state = _process.HasExited ? $"ended with exit code {_process.ExitCode}" : "does not become healthy";
        lock (_output)
        {
            return _output.Count == 0
                ? $"The {_service.Name} {state}, and said nothing."
                : $"The {_service.Name} {state}. Its last lines:\n\n{string.Join('\n', _output)}\n";
        }
    }

    /// <summary>Asks the process to stop, and makes it stop when it takes too long.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited && (OperatingSystem.IsWindows() || Signal(_process.Id, SigTerm) != 0))
            _process.Kill();
        using var limit = new CancellationTokenSource(StopLimit);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process.Dispose();
    }

    private async Task<bool> IsHealthyAsync(HttpClient client, CancellationToken cancellation)
    {
        try
        {
            if (_service.Health.Scheme == "tcp")
            {
                using var socket = new TcpClient();
                await socket.ConnectAsync(_service.Health.Host, _service.Health.Port, cancellation);
                return true;
            }
            using var response = await client.GetAsync(_service.Health, cancellation);
            return response.IsSuccessStatusCode;
        }
        catch (Exception refused) when (refused is HttpRequestException or SocketException)
        {
            return false; // not listening yet
        }
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is null)
            return;
        lock (_output)
        {
            _output.Enqueue(line.Data);
            if (_output.Count > KeptLines)
                _output.Dequeue();
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Signal(int process, int signal);
}
