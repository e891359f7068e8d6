using System.Reflection;
using System.Runtime.InteropServices;

namespace AppHost;

/// <summary>A program, and how it is to be started.</summary>
/// <param name="Name">What people call it.</param>
/// <param name="Program">Its file.</param>
/// <param name="Arguments">What it is started with.</param>
/// <param name="Folder">Where it runs.</param>
/// <param name="Address">Where it is to listen.</param>
/// <param name="Health">What answers 200 once it can do its work; a <c>tcp</c> address is one that accepts connections then.</param>
/// <param name="Settings">Its environment.</param>
internal sealed record Service(
    string Name, string Program, IReadOnlyList<string> Arguments, string Folder, Uri Address, Uri Health, IReadOnlyDictionary<string, string> Settings)
{
    private const int SeededItems = 25;

    /// <summary>Keeps nothing on disk, and what it writes all the same goes to the temporary folder.</summary>
    /// <exception cref="MissingProgramException">There is no redis-server.</exception>
    public static Service Redis(int port, string folder)
    {
        var address = new Uri($"tcp://127.0.0.1:{port}");
        return new Service("Redis", FindInPath("redis-server"),
            ["--bind", "127.0.0.1", "--port", $"{port}", "--save", "", "--appendonly", "no", "--maxmemory", "64mb", "--maxmemory-policy", "volatile-lru"],
            folder, address, address, new Dictionary<string, string>());
    }

    public static Service ItemsApi(int port, string folder, Uri? redis)
    {
        var address = Loopback(port);
        return OfThisRepository("items API", "Items.Api", address, new Uri(address, "/health/"), new Dictionary<string, string>
        {
            ["Items__Provider"] = "Sqlite",
            ["Items__Seed"] = $"{SeededItems}",
            ["Items__Redis"] = redis?.Authority ?? "",
            ["ConnectionStrings__Items"] = $"Data Source={Path.Combine(folder, "items.db")}",
        });
    }

    public static Service Proxy(int number, int port, int adminPort, Uri origin, Uri? redis) =>
        OfThisRepository($"proxy {number}", "CacheProxy.Host", Loopback(port), new Uri(Loopback(adminPort), "/healthz/ready"), new Dictionary<string, string>
        {
            ["CacheProxy__Origin"] = origin.ToString(),
            ["CacheProxy__Coherence__Redis"] = redis?.Authority ?? "",
            ["CacheProxy__Coherence__NodeName"] = $"proxy-{number}",
            ["CacheProxy__Admin__Port"] = $"{adminPort}",
            ["CacheProxy__DrainTime"] = "00:00:00", // nobody balances over these
        });

    private static Service OfThisRepository(string name, string project, Uri address, Uri health, Dictionary<string, string> settings) =>
        new(name, DotnetHost, ["exec", FileOf(project), "--urls", address.ToString()], Path.GetDirectoryName(FileOf(project))!, address, health, settings);

    /// <summary>The dotnet that runs this program, wherever it is installed.</summary>
    private static string DotnetHost { get; } =
        Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));

    private static string FindInPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? program + ".exe" : program)).FirstOrDefault(File.Exists)
        ?? throw new MissingProgramException(program);

    private static Uri Loopback(int port) => new($"http://127.0.0.1:{port}");

    /// <summary>The build wrote it into this assembly (see the project file).</summary>
    private static string FileOf(string project) =>
        typeof(Service).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(named => named.Key == project).Value!;
}

/// <summary>A program that others make is not installed here.</summary>
internal sealed class MissingProgramException(string program)
    : Exception($"There is no {program} in PATH. Install it (Debian: apt-get install {program}), or start without it.");
