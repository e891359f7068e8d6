using System.Diagnostics;
using System.Text;
using CacheProxy.Diagnostics;

namespace CacheProxy.Host;

/// <summary>One line a request. The target keeps its path and the names in its query; their values may be secrets and are left out.</summary>
internal static class AccessLog
{
    public static void Use(WebApplication app)
    {
        var log = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("CacheProxy.Access");
        app.Use(async (context, next) =>
        {
            var start = Stopwatch.GetTimestamp();
            try
            {
                await next(context);
            }
            finally
            {
                var (request, response) = (context.Request, context.Response);
                Log.Access(log, request.Method, request.PathBase + request.Path.ToUriComponent() + Redact(request.QueryString.Value),
                    response.StatusCode, Stopwatch.GetElapsedTime(start).TotalMilliseconds, response.Headers["Cache-Status"] is { Count: > 0 } status ? status.ToString() : "-");
            }
        });
    }

    /// <summary><c>?a=1&amp;b=2</c> becomes <c>?a=*&amp;b=*</c>; what has no name is a value.</summary>
    internal static string Redact(string? query)
    {
        if (string.IsNullOrEmpty(query))
            return "";
        var redacted = new StringBuilder("?");
        foreach (var part in query.TrimStart('?').Split('&'))
        {
            if (redacted.Length > 1)
                redacted.Append('&');
            if (part.IndexOf('=') is > 0 and var equals)
                redacted.Append(part.AsSpan(0, equals)).Append('=');
            redacted.Append('*');
        }

        return redacted.ToString();
    }
}
