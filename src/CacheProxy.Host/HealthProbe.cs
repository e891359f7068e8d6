using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace CacheProxy.Host;

/// <summary>
/// <c>CacheProxy.Host --health</c>: asks the proxy that runs beside it, with the same configuration, whether it is ready. For container
/// health checks in images without curl.
/// </summary>
internal static class HealthProbe
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public static bool IsAskedFor(string[] args) => args.Contains("--health", StringComparer.OrdinalIgnoreCase);

    /// <summary>0 if the proxy is ready; otherwise 1, with a line that says why.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder([.. args.Where(a => !a.Equals("--health", StringComparison.OrdinalIgnoreCase))]);
        var (complaints, service) = (new List<string>(), new ServiceOptions());
        OptionsReader.Read(builder.Configuration.GetSection(CacheProxyOptions.SectionName), complaints, new CacheProxyOptions(), service);
        service.Check(complaints);
        if (complaints.Count > 0)
            return Unwell(new InvalidConfigurationException(complaints).Message);
        var admin = service.Admin;
        if (admin.Port == 0)
            return Unwell("CacheProxy:Admin:Port is 0, any free port: the probe cannot know which. Set a port.");

        var address = admin.Listen.Equals(IPAddress.Any) ? IPAddress.Loopback : admin.Listen.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : admin.Listen;
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = Patience };
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{new IPEndPoint(address, admin.Port)}/healthz/ready");
        if (admin.Key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", admin.Key);
        try
        {
            using var response = await client.SendAsync(request);
            return response.IsSuccessStatusCode ? 0 : Unwell($"{request.RequestUri} says {(int)response.StatusCode}: starting or draining.");
        }
        catch (Exception failure) when (failure is HttpRequestException or SocketException or TaskCanceledException)
        {
            return Unwell($"{request.RequestUri} does not answer: {failure.Message}");
        }
    }

    private static int Unwell(string why)
    {
        Console.Error.WriteLine(why);
        return 1;
    }
}
