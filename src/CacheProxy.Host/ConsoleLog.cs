using Serilog;
using Serilog.Events;
using Serilog.Extensions.Logging;
using Serilog.Formatting;
using Serilog.Formatting.Json;

namespace CacheProxy.Host;

/// <summary>
/// The log: standard output, written by a thread of its own; when that cannot keep up, lines are dropped rather than requests held back.
/// Levels can be set in section <c>Serilog</c> (<c>Serilog:MinimumLevel:Override:Yarp</c>).
/// </summary>
internal static class ConsoleLog
{
    private const int BufferedLines = 10_000;

    public static void AddConsoleLog(this WebApplicationBuilder builder, LogFormat format)
    {
        ITextFormatter formatter = format == LogFormat.Json ? new JsonFormatter(renderMessage: true) : new TextLines();
        var configuration = new LoggerConfiguration()
            .MinimumLevel.Information()
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            .MinimumLevel.Override("Yarp", LogEventLevel.Warning)
            .MinimumLevel.Override("Microsoft.Extensions.Hosting.Internal.Host", LogEventLevel.Fatal) // a failed start is told by StartFailure
            .Filter.ByExcluding(new RepeatedFailures().IsRepeated)
            .WriteTo.Async(to => to.Console(formatter), BufferedLines);
        try
        {
            if (builder.Configuration.GetSection("Serilog").Exists()) // reading it looks through all assemblies: a tenth of a start's work
                configuration.ReadFrom.Configuration(builder.Configuration);
        }
        catch (InvalidOperationException unreadable)
        {
            throw new InvalidConfigurationException([$"Serilog: {unreadable.Message}"]);
        }

        var logger = configuration.CreateLogger();
        builder.Logging.ClearProviders();
        builder.Logging.AddSerilog(logger, dispose: true);

        // If this category has a reader, the hosting layer makes an activity and a logging scope for each request. It says nothing that
        // the access log does not.
        builder.Logging.AddFilter<SerilogLoggerProvider>("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
    }
}
