using System.Collections.Frozen;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace CacheProxy.Pipeline;

/// <summary>
/// The proxy's own error answers: <c>application/problem+json</c> (RFC 9457) with constant text, so that nothing of a request, an exception
/// or an origin's address gets out, and never stored by anyone. Bytes are made once and must not be written to.
/// </summary>
internal static class ProblemResponse
{
    public const string ContentType = "application/problem+json";
    public const string CacheControl = "no-store";

    private static readonly FrozenDictionary<int, byte[]> Bodies = new Dictionary<int, string>
    {
        [400] = "Bad Request",
        [401] = "Unauthorized",
        [403] = "Forbidden",
        [404] = "Not Found",
        [405] = "Method Not Allowed",
        [413] = "Content Too Large",
        [415] = "Unsupported Media Type",
        [431] = "Request Header Fields Too Large",
        [500] = "Internal Server Error",
        [502] = "Bad Gateway",
        [503] = "Service Unavailable",
        [504] = "Gateway Timeout",
        [508] = "Loop Detected",
    }.ToFrozenDictionary(p => p.Key, p => Encoding.UTF8.GetBytes($$"""{"type":"about:blank","title":"{{p.Value}}","status":{{p.Key}}}"""));

    /// <summary>Whether there is a prebuilt answer for the status.</summary>
    public static bool Has(int status) => Bodies.ContainsKey(status);

    /// <summary>The body for a status; the empty body for one that we do not answer with.</summary>
    public static ReadOnlyMemory<byte> Body(int status) => Bodies.TryGetValue(status, out var body) ? body : default;

    /// <summary>Answers with the status and what is wrong: to operators, who are told all of it at once.</summary>
    public static Task WriteAsync(HttpResponse response, int status, IReadOnlyList<string> complaints)
    {
        response.StatusCode = status;
        return response.WriteAsJsonAsync(new { type = "about:blank", title = ReasonPhrases.GetReasonPhrase(status), status, detail = string.Join(' ', complaints), errors = complaints },
            options: null, ContentType, response.HttpContext.RequestAborted);
    }

    /// <summary>
    /// Answers with the status. Fields that were set are dropped. The response must not have started. The answer to HEAD has the fields
    /// of the answer to GET, without its body. A 4xx is the connection's last answer: after a request that is not to be trusted, neither is
    /// what follows it.
    /// </summary>
    public static Task WriteAsync(HttpResponse response, int status)
    {
        var body = Body(status);
        response.Clear();
        response.StatusCode = status;
        response.Headers.CacheControl = CacheControl;
        if (status is >= 400 and < 500)
            response.Headers.Connection = "close";
        if (body.IsEmpty)
            return Task.CompletedTask;
        response.ContentType = ContentType;
        response.ContentLength = body.Length;
        return response.HttpContext.Request.Method == HttpMethods.Head
            ? Task.CompletedTask
            : response.Body.WriteAsync(body, response.HttpContext.RequestAborted).AsTask();
    }
}
