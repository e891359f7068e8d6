using System.Reflection;

namespace AppHost;

/// <summary>A program of this repository, and how it is to be started.</summary>
/// <param name="Name">What people call it.</param>
/// <param name="Assembly">Its file.</param>
/// <param name="Address">Where it is to listen.</param>
/// <param name="Health">What answers 200 once it can do its work.</param>
/// <param name="Settings">Its environment.</param>
internal sealed record Service(string Name, string Assembly, Uri Address, Uri Health, IReadOnlyDictionary<string, string> Settings)
{
    private const int SeededItems = 25;

    public static Service ItemsApi(int port, string folder)
    {
        var address = Loopback(port);
        return new Service("items API", FileOf("Items.Api"), address, new Uri(address, "/health/"), new Dictionary<string, string>
        {
            ["Items__Provider"] = "Sqlite",
            ["Items__Seed"] = $"{SeededItems}",
            ["ConnectionStrings__Items"] = $"Data Source={Path.Combine(folder, "items.db")}",
        });
    }

    public static Service Proxy(int number, int port, int adminPort, Uri origin) =>
        new($"proxy {number}", FileOf("CacheProxy.Host"), Loopback(port), new Uri(Loopback(adminPort), "/healthz/ready"), new Dictionary<string, string>
        {
            ["CacheProxy__Origin"] = origin.ToString(),
            ["CacheProxy__Admin__Port"] = $"{adminPort}",
            ["CacheProxy__DrainTime"] = "00:00:00", // nobody balances over these
        });

    private static Uri Loopback(int port) => new($"http://127.0.0.1:{port}");

    /// <summary>The build wrote it into this assembly (see the project file).</summary>
    private static string FileOf(string project) =>
        typeof(Service).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(named => named.Key == project).Value!;
}
