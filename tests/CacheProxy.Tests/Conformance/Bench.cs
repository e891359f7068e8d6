using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Tests.Conformance;

/// <summary>A proxy in profile Rfc9111 before an origin that follows the script of a table row. Each row has a URL of its own.</summary>
public partial class Bench : IAsyncLifetime
{
    private readonly ConcurrentDictionary<string, Step> _current = new();
    private readonly ConcurrentDictionary<string, OriginRequest> _seen = new();
    private ScriptedOrigin? _origin;
    private RunningProxy? _proxy;
    private int _rows;

    private protected RunningProxy Proxy => _proxy!;

    internal virtual void Configure(CacheProxyOptions options) => options.Profile = CacheProfile.Rfc9111;

    public async ValueTask InitializeAsync()
    {
        _origin = new ScriptedOrigin(AnswerAsync);
        _proxy = await RunningProxy.StartAsync(_origin.Address, Configure);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _proxy!.DisposeAsync();
        await _origin!.DisposeAsync();
    }

    /// <summary>Asks step by step; the time before a step has passed when it is asked.</summary>
    internal async Task<IReadOnlyList<Answer>> RunAsync(params Step[] steps)
    {
        var path = NewPath();
        var answers = new List<Answer>();
        foreach (var step in steps)
        {
            Proxy.Time.Advance(TimeSpan.FromSeconds(step.After));
            var target = path + step.Query;
            _current[target] = step;
            _seen.TryRemove(target, out _);
            using var response = await Proxy.SendAsync(new HttpMethod(step.Method), target, Lines(step.Request).ToArray());
            var body = await response.Content.ReadAsStringAsync();
            await Proxy.WaitForFetchesAsync();
            _seen.TryGetValue(target, out var asked);
            answers.Add(new Answer(response, body, asked, Field(response, "Cache-Status")?.Contains("; hit", StringComparison.Ordinal) is true));
        }
        return answers;
    }

    private protected string NewPath() => $"/row/{Interlocked.Increment(ref _rows)}";

    /// <summary>Of one step, all that comes over the wire.</summary>
    internal async Task<WireAnswer> WireAsync(string path, Step step)
    {
        _current[path] = step;
        var answer = await WireClient.AnswerAsync(Proxy.Address, "GET", path);
        await Proxy.WaitForFetchesAsync();
        return answer;
    }

    /// <summary>How the last step is answered: hit, validated (the origin was asked with a condition), or miss.</summary>
    internal async Task<string> LastAsync(params Step[] steps) => (await RunAsync(steps))[^1].How;

    internal static string? Field(HttpResponseMessage response, string name) =>
        response.Headers.NonValidated.TryGetValues(name, out var values) || response.Content.Headers.NonValidated.TryGetValues(name, out values)
            ? string.Join(", ", values)
            : null;

    private async Task AnswerAsync(OriginRequest request)
    {
        _seen[request.Target] = request;
        var step = _current[request.Target];
        if (step.Status == "close")
        {
            request.Close();
            return;
        }
        var isConditional = request["If-None-Match"] is not null || request["If-Modified-Since"] is not null;
        var status = isConditional ? "304 Not Modified" : step.Status;
        var hasBody = !isConditional && !step.Status.StartsWith("204", StringComparison.Ordinal);
        var fields = Lines(step.Response).Select(line => line + "\r\n").Where(line => !isConditional || !line.StartsWith("Content-Length", StringComparison.Ordinal));
        var length = hasBody && !step.Response.Contains("Content-Length", StringComparison.Ordinal) ? $"Content-Length: {step.Body.Length}\r\n" : "";
        await request.WriteAsync($"{step.Interim}HTTP/1.1 {status}\r\n{string.Concat(fields)}{length}\r\n{(hasBody && request.Method != "HEAD" ? step.Body : "")}");
    }

    /// <summary>Fields between bars; <c>@-10</c> is the date ten seconds ago.</summary>
    private IEnumerable<string> Lines(string fields) =>
        fields.Split(" | ", StringSplitOptions.RemoveEmptyEntries).Select(line => Offset().Replace(line, match =>
            Proxy.Time.GetUtcNow().AddSeconds(int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).ToString("R", CultureInfo.InvariantCulture)));

    [GeneratedRegex(@"@([+-]\d+)")]
    private static partial Regex Offset();
}

/// <summary>A request and what the origin would say to it.</summary>
/// <param name="Response">The origin's fields.</param>
/// <param name="Request">The request's fields.</param>
/// <param name="After">Seconds since the step before.</param>
/// <param name="Status">The origin's status; <c>close</c>: it closes the connection.</param>
/// <param name="Interim">What comes before the response, as it is.</param>
internal sealed record Step(
    string Response, string Request = "", int After = 0, string Status = "200 OK", string Method = "GET", string Body = "0123456789", string Query = "",
    string Interim = "");

/// <param name="Response">To the client.</param>
/// <param name="Body">Of it.</param>
/// <param name="Asked">What the origin saw; <c>null</c> when it was not asked.</param>
/// <param name="IsHit">Cache-Status says hit, which a stale answer that is refreshed behind is too.</param>
internal sealed record Answer(HttpResponseMessage Response, string Body, OriginRequest? Asked, bool IsHit)
{
    public string How => IsHit ? "hit" : (Asked?["If-None-Match"] ?? Asked?["If-Modified-Since"]) is not null ? "validated" : "miss";

    public HttpStatusCode Status => Response.StatusCode;

    public string? this[string name] => Bench.Field(Response, name);
}
