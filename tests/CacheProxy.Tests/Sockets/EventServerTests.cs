using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using CacheProxy.Sockets;
using CacheProxy.Tests.Scenarios;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace CacheProxy.Tests.Sockets;

/// <summary>Kestrel on the event loops.</summary>
public class EventServerTests
{
    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task TLS_works(string version)
    {
        await using var server = await StartAsync(
            async context =>
            {
                var body = new MemoryStream();
                await context.Request.Body.CopyToAsync(body);
                await context.Response.Body.WriteAsync(body.ToArray());
            },
            listen: listen => listen.UseHttps(Certificate()));
        using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, _, _, _) => true };
        using var client = new HttpClient(handler) { DefaultRequestVersion = new Version(version), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            var sent = BareTransportExtensions.RandomBytes(300_000);
            using var response = await client.PostAsync($"https://{server.EndPoint}/", new ByteArrayContent(sent));
            response.Version.ShouldBe(new Version(version));
            (await response.Content.ReadAsByteArrayAsync()).AsSpan().SequenceEqual(sent).ShouldBeTrue();
        })).InTimeAsync("all answers");
    }

    [Fact]
    public async Task A_websocket_echoes()
    {
        await using var server = await StartAsync(async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            var buffer = new byte[100_000];
            while (await socket.ReceiveAsync(buffer.AsMemory(), default) is { MessageType: not WebSocketMessageType.Close } received)
                await socket.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, default);
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, default);
        });
        using var client = new ClientWebSocket();
        await client.ConnectAsync(new Uri($"ws://{server.EndPoint}/"), default);
        foreach (var length in new[] { 1, 5_000, 60_000 })
        {
            var (sent, echoed) = (BareTransportExtensions.RandomBytes(length), new MemoryStream());
            await client.SendAsync(sent, WebSocketMessageType.Binary, endOfMessage: true, default);
            var buffer = new byte[10_000];
            while (echoed.Length < length)
                echoed.Write(buffer, 0, (await client.ReceiveAsync(buffer, default).InTimeAsync("the echo")).Count);
            echoed.ToArray().AsSpan().SequenceEqual(sent).ShouldBeTrue();
        }
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, default).InTimeAsync("the close");
    }

    [Fact]
    public async Task An_idle_connection_is_closed_after_the_keep_alive_timeout()
    {
        await using var server = await StartAsync(context => context.Response.WriteAsync("hello"), limits => limits.KeepAliveTimeout = TimeSpan.FromSeconds(1));
        using var client = await server.ConnectAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Encoding.ASCII.GetString(await client.ReceiveAllAsync()).ShouldContain("hello"); // to the end
    }

    [Fact]
    public async Task A_graceful_stop_closes_the_idle_and_waits_for_the_busy()
    {
        var (asked, answer) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var server = await StartAsync(async context =>
        {
            if (context.Request.Path == "/busy")
            {
                asked.SetResult();
                await answer.Task;
            }
            await context.Response.WriteAsync("whole");
        });
        using var idle = await server.ConnectAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        using var busy = await server.ConnectAsync("GET /busy HTTP/1.1\r\nHost: a\r\n\r\n");
        await asked.Task.InTimeAsync("the busy request");
        var stopping = server.App.StopAsync();
        Encoding.ASCII.GetString(await idle.ReceiveAllAsync()).ShouldContain("whole");
        stopping.IsCompleted.ShouldBeFalse();
        answer.SetResult();
        Encoding.ASCII.GetString(await busy.ReceiveAllAsync()).ShouldContain("whole");
        await stopping.InTimeAsync("the stop");
    }

    [Fact]
    public async Task A_large_body_in_chunks_arrives()
    {
        await using var server = await StartAsync(async context => await context.Response.WriteAsync(Convert.ToHexString(await SHA256.HashDataAsync(context.Request.Body))));
        using var client = new HttpClient();
        var sent = BareTransportExtensions.RandomBytes(20_000_000);
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://{server.EndPoint}/") { Content = new StreamContent(new MemoryStream(sent)) };
        request.Headers.TransferEncodingChunked = true;
        using var response = await client.SendAsync(request).InTimeAsync("the answer");
        (await response.Content.ReadAsStringAsync()).ShouldBe(Convert.ToHexString(SHA256.HashData(sent)));
    }

    [Fact]
    public async Task A_client_that_goes_in_the_middle_of_an_answer_aborts_the_request()
    {
        var aborted = new TaskCompletionSource();
        await using var server = await StartAsync(async context =>
        {
            using var _ = context.RequestAborted.Register(aborted.SetResult);
            while (!context.RequestAborted.IsCancellationRequested)
                await context.Response.Body.WriteAsync(new byte[50_000]);
        });
        using var client = await server.ConnectAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await client.ReceiveAllAsync(200_000);
        client.Dispose();
        await aborted.Task.InTimeAsync("the end of the request");
    }

    private static async Task<Server> StartAsync(RequestDelegate answer, Action<KestrelServerLimits>? limits = null, Action<ListenOptions>? listen = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.Services.AddSingleton<IConnectionListenerFactory, EventTransport>();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            limits?.Invoke(kestrel.Limits);
            kestrel.Listen(IPAddress.Loopback, 0, options => listen?.Invoke(options));
        });
        var app = builder.Build();
        app.UseWebSockets();
        app.Run(answer);
        await app.StartAsync();
        return new Server(app);
    }

    private static X509Certificate2 Certificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null);
    }

    private sealed class Server(WebApplication app) : IAsyncDisposable
    {
        public WebApplication App => app;

        public IPEndPoint EndPoint { get; } = IPEndPoint.Parse(new Uri(app.Urls.First()).Authority);

        /// <summary>A client that has sent so much.</summary>
        public async Task<Socket> ConnectAsync(string request)
        {
            var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await client.ConnectAsync(EndPoint);
            await client.SendAllAsync(Encoding.ASCII.GetBytes(request));
            return client;
        }

        public ValueTask DisposeAsync() => app.DisposeAsync();
    }
}
