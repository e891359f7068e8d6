namespace CacheProxy.Tests.Scenarios;

/// <summary>The oracle for poisoning: what a victim gets after an attack equals what the victim gets alone.</summary>
internal static class SecurityOracle
{
    /// <summary>
    /// An origin at its worst: it tells all that it received (method, target, fields but the trace's and the proxy's own name), and says nothing of how long that
    /// may be kept.
    /// </summary>
    public static ScriptedOrigin Telling(string fields = "") =>
        ScriptedOrigin.Answering(r => r.Method == "HEAD" ? $"HTTP/1.1 200 OK\r\n{fields}\r\n" : StoryTests.Respond(Told(r), "200 OK", fields));

    /// <summary>What <see cref="Telling"/> tells.</summary>
    public static string Told(OriginRequest request) => string.Join('\n',
        request.Head.Split("\r\n", StringSplitOptions.RemoveEmptyEntries)
            .Where(l => !l.StartsWith("traceparent", StringComparison.OrdinalIgnoreCase))
            .Where(l => !System.Text.RegularExpressions.Regex.IsMatch(l, "^CDN-Loop: CacheProxy-[0-9a-f]{12}$")).Append(System.Text.Encoding.Latin1.GetString(request.Body)));

    /// <summary>Both requests are texts; the attack goes first, on another connection.</summary>
    public static async Task HoldsAsync(ScriptedOrigin origin, string attack, string victim, Action<CacheProxyOptions>? configure = null)
    {
        await using var calm = await RunningProxy.StartAsync(origin.Address, configure);
        var alone = await RawClient.AskAsync(calm, victim);
        alone.Status.ShouldBeGreaterThan(0);

        await using var attacked = await RunningProxy.StartAsync(origin.Address, configure);
        await RawClient.AskAsync(attacked, attack);
        (await RawClient.AskAsync(attacked, victim)).Seen.ShouldBe(alone.Seen);
        // Once more: the attack may have changed what the victim leaves behind.
        (await RawClient.AskAsync(attacked, victim)).Seen.ShouldBe(alone.Seen);
    }
}
