using System.Text;

namespace AppHost;

/// <summary>What the user reads when all is up.</summary>
internal static class Welcome
{
    public static string Text(RunningService api, IReadOnlyList<RunningService> proxies)
    {
        var item = new Uri(proxies[0].Address, "/items/1");
        var text = new StringBuilder().AppendLine().AppendLine($"  items API   {api.Address}   (its page: {new Uri(api.Address, "/swagger")})");
        foreach (var proxy in proxies)
            text.AppendLine($"  {proxy.Name,-10}  {proxy.Address}   (its metrics: {proxy.Metrics})");
        return text.AppendLine($$"""

            Try it, and look at the Cache-Status and Age fields of the answers:

              curl -si {{item}}      # a miss: the proxy asks the API and keeps the answer
              curl -si {{item}}      # a hit: the API is not asked
              curl -si -X PUT {{item}} -H 'Content-Type: application/json' -d '{"name":"Lamp, dimmed","price":9.5}'
              curl -si {{item}}      # fresh: the write made the proxy forget what it kept

            Ctrl-C ends all.
            """).ToString();
    }
}
