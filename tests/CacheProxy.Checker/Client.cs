using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace CacheProxy.Checker;

/// <summary>Speaks HTTP to the nodes, as clients of one public host.</summary>
internal sealed partial class Client(Cluster cluster) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false, MaxConnectionsPerServer = 500 })
    {
        Timeout = TimeSpan.FromSeconds(10),
    };

    /// <summary>Does <paramref name="operation"/>, and writes into it what came of it.</summary>
    public async Task RunAsync(Operation operation, string? etag = null)
    {
        var method = operation.Act switch { Act.Create => HttpMethod.Post, Act.Replace => HttpMethod.Put, Act.Delete => HttpMethod.Delete, _ => HttpMethod.Get };
        using var request = new HttpRequestMessage(method, new Uri(cluster.ProxyAddresses[operation.Node], Load.PathOf(operation.Act, operation.Target)));
        request.Headers.Host = Cluster.Host;
        if (operation.Act is Act.Create or Act.Replace)
            request.Content = JsonContent.Create(new { name = Seen.NameOf(operation.Write), description = (string?)null, price = 1.5m });
        if (etag is not null)
            request.Headers.IfMatch.Add(EntityTagHeaderValue.Parse(etag));
        if (!operation.IsWrite && operation.Token is { } token)
            request.Headers.Add("CacheProxy-Seq", token);
        operation.Start = Clock.Now;
        try
        {
            using var response = await _http.SendAsync(request);
            var body = await response.Content.ReadAsByteArrayAsync();
            operation.End = Clock.Now;
            Read(operation, response, body);
            operation.Status = (int)response.StatusCode;
        }
        catch (Exception failed) when (failed is HttpRequestException or TaskCanceledException or IOException)
        {
            operation.End = Clock.Now;
            operation.CacheStatus = failed.GetBaseException().Message;
        }
    }

    /// <returns>Status and body of a read at any address, without a token.</returns>
    public async Task<(int Status, string Body, int Fill)> GetAsync(Uri node, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(node, path));
        request.Headers.Host = Cluster.Host;
        using var response = await _http.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(), Number(response, Tap.FillField));
    }

    /// <returns>Whether every node has said that it has applied the purge; <c>null</c> if nothing is known.</returns>
    public async Task<bool?> PurgeAsync(int node, object order)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(cluster.AdminAddresses[node], "/purge")) { Content = JsonContent.Create(order) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Cluster.AdminKey);
        try
        {
            using var response = await _http.SendAsync(request);
            return (int)response.StatusCode switch
            {
                200 => true,
                202 => false,
                var other => throw new InvalidOperationException($"The purge was answered with {other}: {await response.Content.ReadAsStringAsync()}"),
            };
        }
        catch (Exception failed) when (failed is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }

    public void Dispose() => _http.Dispose();

    private static void Read(Operation operation, HttpResponseMessage response, byte[] body)
    {
        operation.CacheStatus = response.Headers.TryGetValues("Cache-Status", out var status) ? string.Intern(Lifetime().Replace(string.Join(", ", status), "")) : null;
        operation.Fill = Number(response, Tap.FillField);
        operation.Checked = Number(response, Tap.SeenField);
        if (operation.IsWrite)
            operation.Token = response.Headers.TryGetValues("CacheProxy-Seq", out var token) ? string.Join(",", token) : null;
        if (!response.IsSuccessStatusCode || body.Length == 0)
            return;
        using var json = JsonDocument.Parse(body);
        if (operation.Act == Act.List)
        {
            operation.Items = [.. json.RootElement.GetProperty("items").EnumerateArray().Select(Seen.Of)];
            return;
        }
        var seen = Seen.Of(json.RootElement);
        operation.Items = [seen];
        if (operation.Act == Act.Create)
            operation.Target = seen.Item;
        operation.Entity = response.Headers.ETag?.ToString();
        if (operation.Entity?.StartsWith($"\"{seen.Item}-{seen.Version}-", StringComparison.Ordinal) != true)
            throw new InvalidOperationException($"Head and body are of two versions: {operation.Entity} {seen}");
    }

    private static int Number(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? int.Parse(values.Last(), CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex("; ttl=-?[0-9]+")]
    private static partial Regex Lifetime();
}
