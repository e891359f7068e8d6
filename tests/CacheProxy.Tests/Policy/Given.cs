using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Keys;
using CacheProxy.Policy;
using CacheProxy.Storage;
using CacheProxy.Tests.Http;

namespace CacheProxy.Tests.Policy;

/// <summary>Policies and stored responses of the tables.</summary>
internal static class Given
{
    /// <summary>The origin's words alone.</summary>
    public static readonly CachePolicy Rfc9111 = new()
    {
        DefaultLifetime = TimeSpan.Zero,
        MaxAge = null,
        HeuristicFreshness = true,
        Keep = TimeSpan.FromHours(1),
    };

    /// <summary>60 s where the origin says nothing, nothing older than 60 s.</summary>
    public static readonly CachePolicy OneMinute = new()
    {
        DefaultLifetime = TimeSpan.FromSeconds(60),
        MaxAge = TimeSpan.FromSeconds(60),
        HeuristicFreshness = false,
        Keep = TimeSpan.FromHours(1),
    };

    public static CachePolicy Named(string name) => name switch
    {
        "rfc" => Rfc9111,
        "rfc, honour" => Rfc9111 with { HonorRequestDirectives = true },
        "rfc, keep nothing" => Rfc9111 with { Keep = TimeSpan.Zero },
        "rfc, stale if error" => Rfc9111 with { DefaultStaleIfError = TimeSpan.FromSeconds(100) },
        "minute" => OneMinute,
        "minute, honour" => OneMinute with { HonorRequestDirectives = true },
        "minute, cookies" => OneMinute with { DefaultLifetimeWithCookie = true },
        "minute, negative" => OneMinute with { NegativeLifetime = TimeSpan.FromSeconds(5) },
        "minute, heuristic" => OneMinute with { HeuristicFreshness = true },
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    /// <summary>A response received at <see cref="HeaderText.Now"/> as the proxy would store it; lifetime by <see cref="Storability"/>.</summary>
    public static StoredResponse Stored(string response, CachePolicy policy, string request = "")
    {
        var head = HeaderText.Response(response);
        var forwarded = HeaderText.Request(request);
        var age = Freshness.InitialAge(head, HeaderText.Now, TimeSpan.Zero);
        var decision = Storability.Decide(forwarded, head, age, policy);
        return new StoredResponse(new ResponseHead(200, null, Validation.StoredFields(head), HeaderText.Now), Body.Empty)
        {
            ResponseTime = HeaderText.Now,
            InitialAge = age,
            FreshnessLifetime = decision.FreshnessLifetime,
            VaryFields = Vary.Fields(head.Vary) ?? [],
            VaryValues = [],
            Fence = new Fence("http://a/x", Array.Empty<string>(), fill: 1),
            RequestWasAuthorized = forwarded.HasAuthorization,
        };
    }
}
