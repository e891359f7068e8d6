using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace CacheProxy.Host.Tests;

public class TelemetryTests
{
    [Fact]
    public async Task Metrics_and_traces_go_to_the_OTLP_endpoint_and_are_flushed_at_the_end()
    {
        var received = new ConcurrentDictionary<string, string>();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var collector = builder.Build();
        collector.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            received.AddOrUpdate(context.Request.Path, _ => Encoding.Latin1.GetString(body.ToArray()), (_, sofar) => sofar + Encoding.Latin1.GetString(body.ToArray()));
        });
        await collector.StartAsync(TestContext.Current.CancellationToken);
        await using var origin = RawOrigin.Hello();
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address], environment:
            [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Urls.Single()), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ("OTEL_SERVICE_NAME", "edge-7")]);
        using var client = new HttpClient { BaseAddress = host.Proxy };
        await client.GetStringAsync("/traced", TestContext.Current.CancellationToken);
        host.Terminate();
        (await host.ExitAsync()).ShouldBe(0);

        foreach (var name in new[] { "cacheproxy.requests", "http.server.request.duration", "http.client.request.duration", "kestrel.active_connections", "edge-7" })
            received["/v1/metrics"].ShouldContain(name);
        received["/v1/traces"].ShouldContain("edge-7");
        received["/v1/traces"].ShouldContain("/traced");
    }
}
