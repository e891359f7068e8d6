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
    private readonly Lazy<Running> _running = new(Start);

    public string NewConnection()
    {
        if (FindPrograms() is null && Environment.GetEnvironmentVariable("CI") != "true")
            Assert.Skip("PostgreSQL is not installed (Debian: apt-get install postgresql).");
        return string.Create(CultureInfo.InvariantCulture,
            $"Host=127.0.0.1;Port={_running.Value.Port};Username=postgres;Database=items_{Guid.NewGuid():n};Timeout=5");
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    /// <summary>Ends the server as an operator would in a hurry: connections are cut.</summary>
    public async Task StopAsync()
    {
        if (!_running.IsValueCreated || !_running.Value.Folder.Exists)
            return;
        var (process, folder, _) = _running.Value;
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

    private static Running Start()
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
        var port = FreePort();
        var server = AsServer(Path.Combine(programs, "postgres"), "-D", data, "-h", "127.0.0.1", "-k", folder.FullName,
            "-p", port.ToString(CultureInfo.InvariantCulture), "-c", "fsync=off");
        var said = new List<string>();
        while (server.StandardError.ReadLine() is { } line)
        {
            said.Add(line);
            if (line.Contains("ready to accept connections", StringComparison.Ordinal))
            {
                _ = server.StandardError.ReadToEndAsync();
                return new Running(server, folder, port);
            }
        }
        throw new InvalidOperationException("PostgreSQL did not start: " + string.Join('\n', said));
    }

    private static Process AsServer(string program, params string[] arguments) => Begin(Environment.IsPrivilegedProcess
        ? ["runuser", "-u", "postgres", "--", program, .. arguments]
        : [program, .. arguments]);

    private static void Run(params string[] command)
    {
        using var process = Begin(command);
        process.WaitForExit();
    }

    private static Process Begin(string[] command) => Process.Start(new ProcessStartInfo(command[0], command[1..])
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

    private sealed record Running(Process Server, DirectoryInfo Folder, int Port);
}
