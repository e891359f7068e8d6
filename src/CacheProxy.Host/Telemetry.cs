using CacheProxy.Diagnostics;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace CacheProxy.Host;

/// <summary>
/// Metrics and traces by OTLP, when <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> is set; the other <c>OTEL_</c> variables count as OpenTelemetry
/// defines them. Without it nothing is made and nothing is paid.
/// </summary>
internal sealed class Telemetry : IHostedService, IDisposable
{
    private const string EndpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private readonly MeterProvider _metrics;
    private readonly TracerProvider _traces;

    public Telemetry()
    {
        var resource = ResourceBuilder.CreateDefault().AddService("cacheproxy").AddEnvironmentVariableDetector();
        _metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource)
            .AddMeter(CacheMetrics.MeterName, CacheMetrics.CoherenceMeterName, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Net.Http", "System.Runtime")
            .AddOtlpExporter()
            .Build();
        _traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource)
            .AddSource(CacheMetrics.MeterName, "Microsoft.AspNetCore", "System.Net.Http")
            .AddOtlpExporter()
            .Build();
    }

    /// <summary>Whether anything is sent.</summary>
    public static bool IsOn => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(EndpointVariable));

    public static void AddTo(IServiceCollection services)
    {
        if (!IsOn)
            return;
        AppContext.SetSwitch("Microsoft.AspNetCore.Hosting.SuppressActivityOpenTelemetryData", false); // spans get method, path and status
        services.AddHostedService<Telemetry>();
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Sends what is still held.</summary>
    public void Dispose()
    {
        _metrics.Dispose();
        _traces.Dispose();
    }
}
