using System.Security.Cryptography;
using System.Text;
using CacheProxy.Pipeline;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Admin;

/// <summary>
/// Watches over the admin listener. With a key, everything but health needs it. Without one the listener is on loopback, where still every
/// local user and every page in the operator's browser can reach it: so a Host that is not this computer is refused (DNS rebinding), as is
/// a request from another site, and nothing that changes anything is answered. Errors are problem documents; nothing
/// that leaves here is stored.
/// </summary>
internal sealed class AdminGuard(string? key)
{
    private const string Scheme = "Bearer ";
    private readonly byte[]? _keyHash = key is null ? null : SHA256.HashData(Encoding.UTF8.GetBytes(key));

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var response = context.Response;
        response.OnStarting(SetFields, response);
        if (Refusal(context.Request) is { } status)
        {
            await ProblemResponse.WriteAsync(response, status);
            return;
        }

        await next(context);
        if (!response.HasStarted && response.StatusCode >= 400 && response.ContentLength is null && response.ContentType is null)
            await ProblemResponse.WriteAsync(response, response.StatusCode);
    }

    private static Task SetFields(object state)
    {
        var response = (HttpResponse)state;
        response.Headers.CacheControl = ProblemResponse.CacheControl;
        response.Headers.XContentTypeOptions = "nosniff";
        if (response.StatusCode == StatusCodes.Status401Unauthorized)
            response.Headers.WWWAuthenticate = "Bearer";
        return Task.CompletedTask;
    }

    /// <summary>The status to refuse with; <c>null</c> if the request may go on.</summary>
    private int? Refusal(HttpRequest request)
    {
        if (request.Path.StartsWithSegments(AdminEndpoints.HealthPath, StringComparison.Ordinal))
            return null;
        if (_keyHash is not null)
            return HasKey(request.Headers.Authorization) ? null : StatusCodes.Status401Unauthorized;
        var isSafe = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);
        return isSafe && IsThisComputer(request.Host.Host) && !IsCrossSite(request.Headers) ? null : StatusCodes.Status403Forbidden;
    }

    /// <summary>Hashes are compared, so the time taken tells neither the key's length nor where a guess goes wrong.</summary>
    private bool HasKey(StringValues authorization) =>
        authorization is [{ } only] && only.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
        && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(only[Scheme.Length..].Trim())), _keyHash);

    private static bool IsThisComputer(string host) => host is "127.0.0.1" or "[::1]" || host.Equals("localhost", StringComparison.OrdinalIgnoreCase);

    /// <summary>A browser says where a request comes from; other clients say nothing.</summary>
    private static bool IsCrossSite(IHeaderDictionary fields) =>
        fields["Sec-Fetch-Site"] is { Count: > 0 } site && site is not ["same-origin" or "none"];
}
