using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace CacheProxy.Tests.Scenarios;

/// <summary>Responses that only the end of their connection ends, where the route stores them (RFC 9112 section 8).</summary>
public sealed class CloseDelimitedTests
{
    [Fact]
    public async Task It_is_kept_as_long_as_it_is_fresh_and_never_validated()
    {
        await using var origin = Origin("ETag: \"1\"\r\n");
        await using var proxy = await StartAsync(origin.Address);
        await AskAsync(proxy);
        (await AskAsync(proxy)).ShouldContain("; hit");
        proxy.Time.Advance(TimeSpan.FromSeconds(11));
        (await AskAsync(proxy)).ShouldContain("fwd=uri-miss");
        origin.Requests[^1]["If-None-Match"].ShouldBeNull();
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("x-gzip")]
    [InlineData("deflate")]
    [InlineData("Compress")]
    public async Task Coding_that_nobody_takes_off_is_not_stored(string coding)
    {
        await using var origin = Origin($"Transfer-Encoding: {coding}\r\n");
        await using var proxy = await StartAsync(origin.Address);
        (await AskAsync(proxy)).ShouldContain("detail=close-delimited");
        (await AskAsync(proxy)).ShouldNotContain("; hit");
    }

    /// <summary>The end of a TLS connection that was cut looks the same as a proper one.</summary>
    [Fact]
    public async Task Over_tls_it_is_not_stored()
    {
        using var key = RSA.Create(2048);
        using var made = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = ServeAsync(listener, made);
        await using var proxy = await StartAsync($"https://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");
        (await AskAsync(proxy)).ShouldContain("detail=close-delimited");
        (await AskAsync(proxy)).ShouldNotContain("; hit");
        listener.Stop();
        await serving;
    }

    private static ScriptedOrigin Origin(string fields) => new(async r =>
    {
        await r.WriteAsync($"HTTP/1.1 200 OK\r\nCache-Control: max-age=10\r\n{fields}\r\nhello");
        r.Close();
    });

    private static Task<RunningProxy> StartAsync(string origin) => RunningProxy.StartAsync(
        origin, options => options.Profile = CacheProfile.Rfc9111, cluster: c => c with { HttpClient = c.HttpClient! with { DangerousAcceptAnyServerCertificate = true } });

    /// <returns>Cache-Status.</returns>
    private static async Task<string> AskAsync(RunningProxy proxy)
    {
        var answer = await WireClient.AnswerAsync(proxy.Address, "GET", "/");
        answer.Content.ShouldEndWith(answer["Transfer-Encoding"] is null ? "hello" : "hello\r\n0\r\n\r\n");
        await proxy.WaitForFetchesAsync();
        return answer["Cache-Status"]!;
    }

    private static async Task ServeAsync(TcpListener listener, X509Certificate2 certificate)
    {
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync();
                await using var tls = new SslStream(client.GetStream());
                await tls.AuthenticateAsServerAsync(certificate);
                await tls.ReadAtLeastAsync(new byte[16], 16);
                await tls.WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nCache-Control: max-age=10\r\n\r\nhello"));
                await tls.FlushAsync();
            }
        }
        catch (Exception stopped) when (stopped is SocketException or ObjectDisposedException)
        {
        }
    }
}
