using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace CacheProxy.Host.Tests;

/// <summary>The stack of the compose file without containers: nginx with its real configuration, two proxies, the items API.</summary>
public sealed partial class NginxTests
{
    private const int Items = 50;

    [Fact]
    public async Task Stack_answers_while_replicas_are_killed_under_load_and_when_none_is_left()
    {
        await using var stack = await Stack.StartAsync();
        using var client = new HttpClient { BaseAddress = stack.Nginx.Address, Timeout = TimeSpan.FromSeconds(20) };

        // A miss, a hit, a write, and the new value, through nginx.
        Status(await client.GetAsync("/items/1")).ShouldContain("fwd=uri-miss");
        Status(await client.GetAsync("/items/1")).ShouldContain("hit");
        (await client.PutAsync("/items/1", Json("Renamed"))).StatusCode.ShouldBe(HttpStatusCode.OK);
        var renamed = await client.GetAsync("/items/1");
        (await renamed.Content.ReadAsStringAsync()).ShouldContain("Renamed");
        Status(renamed).ShouldContain("fwd=uri-miss");

        // Load, with the first replica killed in the middle of it, then the second.
        var load = new Load(client, new Dictionary<int, Func<Task>> { [500] = stack.One.KillAsync, [1000] = stack.Two.KillAsync });
        await load.RunAsync(until: 1500);
        load.Failures.ShouldBeEmpty();

        // Nobody is left: nginx asks the API, and the answer says so.
        Status(await client.GetAsync("/items/2")).ShouldBe("");
        (await client.PutAsync("/items/2", Json("Still here"))).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    private static string Status(HttpResponseMessage response) =>
        response.Headers.TryGetValues("Cache-Status", out var values) ? string.Join(", ", values) : "";

    private static StringContent Json(string name) =>
        new($$"""{"name":"{{name}}","price":1.5}""", System.Text.Encoding.UTF8, "application/json");

    /// <summary>Eight clients that read items and check that each answer is the item they asked for; at some requests something happens.</summary>
    private sealed class Load(HttpClient client, Dictionary<int, Func<Task>> events)
    {
        private int _sent;

        public System.Collections.Concurrent.ConcurrentQueue<string> Failures { get; } = new();

        public Task RunAsync(int until) => Task.WhenAll(Enumerable.Range(0, 8).Select(_ => ReadAsync(until)));

        private async Task ReadAsync(int until)
        {
            while (Interlocked.Increment(ref _sent) is var number && number <= until)
            {
                if (events.TryGetValue(number, out var happen))
                    _ = Task.Run(happen);
                var id = 1 + (number % Items);
                try
                {
                    using var response = await client.GetAsync($"/items/{id}");
                    var body = await response.Content.ReadAsStringAsync();
                    if (response.StatusCode != HttpStatusCode.OK || !body.Contains($"\"id\":{id},"))
                        Failures.Enqueue($"{number}: {(int)response.StatusCode} {body}");
                }
                catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
                {
                    Failures.Enqueue($"{number}: {e.Message}");
                }
            }
        }
    }

    private sealed partial class Stack(string folder, ServerProcess api, ServerProcess one, ServerProcess two, ServerProcess nginx) : IAsyncDisposable
    {
        public ServerProcess One => one;

        public ServerProcess Two => two;

        public ServerProcess Nginx => nginx;

        public static async Task<Stack> StartAsync()
        {
            var executable = new[] { "/usr/sbin/nginx", "/usr/local/sbin/nginx" }.FirstOrDefault(File.Exists);
            if (executable is null && Environment.GetEnvironmentVariable("CI") is not "true")
                Assert.Skip("nginx is not installed: apt-get install nginx-light");
            executable.ShouldNotBeNull("nginx is not installed");

            var folder = HostProcess.NewFolder();
            var api = await StartAsync("Items.Api", folder, ("ConnectionStrings__Items", $"Data Source={folder}/items.db"), ("Items__Seed", $"{Items}"));
            var one = await StartProxyAsync(api);
            var two = await StartProxyAsync(api);

            // The real file; only the names, which docker-compose.yml makes known, the ports and the folder are other ones.
            var port = ServerProcess.FreePort();
            var configuration = await File.ReadAllTextAsync(Path.Combine(Repository, "nginx", "nginx.conf"));
            configuration = configuration.Replace("proxy-1:8080", Authority(one)).Replace("proxy-2:8080", Authority(two)).Replace("api:8080", Authority(api))
                .Replace("/tmp/", folder + "/").Replace("listen 8080;", $"listen 127.0.0.1:{port};")
                .Replace("listen 127.0.0.1:8081;", $"listen 127.0.0.1:{ServerProcess.FreePort()};");
            configuration = LogFiles().Replace(configuration, folder + "/nginx.log");
            Names().IsMatch(configuration).ShouldBeFalse("a name of the compose file is left in the configuration");
            var file = Path.Combine(folder, "nginx.conf");
            await File.WriteAllTextAsync(file, configuration);
            var nginx = await ServerProcess.StartAsync(new ProcessStartInfo(executable, ["-c", file, "-g", "daemon off;"]), port);
            return new Stack(folder, api, one, two, nginx);
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var server in new[] { nginx, two, one, api })
                await server.DisposeAsync();
            Directory.Delete(folder, recursive: true);
        }

        private static string Repository { get; } = FindRepository();

        private static string Authority(ServerProcess server) => server.Address.Authority;

        private static Task<ServerProcess> StartProxyAsync(ServerProcess api) => StartAsync("CacheProxy.Host", AppContext.BaseDirectory,
            ("CacheProxy__Origin", api.Address.ToString()), ("CacheProxy__Admin__Port", "0"), ("CacheProxy__TrustedProxies", "127.0.0.1"));

        private static Task<ServerProcess> StartAsync(string project, string folder, params (string Name, string Value)[] environment)
        {
            var port = ServerProcess.FreePort();
            var configuration = AppContext.BaseDirectory.Contains("/Release/") ? "Release" : "Debug";
            var program = Path.Combine(Repository, "src", project, "bin", configuration, "net10.0", project + ".dll");
            var start = new ProcessStartInfo("dotnet", ["exec", program, "--urls", string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}")])
            {
                WorkingDirectory = folder,
            };
            foreach (var (name, value) in environment)
                start.Environment[name] = value;
            return ServerProcess.StartAsync(start, port);
        }

        private static string FindRepository()
        {
            var folder = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(folder, "CacheProxy.sln")))
                folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("CacheProxy.sln is in no folder above the tests.");
            return folder;
        }

        [GeneratedRegex("/dev/std(out|err)")]
        private static partial Regex LogFiles();

        [GeneratedRegex(@"server\s+(proxy-|api)")]
        private static partial Regex Names();
    }
}
