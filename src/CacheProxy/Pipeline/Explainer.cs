using System.Text;
using CacheProxy.Fetching;
using CacheProxy.Http;
using CacheProxy.Keys;
using CacheProxy.Policy;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Model;

namespace CacheProxy.Pipeline;

/// <summary>
/// Says what the cache would do with a request now, without doing it: the way of a request (<see cref="HttpCacheMiddleware"/>), asked with
/// the same functions. Nothing is forwarded, counted or changed, but that what is found counts as used when it comes to eviction.
/// </summary>
internal sealed class Explainer
{
    private readonly CacheCore _core;
    private readonly EndpointRouting _routing;

    public Explainer(CacheCore core, EndpointRouting routing) => (_core, _routing) = (core, routing);

    /// <param name="method">The method, in its own case.</param>
    /// <param name="scheme"><c>http</c> or <c>https</c>, as clients use it.</param>
    /// <param name="host">Host, with its port, as clients write it.</param>
    /// <param name="target">Path and query as they stand in the request line.</param>
    /// <param name="fields">The request's fields.</param>
    public async Task<Explanation> ExplainAsync(string method, string scheme, string host, string target, IHeaderDictionary fields)
    {
        var now = _core.Clock.Now;
        if (TargetUri.Read(scheme, host, target, out var uri) != TargetError.None)
            return new Explanation("refuse", "The request target has no single reading; the answer is 400.");
        ForwardedFields.RemoveNamed(fields.Connection, fields);

        if (await RouteOfAsync(method, uri, fields) is not { } route)
            return new Explanation("refuse", "No route of the proxy leads there; the answer is 404.");
        var settings = _core.Routes.For(route);
        uri = uri with { Target = settings.QueryRules?.Apply(uri.Target) ?? uri.Target };
        uri = _core.Keyed(uri, settings);
        var key = CacheKey.Text(uri);
        var explanation = new Explanation("pass", "") { Route = route.Config.RouteId, Key = key, Now = now };

        if (method is not ("GET" or "HEAD"))
            return explanation with { Because = "Only GET and HEAD are explained; other methods go to the origin, and unsafe ones invalidate this key when they succeed." };
        if (!settings.Enabled)
            return explanation with { Because = "The route is not cached (Enabled is false, or it is selected by request fields)." };
        var head = new RequestHead(method, fields, _core.CredentialFields);
        if (head.HasOriginPreconditions)
            return explanation with { Because = "If-Match and If-Unmodified-Since are for the origin to evaluate." };

        var (resource, stored, decision) = _core.Look(uri, head, now, settings, default);
        var isMissing = decision.Verb is ReuseVerb.Serve or ReuseVerb.ServeStale && stored!.IsIncomplete && IsMissing(key, head, stored, settings);
        var isPassed = decision.Verb is ReuseVerb.Forward or ReuseVerb.Validate
            && (method == "HEAD" || (settings.Policy.HonorRequestDirectives && head.CacheControl.NoStore));
        return explanation with
        {
            Verdict = isPassed ? "pass" : isMissing ? head.CacheControl.OnlyIfCached ? "only-if-cached" : "fetch" : VerdictOf(decision.Verb),
            Because = isMissing ? "It is too large to be stored whole, and of its parts some that this request needs are not stored, or of no use for a while (UncacheableMemory)." : BecauseOf(decision.Reason, resource, stored),
            KeptUntil = resource?.Expires,
            Variants = resource is null ? [] : [.. resource.Variants.ToArray().Select(variant => Describe(variant, stored, fields, now))],
            LastRefusal = _core.Refusals.Find(key),
        };
    }

    private bool IsMissing(string key, in RequestHead head, StoredResponse stored, RouteSettings settings)
    {
        if (HttpMethods.IsHead(head.Method) || !stored.TryHold())
            return false;
        try
        {
            var selection = Delivery.SelectionOf(head, stored);
            var grid = new PartGrid(Parts.SizeFor(settings.MaxBodyBytes), stored.BodyLength);
            return selection.Length > 0 && (selection.Parts is not null || grid.Size == 0
                || _core.Coalescer.IsUncacheable(CollapseKey.Of(key, head.HasCredentials, stored.VaryFields, head.Fields), _core.Clock.Now) || grid.Count > _core.Parts.Most(grid.Size) && selection.StatusCode == StatusCodes.Status200OK
                || _core.Parts.Missing(key, grid, selection.Offset, selection.Offset + selection.Length, stored, stored.ReadHead(), head.Fields) is not null);
        }
        finally
        {
            stored.Release();
        }
    }

    private static string VerdictOf(ReuseVerb verb) => verb switch
    {
        ReuseVerb.Serve => "hit",
        ReuseVerb.ServeStale => "stale",
        ReuseVerb.Validate => "validate",
        ReuseVerb.GatewayTimeout => "only-if-cached",
        _ => "fetch",
    };

    private static string BecauseOf(ReuseReason reason, CachedResource? resource, StoredResponse? stored) => reason switch
    {
        ReuseReason.Fresh => "A fresh response is stored.",
        ReuseReason.StaleWhileRevalidate => "A stale response is stored that its stale-while-revalidate still allows; it is refreshed behind the answer.",
        ReuseReason.MaxStale => "A stale response is stored, and the request's max-stale takes it.",
        ReuseReason.Stale => "The stored response is stale, or older than the route's MaxAge.",
        ReuseReason.NoCache => "The stored response says no-cache: the origin is asked each time.",
        ReuseReason.OutOfTouch => "This node has lost touch with the others and could not know of an invalidation: the origin is asked each time.",
        ReuseReason.Invalidated => "An invalidation asks for validation before the stored response is used again.",
        ReuseReason.Miss when stored is not null => "The stored response is hidden by an invalidation, or was given to a request with Authorization alone.",
        ReuseReason.Request => "The request's directives, or its credentials where the lifetime is the proxy's own, keep the stored response from it.",
        _ when resource is null => "Nothing is stored under this key.",
        _ => "No stored variant is for this request.",
    };

    private VariantExplanation Describe(StoredResponse variant, StoredResponse? selected, IHeaderDictionary fields, DateTimeOffset now)
    {
        var age = variant.AgeAt(now);
        var vary = new List<VaryExplanation>();
        for (var i = 0; i < variant.VaryFields.Length; i++)
        {
            var name = variant.VaryFields[i];
            fields.TryGetValue(name, out var lines);
            vary.Add(new VaryExplanation(name, IsSecret(name) ? "(not shown)" : variant.VaryValues[i], VaryValue.Equals(name, variant.VaryValues[i], lines)));
        }
        return new VariantExplanation(variant, ReferenceEquals(variant, selected), EntityTagOf(variant), age, now + (variant.FreshnessLifetime - age), vary);
    }

    private static string? EntityTagOf(StoredResponse variant)
    {
        if (!variant.Facts.HasEntityTag || !variant.TryHold())
            return null;
        var tag = Encoding.Latin1.GetString(variant.EntityTag);
        variant.Release();
        return tag;
    }

    private bool IsSecret(string field) =>
        field.Equals("Authorization", StringComparison.OrdinalIgnoreCase) || field.Equals("Cookie", StringComparison.OrdinalIgnoreCase)
        || _core.CredentialFields.Contains(field, StringComparer.OrdinalIgnoreCase);

    private async Task<RouteModel?> RouteOfAsync(string method, TargetUri uri, IHeaderDictionary fields)
    {
        var features = new FeatureCollection();
        features.Set<IHttpRequestFeature>(EndpointRouting.RequestOf(method, uri, new HeaderDictionary(fields.ToDictionary(f => f.Key, f => f.Value, StringComparer.OrdinalIgnoreCase))));
        features.Set<IHttpResponseFeature>(new HttpResponseFeature());
        features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(Stream.Null));
        return (await _routing.FindAsync(new DefaultHttpContext(features)))?.Metadata.GetMetadata<RouteModel>();
    }
}

/// <param name="Verdict">hit, stale, validate, fetch, pass, only-if-cached or refuse.</param>
/// <param name="Because">A sentence.</param>
internal sealed record Explanation(string Verdict, string Because)
{
    public DateTimeOffset Now { get; init; }

    public string? Route { get; init; }

    public string? Key { get; init; }

    /// <summary>When the last variant is of no more use, if it is not evicted before.</summary>
    public DateTimeOffset? KeptUntil { get; init; }

    public IReadOnlyList<VariantExplanation> Variants { get; init; } = [];

    /// <summary>Why the last response for the key was not stored; <c>null</c> when it was, or when that is not known.</summary>
    public Refusals.Refusal? LastRefusal { get; init; }
}

/// <param name="Stored">The stored response.</param>
/// <param name="IsSelected">It is the one that the request selects.</param>
/// <param name="EntityTag">Its entity tag; <c>null</c> when it has none, or is gone meanwhile.</param>
/// <param name="Age">Its age now.</param>
/// <param name="FreshUntil">When its age reaches its lifetime; may be past.</param>
/// <param name="Vary">The fields that select it.</param>
internal sealed record VariantExplanation(
    StoredResponse Stored, bool IsSelected, string? EntityTag, TimeSpan Age, DateTimeOffset FreshUntil, IReadOnlyList<VaryExplanation> Vary);

/// <param name="Field">A field that Vary names.</param>
/// <param name="Value">The value that the stored response is for; <c>null</c> when the field was absent.</param>
/// <param name="Matches">Whether the request has it.</param>
internal sealed record VaryExplanation(string Field, string? Value, bool Matches);
