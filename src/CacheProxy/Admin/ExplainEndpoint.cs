using System.Buffers;
using System.Text.Json;
using CacheProxy.Pipeline;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Admin;

/// <summary>
/// <c>GET /explain?url=...&amp;method=...&amp;header=Name: value</c>, or POST with the same as JSON: what the cache would do with that request.
/// </summary>
internal sealed class ExplainEndpoint(Explainer explainer)
{
    private const int MaxJsonBytes = 64 << 10;

    public async Task GetAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var fields = new HeaderDictionary();
        foreach (var line in query["header"])
        {
            var colon = line?.IndexOf(':') ?? -1;
            if (colon <= 0)
            {
                await RefuseAsync(context, "Each header is written as 'Name: value'.");
                return;
            }
            fields.Append(line![..colon].Trim(), line[(colon + 1)..].Trim());
        }
        await AnswerAsync(context, query["url"].ToString(), query["method"].ToString(), fields);
    }

    public async Task PostAsync(HttpContext context)
    {
        if (context.Request.ContentLength is not (>= 0 and <= MaxJsonBytes))
        {
            await RefuseAsync(context, $"The body is a JSON object of at most {MaxJsonBytes} bytes, with a Content-Length.");
            return;
        }
        try
        {
            using var json = await JsonDocument.ParseAsync(context.Request.Body, default, context.RequestAborted);
            var fields = new HeaderDictionary();
            if (json.RootElement.TryGetProperty("fields", out var given))
                foreach (var field in given.EnumerateObject())
                    fields[field.Name] = field.Value.ValueKind == JsonValueKind.Array
                        ? field.Value.EnumerateArray().Select(line => line.GetString()).ToArray()
                        : field.Value.GetString();
            await AnswerAsync(context, Text(json.RootElement, "url"), Text(json.RootElement, "method"), fields);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            await RefuseAsync(context, """The body is a JSON object such as {"url":"http://a/b","method":"GET","fields":{"Accept":"text/html"}}.""");
        }
    }

    private async Task AnswerAsync(HttpContext context, string url, string method, HeaderDictionary fields)
    {
        var schemeEnd = url.IndexOf("://", StringComparison.Ordinal);
        var scheme = schemeEnd > 0 ? url[..schemeEnd].ToLowerInvariant() : "";
        var rest = schemeEnd > 0 ? url[(schemeEnd + 3)..] : "";
        var end = rest.IndexOfAny(['/', '?', '#']);
        var host = end < 0 ? rest : rest[..end];
        if (scheme is not ("http" or "https") || host.Length == 0)
        {
            await RefuseAsync(context, "url is the absolute URL that a client would ask for, such as http://localhost:8080/items/1.");
            return;
        }
        // As it is written: no parser of URLs in between that would make it another.
        var target = end < 0 ? "/" : rest[end] == '/' ? rest[end..] : "/" + rest[end..];
        var explanation = await explainer.ExplainAsync(method.Length == 0 ? "GET" : method, scheme, host, target, fields);
        await WriteAsync(context.Response, explanation);
    }

    private static string Text(JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";

    private static async Task WriteAsync(HttpResponse response, Explanation explanation)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
            Write(json, explanation);
        response.ContentType = "application/json";
        await response.Body.WriteAsync(buffer.WrittenMemory, response.HttpContext.RequestAborted);
    }

    private static void Write(Utf8JsonWriter json, Explanation explanation)
    {
        json.WriteStartObject();
        json.WriteString("verdict", explanation.Verdict);
        json.WriteString("because", explanation.Because);
        json.WriteString("route", explanation.Route);
        json.WriteString("key", explanation.Key);
        if (explanation.KeptUntil is { } kept)
            json.WriteString("keptUntil", kept.UtcDateTime);
        json.WriteStartArray("variants");
        foreach (var variant in explanation.Variants)
            Write(json, variant);
        json.WriteEndArray();
        if (explanation.LastRefusal is { } refusal)
        {
            json.WriteStartObject("lastNotStored");
            json.WriteString("reason", CacheStatusText.DetailOf(refusal.Reason));
            json.WriteNumber("status", refusal.StatusCode);
            json.WriteString("at", refusal.At.UtcDateTime);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, VariantExplanation variant)
    {
        var stored = variant.Stored;
        json.WriteStartObject();
        json.WriteBoolean("selected", variant.IsSelected);
        json.WriteNumber("status", stored.Facts.StatusCode);
        json.WriteNumber("bodyBytes", stored.BodyLength);
        if (stored.IsIncomplete)
            json.WriteBoolean("inParts", true);
        json.WriteNumber("ageSeconds", (long)variant.Age.TotalSeconds);
        json.WriteNumber("lifetimeSeconds", (long)stored.FreshnessLifetime.TotalSeconds);
        json.WriteString("freshUntil", variant.FreshUntil.UtcDateTime);
        json.WriteString("entityTag", variant.EntityTag);
        json.WriteString("lastModified", stored.Facts.LastModified?.UtcDateTime.ToString("O"));
        json.WriteStartArray("vary");
        foreach (var field in variant.Vary)
        {
            json.WriteStartObject();
            json.WriteString("field", field.Field);
            json.WriteString("value", field.Value);
            json.WriteBoolean("matches", field.Matches);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <param name="context">The operator's.</param>
    /// <param name="detail">What is wrong, without anything of the request in it.</param>
    private static async Task RefuseAsync(HttpContext context, string detail)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("type", "about:blank");
            json.WriteString("title", "Bad Request");
            json.WriteNumber("status", StatusCodes.Status400BadRequest);
            json.WriteString("detail", detail);
            json.WriteEndObject();
        }
        context.Response.StatusCode = StatusCodes.Status400BadRequest;
        context.Response.ContentType = ProblemResponse.ContentType;
        await context.Response.Body.WriteAsync(buffer.WrittenMemory, context.RequestAborted);
    }
}
