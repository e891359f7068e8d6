using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Keys;
using CacheProxy.Policy;
using CacheProxy.Storage;
using CacheProxy.Tests.Http;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Tests.Policy;

/// <summary>
/// Whole heads of any text: policy never throws, never reuses what may not be shared, and never lets anything live longer than the origin, the
/// policy or the clock allows. What the origin allowed is told here by other means than the code's: by what was put into the text.
/// </summary>
public class AnyHeaderTests
{
    private static readonly string[] Names =
        ["Cache-Control", "CDN-Cache-Control", "CacheProxy-Cache-Control", "Expires", "Date", "Age", "Last-Modified", "ETag", "Vary", "Pragma", "Connection", "Content-Length", "Set-Cookie"];

    private static readonly string[] Pieces =
    [
        "max-age=", "s-maxage=", "stale-while-revalidate=", "stale-if-error=", "no-cache", "no-store", "private", "public", "must-revalidate", "must-understand",
        "=\"", "\"", ", ", ",", ";", "=", " ", "\t", "0", "1", "10", "99999999999999999999", "-1", "*", "Foo", "é", "\\", "(", ")", "?1", "?0", "W/\"a\"",
        "Thu, 18 Aug 2050 02:01:18 GMT", "Wed, 04 Mar 2026 05:06:07 GMT", "Wed, 04 Mar 2026 04:06:07 GMT", "\0", "max-stale", "min-fresh=5", "only-if-cached", "max-age =5",
    ];

    private static readonly Arbitrary<(string Name, string Value)[]> Heads = (
        from count in Gen.Choose(0, 6)
        from fields in (from name in Gen.Elements(Names) from pieces in Gen.Elements(Pieces).ListOf() select (name, string.Concat(pieces.Take(7)))).ListOf(count)
        select fields.ToArray()).ToArbitrary();

    private static readonly CachePolicy[] Policies =
    [
        Given.Rfc9111 with { DefaultStaleIfError = TimeSpan.FromMinutes(1) },
        Given.Rfc9111 with { HonorRequestDirectives = true, StoreSetCookie = true },
        Given.OneMinute with { DefaultStaleIfError = TimeSpan.FromMinutes(1) },
        Given.OneMinute with { HonorRequestDirectives = true, NegativeLifetime = TimeSpan.FromSeconds(30), DefaultLifetimeWithCookie = true },
    ];

    private static readonly int[] Statuses = [200, 203, 204, 206, 301, 304, 404, 416, 500, 599];

    [Fact]
    public void No_head_makes_policy_throw_or_break_its_bounds() => Prop.ForAll(Heads, Heads, Gen.Choose(0, 4000).ToArbitrary(), (response, request, seed) =>
    {
        var policy = Policies[seed % Policies.Length];
        if (seed % 3 == 0) // random text seldom asks for much, and may then be refused
            response = [("Cache-Control", "max-age=10, stale-while-revalidate=9999, stale-if-error=9999")];
        if (seed % 2 == 0)
            request = [("Cache-Control", "max-stale")];
        var head = new ResponseHead(Statuses[seed % Statuses.Length], null, Fields(response), HeaderText.Now);
        var asked = Request(request);
        var age = Freshness.InitialAge(head, HeaderText.Now, TimeSpan.FromSeconds(seed % 3));
        var decision = Storability.Decide(asked, head, age, policy);
        if (!decision.Store)
            return true;

        var now = HeaderText.Now.AddSeconds(seed);
        var stored = Stored(head, asked, age, decision);
        var reuse = Reuse.Decide(asked, stored, MarkStrength.None, isTrusted: true, now, policy);
        var isServed = reuse.Verb is ReuseVerb.Serve or ReuseVerb.ServeStale;
        var kept = stored.ReadHead();
        Validation.Freshen(kept, head, now, policy.StoreSetCookie);
        Preconditions.Evaluate(asked, kept, 10);
        stored.Release();

        return decision.FreshnessLifetime >= TimeSpan.Zero
            && (policy.MaxAge is not { } bound || ((!isServed || reuse.Age <= bound) && (!Reuse.MayServeOnError(stored, now, policy) || stored.AgeAt(now) <= bound)))
            && (!isServed || reuse.Age <= Longest(head, policy, asked));
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));

    [Theory]
    [InlineData("Cache-Control", "no-store")]
    [InlineData("Cache-Control", "private")]
    [InlineData("Vary", "*")]
    public void Nothing_beside_it_makes_shareable_what_is_not(string name, string value) => Prop.ForAll(Heads, head =>
    {
        // A targeted field replaces Cache-Control, must-understand its no-store; a quote left open may swallow what stands behind it.
        var fields = head.Where(field => !field.Name.EndsWith("-Cache-Control", StringComparison.Ordinal) && !field.Value.Contains("must-understand", StringComparison.Ordinal))
            .Prepend((name, value)).ToArray();
        return Policies.All(policy => !Storability.Decide(
            HeaderText.Request(), new ResponseHead(200, null, Fields(fields), HeaderText.Now), TimeSpan.Zero, policy).Store);
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

    [Fact]
    public void Nothing_in_a_stale_must_revalidate_response_lets_it_be_served() => Prop.ForAll(Heads, Heads, (response, request) =>
    {
        var fields = response.Where(field => !field.Name.EndsWith("-Cache-Control", StringComparison.Ordinal)).Prepend(("Cache-Control", "must-revalidate")).ToArray();
        var head = new ResponseHead(200, null, Fields(fields), HeaderText.Now);
        return Policies.All(policy =>
        {
            var decision = Storability.Decide(HeaderText.Request(), head, TimeSpan.Zero, policy);
            if (!decision.Store)
                return true;
            var stored = Stored(head, HeaderText.Request(), TimeSpan.Zero, decision);
            var now = HeaderText.Now + decision.FreshnessLifetime;
            return Reuse.Decide(Request(request), stored, MarkStrength.None, isTrusted: true, now, policy).Verb is not (ReuseVerb.Serve or ReuseVerb.ServeStale)
                && !Reuse.MayServeOnError(stored, now, policy);
        });
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

    /// <summary>The oldest that anything in these texts could allow: the sum of all numbers that directives have, and the span of all dates.</summary>
    private static TimeSpan Longest(ResponseHead head, CachePolicy policy, in RequestHead request)
    {
        var text = string.Concat(head["Cache-Control"].Concat(head["CDN-Cache-Control"]).Concat(head["CacheProxy-Cache-Control"]));
        var digits = new string([.. text.Where(char.IsAsciiDigit)]);
        var numbers = digits.Length > 9 ? 2 * DeltaSeconds.Maximum : digits.Length == 0 ? 0 : 4 * long.Parse(digits, null);
        var dates = head.HasExpires ? DeltaSeconds.Maximum : 0;
        var guess = head.LastModified is null ? 0 : (long)Freshness.MaxHeuristicLifetime.TotalSeconds;
        var default_ = (long)(policy.DefaultLifetime + policy.NegativeLifetime).TotalSeconds;
        var taken = policy.HonorRequestDirectives && request.CacheControl.MaxStale is not null ? 2 * DeltaSeconds.Maximum : 0;
        return TimeSpan.FromSeconds(numbers + dates + guess + default_ + taken);
    }

    private static KeyValuePair<string, StringValues>[] Fields((string Name, string Value)[] fields) =>
        [.. fields.GroupBy(field => field.Name).Select(group => new KeyValuePair<string, StringValues>(group.Key, group.Select(field => field.Value).ToArray()))];

    private static RequestHead Request((string Name, string Value)[] fields) =>
        new("GET", new Dictionary<string, StringValues>(Fields(fields), StringComparer.OrdinalIgnoreCase));

    private static StoredResponse Stored(ResponseHead head, in RequestHead request, TimeSpan age, StoreDecision decision) => new(Validation.StoredHead(head), Body.Empty)
    {
        ResponseTime = HeaderText.Now,
        InitialAge = age,
        FreshnessLifetime = decision.FreshnessLifetime,
        VaryFields = Vary.Fields(head.Vary) ?? [],
        VaryValues = Vary.Values(Vary.Fields(head.Vary) ?? [], request.Fields),
        Fence = new Fence("http://a/", Array.Empty<string>(), 1),
        RequestWasAuthorized = request.HasAuthorization,
    };
}
