using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace CacheProxy.Host;

/// <summary>Says why the proxy does not start, in words for the operator, without a stack trace.</summary>
internal static class StartFailure
{
    /// <summary><c>null</c> for what is no operator's mistake: it should be seen whole.</summary>
    public static string? Explain(Exception failure) => failure switch
    {
        InvalidConfigurationException => failure.Message,
        OptionsValidationException invalid => new InvalidConfigurationException([.. invalid.Failures]).Message,
        InvalidDataException or FormatException => $"The configuration cannot be used: {failure.Message} {failure.InnerException?.Message}",
        IOException or SocketException => $"The proxy cannot listen where --urls, ASPNETCORE_HTTP_PORTS or Kestrel:Endpoints say: {failure.Message}",
        InvalidOperationException { InnerException: { } inner } when failure.Message.Contains("configuration", StringComparison.Ordinal) =>
            Explain(inner) ?? $"The configuration cannot be used: {failure.Message} {inner.Message}",
        _ => null,
    };
}
