using System.Text;

namespace AppHost;

/// <summary>What the user reads when all is up.</summary>
internal static class Welcome
{
    public static string Text(RunningService api, IReadOnlyList<RunningService> proxies, RunningService? redis)
    {
        var item = new Uri(proxies[0].Address, "/items/1");
        var text = new StringBuilder().AppendLine().AppendLine($"  items API   {api.Address}   (its page: {new Uri(api.Address, "/swagger")})");
        foreach (var proxy in proxies)
            text.AppendLine($"  {proxy.Name,-10}  {proxy.Address}   (its metrics: {proxy.Metrics})");
        if (redis is not null)
            text.AppendLine($"  {redis.Name,-10}  {redis.Address.Authority}   (what they share)");
        text.AppendLine($$"""

            Try it, and look at the Cache-Status and Age fields of the answers:

              curl -si {{item}}      # a miss: the proxy asks the API and keeps the answer
              curl -si {{item}}      # a hit: the API is not asked
              curl -si -X PUT {{item}} -H 'Content-Type: application/json' -d '{"name":"Lamp, dimmed","price":9.5}'
              curl -si {{item}}      # fresh: the write made the proxy forget what it kept
            """);
        if (redis is not null && proxies.Count > 1)
        {
            var (first, second) = (new Uri(proxies[0].Address, "/items/2"), new Uri(proxies[1].Address, "/items/2"));
            text.AppendLine($$"""

                And the levels, from one proxy to the other. Host is part of the URL that is cached, so both are asked by the same name:

                  curl -si -H Host:shop.example {{first}}      # a miss: the API is asked, and the answer goes to Redis as well
                  curl -si -H Host:shop.example {{second}}      # detail=remote: found there
                  curl -si -H Host:shop.example {{second}}      # a hit: in this proxy's memory from now on
                  curl -si -H Host:shop.example -X PUT {{first}} -H 'Content-Type: application/json' -d '{"name":"Chair, oiled","price":59}'
                  curl -si -H Host:shop.example {{second}}      # fresh: written through one, seen on the other
                """);
        }
        return text.AppendLine().AppendLine("Ctrl-C ends all.").ToString();
    }
}
