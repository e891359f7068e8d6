using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

namespace CacheProxy.Coherence.Tests;

/// <summary>A real <c>redis-server</c> from PATH on a free loopback port, with a folder of its own, ended by process id. A missing one is a failure.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private readonly string[] _settings;
    private readonly string _folder = Directory.CreateTempSubdirectory("coherence-redis-").FullName;
    private Process? _process;
    private ConnectionMultiplexer? _client;

    private RedisServer(string[] settings, int port) => (_settings, Port) = (settings, port);

    public int Port { get; }

    public string Folder => _folder;

    public string Address => $"127.0.0.1:{Port}";

    public static async Task<RedisServer> StartAsync(params string[] settings)
    {
        var server = new RedisServer(settings, FreePort());
        await server.StartAsync();
        return server;
    }

    /// <summary>Starts it (again), empty, and waits until it takes connections.</summary>
    public async Task StartAsync()
    {
        var start = new ProcessStartInfo("redis-server") { RedirectStandardOutput = true, WorkingDirectory = _folder };
        string[] arguments = ["--port", $"{Port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", _folder, .. _settings];
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        _process = Process.Start(start) ?? throw new InvalidOperationException("redis-server did not start.");
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        await Eventually.TrueAsync(async () =>
        {
            if (_process.HasExited)
                throw new InvalidOperationException($"redis-server ended with {_process.ExitCode}: {string.Join(' ', _settings)}");
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, TlsPort ?? Port);
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        }, "redis-server listens");
    }

    private int? TlsPort => Array.IndexOf(_settings, "--tls-port") is >= 0 and var at ? int.Parse(_settings[at + 1], System.Globalization.CultureInfo.InvariantCulture) : null;

    /// <summary>A connection of the test's own, to look and to break things.</summary>
    public async Task<IDatabase> ClientAsync()
    {
        _client ??= await ConnectionMultiplexer.ConnectAsync($"{Address},allowAdmin=true,abortConnect=false");
        return _client.GetDatabase();
    }

    public async Task ExecuteAsync(string command, params object[] arguments) => await (await ClientAsync()).ExecuteAsync(command, arguments);

    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
    }

    public void Pause() => Signal("STOP");

    public void Resume() => Signal("CONT");

    public async ValueTask DisposeAsync()
    {
        _client?.Dispose();
        if (_process is { HasExited: false })
        {
            Resume();
            await KillAsync();
        }
        _process?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private void Signal(string name)
    {
        using var kill = Process.Start("kill", ["-s", name, $"{_process!.Id}"]);
        kill.WaitForExit();
        if (kill.ExitCode != 0)
            throw new InvalidOperationException($"{name} failed.");
    }
}
