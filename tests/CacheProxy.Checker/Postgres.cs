using System.Diagnostics;
using System.Globalization;
using CacheProxy.Coherence.Tests;
using Npgsql;

namespace CacheProxy.Checker;

/// <summary>A real PostgreSQL on a free loopback port, in a folder of its own, that can be started anew with what it has. As it refuses to be root, root runs it as the package's user.</summary>
internal sealed class Postgres : IAsyncDisposable
{
    private readonly int _port = RedisServer.FreePort();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("checker-postgresql-");
    private readonly string _programs = Directory.GetDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin"))
        .Where(bin => File.Exists(Path.Combine(bin, "initdb"))).Order(StringComparer.Ordinal).Last();

    private Process? _server;

    public string Connection => string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={_port};Username=postgres;Database=items;Timeout=5");

    private string Data => Path.Combine(_folder.FullName, "data");

    public async Task CreateAsync()
    {
        if (Environment.IsPrivilegedProcess)
            await RunAsync("chown", "postgres", _folder.FullName);
        using var initialize = AsServer(Path.Combine(_programs, "initdb"), "-D", Data, "-A", "trust", "-U", "postgres", "--no-sync");
        await initialize.StandardOutput.ReadToEndAsync();
        await initialize.WaitForExitAsync();
        await StartAsync();
    }

    public async Task StartAsync()
    {
        _server = AsServer(Path.Combine(_programs, "postgres"), "-D", Data, "-h", "127.0.0.1", "-k", _folder.FullName,
            "-p", _port.ToString(CultureInfo.InvariantCulture), "-c", "fsync=off", "-c", "max_connections=300");
        while (await _server.StandardError.ReadLineAsync() is { } line)
        {
            if (!line.Contains("ready to accept connections", StringComparison.Ordinal))
                continue;
            _ = _server.StandardError.ReadToEndAsync();
            return;
        }
        throw new InvalidOperationException("PostgreSQL did not start.");
    }

    /// <summary>Cuts all connections; what is committed stays.</summary>
    public async Task StopAsync()
    {
        await RunAsync("kill", "-INT", (await File.ReadAllLinesAsync(Path.Combine(Data, "postmaster.pid")))[0]);
        await _server!.WaitForExitAsync();
        _server.Dispose();
    }

    /// <summary>All items as they are, by id.</summary>
    public async Task<Dictionary<int, (int Version, int Write)>> ReadItemsAsync()
    {
        var items = new Dictionary<int, (int, int)>();
        await using var source = NpgsqlDataSource.Create(Connection);
        await using var command = source.CreateCommand("SELECT id, version, name FROM items");
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            items[(int)reader.GetInt64(0)] = ((int)reader.GetInt64(1), Seen.WriteOf(reader.GetString(2)));
        return items;
    }

    public async Task<long> CountOutboxAsync()
    {
        await using var source = NpgsqlDataSource.Create(Connection);
        await using var command = source.CreateCommand("SELECT count(*) FROM cache_outbox");
        return (long)(await command.ExecuteScalarAsync())!;
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await StopAsync();
        _folder.Delete(recursive: true);
    }

    private static Process AsServer(string program, params string[] arguments) => Launch(Environment.IsPrivilegedProcess
        ? ["runuser", "-u", "postgres", "--", program, .. arguments]
        : [program, .. arguments]);

    private static async Task RunAsync(params string[] command)
    {
        using var process = Launch(command);
        await process.WaitForExitAsync();
    }

    private static Process Launch(string[] command) => Process.Start(new ProcessStartInfo(command[0], command[1..])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        WorkingDirectory = "/",
    })!;
}
