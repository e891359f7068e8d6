using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

[assembly: AssemblyFixture(typeof(Items.Api.Tests.Database.PostgreSqlServer))]

namespace Items.Api.Tests.Database;

/// <summary>
/// A real PostgreSQL from Debian's package on a free loopback port, in a folder of its own, started when first asked for. The
/// server refuses to be root, so root runs it as the package's user. Where it is missing, tests fail in CI and are skipped elsewhere.
/// </summary>
public sealed class PostgreSqlServer : IAsyncDisposable
{
    /// <summary>Each test has a database, and so a pool, of its own; without this the server runs out of connections.</summary>
    private const string LettingGo = "Timeout=5;Connection Idle Lifetime=1;Connection Pruning Interval=1";

    private readonly int _port = FreePort();
    private readonly Lazy<Running> _running;

    public PostgreSqlServer() => _running = new Lazy<Running>(Begin);

    /// <summary>A new database on the running server.</summary>
    public string NewConnection()
    {
        var connection = NewConnectionBeforeStart();
        Start();
        return connection;
    }

    /// <summary>Where a database will be once the server has been started.</summary>
    public string NewConnectionBeforeStart()
    {
        if (FindPrograms() is null && Environment.GetEnvironmentVariable("CI") != "true")
            Assert.Skip("PostgreSQL is not installed (Debian: apt-get install postgresql).");
        return string.Create(CultureInfo.InvariantCulture,
            $"Host=127.0.0.1;Port={_port};Username=postgres;Database=items_{Guid.NewGuid():n};{LettingGo}");
    }

    public void Start() => _ = _running.Value;

    public async ValueTask DisposeAsync() => await StopAsync();

    /// <summary>Ends the server as an operator would in a hurry: connections are cut.</summary>
    public async Task StopAsync()
    {
        if (!_running.IsValueCreated || !_running.Value.Folder.Exists)
            return;
        var (process, folder) = _running.Value;
        var id = (await File.ReadAllLinesAsync(Path.Combine(folder.FullName, "data", "postmaster.pid")))[0];
        Run("kill", "-INT", id);
        await process.WaitForExitAsync();
        process.Dispose();
        folder.Delete(recursive: true);
        folder.Refresh();
    }

    private static string? FindPrograms() => !Directory.Exists("/usr/lib/postgresql")
        ? null
        : Directory.GetDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin"))
            .Where(bin => File.Exists(Path.Combine(bin, "initdb"))).Order(StringComparer.Ordinal).LastOrDefault();

    private Running Begin()
    {
        var programs = FindPrograms() ?? throw new InvalidOperationException("PostgreSQL is not installed, and CI must not skip its tests.");
        var folder = Directory.CreateTempSubdirectory("items-postgresql-");
        if (Environment.IsPrivilegedProcess)
            Run("chown", "postgres", folder.FullName);
        var data = Path.Combine(folder.FullName, "data");
        using (var initialize = AsServer(Path.Combine(programs, "initdb"), "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"))
        {
            initialize.StandardOutput.ReadToEnd();
            initialize.WaitForExit();
        }
        var server = AsServer(Path.Combine(programs, "postgres"), "-D", data, "-h", "127.0.0.1", "-k", folder.FullName,
            "-p", _port.ToString(CultureInfo.InvariantCulture), "-c", "fsync=off", "-c", "max_connections=300");
        var said = new List<string>();
        while (server.StandardError.ReadLine() is { } line)
        {
            said.Add(line);
            if (line.Contains("ready to accept connections", StringComparison.Ordinal))
            {
                _ = server.StandardError.ReadToEndAsync();
                return new Running(server, folder);
            }
        }
        throw new InvalidOperationException("PostgreSQL did not start: " + string.Join('\n', said));
    }

    private static Process AsServer(string program, params string[] arguments) => Launch(Environment.IsPrivilegedProcess
        ? ["runuser", "-u", "postgres", "--", program, .. arguments]
        : [program, .. arguments]);

    private static void Run(params string[] command)
    {
        using var process = Launch(command);
        process.WaitForExit();
    }

    private static Process Launch(string[] command) => Process.Start(new ProcessStartInfo(command[0], command[1..])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        WorkingDirectory = "/",
    })!;

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private sealed record Running(Process Server, DirectoryInfo Folder);
}
