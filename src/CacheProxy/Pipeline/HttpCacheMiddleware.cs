using CacheProxy.Coherence;
using CacheProxy.Diagnostics;
using CacheProxy.Fetching;
using CacheProxy.Http;
using CacheProxy.Invalidation;
using CacheProxy.Keys;
using CacheProxy.Policy;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Model;

namespace CacheProxy.Pipeline;

/// <summary>
/// The story of one request, as the first step of YARP's pipeline:
/// (1) the request line has one reading, or is refused; (2) what no cache answers passes; (3) the key finds the stored responses, and Vary
/// picks one; (4) policy decides on it; (5) it is delivered, or the origin is asked, once for all who wait.
/// </summary>
/// <remarks>A hit is synchronous from <see cref="InvokeAsync"/> up to the write: no lock, no state machine, no string for the key.</remarks>
internal sealed partial class HttpCacheMiddleware(RequestDelegate next, CacheCore core)
{
    public Task InvokeAsync(HttpContext context)
    {
        var now = core.Clock.Now;
        var request = context.Request;
        var raw = context.Features.GetRequiredFeature<IHttpRequestFeature>();

        // (1) One reading of the request line.
        if (IsWithoutPath(request))
            return request.Method == HttpMethods.Connect ? RefuseAsync(context, StatusCodes.Status405MethodNotAllowed)
                : PassAsync(context, default, ForwardReason.Method);
        if (TargetUri.Read(request.Scheme, request.Host.Value ?? "", raw.RawTarget, out var uri) != TargetError.None)
            return RefuseAsync(context, StatusCodes.Status400BadRequest);
        raw.RawTarget = uri.Target;
        if (!ReferenceEquals(uri.Host, request.Host.Value))
            request.Host = new HostString(uri.Host);

        if (request.Headers.Connection is { Count: > 0 } connection)
            ForwardedFields.RemoveNamed(connection, request.Headers); // before anything is read of them

        // (2) What no cache answers.
        var settings = core.Routes.For(context.GetReverseProxyFeature().Route);
        if (request.Method != HttpMethods.Get && request.Method != HttpMethods.Head)
            return OtherMethodAsync(context, uri, settings);
        if (!settings.Enabled)
            return PassAsync(context, uri, ForwardReason.Bypass);
        if (settings.QueryRules is { } rules)
            ApplyRules(rules, request, raw, ref uri);
        if (HasBodyOrUpgrade(context))
            return PassAsync(context, uri, ForwardReason.Bypass);
        if (settings.NoVarySearch)
            uri = core.Keyed(uri, settings); // for the key alone: the origin is asked as the client asked
        var need = SessionToken.Take(request, settings.ReadYourWrites);
        var head = new RequestHead(request.Method, request.Headers, core.CredentialFields);
        if (head.HasOriginPreconditions)
            return PassAsync(context, uri, ForwardReason.Bypass, need: need);
        return need.IsNone || core.IsTrusted(settings, need)
            ? LookAsync(context, uri, settings, head, now, need)
            : CatchUpAsync(context, uri, settings, need);
    }

    /// <summary>The client may know of a write that this node has not heard of yet.</summary>
    private async Task CatchUpAsync(HttpContext context, TargetUri uri, RouteSettings settings, Need need)
    {
        if (!need.IsNone && !need.IsPending)
            await core.Node.ReachAsync(need.Position, core.CatchUpTime, context.RequestAborted);
        var head = new RequestHead(context.Request.Method, context.Request.Headers, core.CredentialFields);
        await LookAsync(context, uri, settings, head, core.Clock.Now, need);
    }

    private Task LookAsync(HttpContext context, in TargetUri uri, RouteSettings settings, in RequestHead head, DateTimeOffset now, in Need need)
    {
        // (3) The stored responses, and (4) the decision.
        var (resource, stored, decision) = core.Look(uri, head, now, settings, need);
        if (uri.Qualifier is null)
            core.FastHits?.Open(context); // GET or HEAD without a body
        if (decision.Verb is ReuseVerb.Serve or ReuseVerb.ServeStale && !stored!.TryHold())
            (stored, decision) = (null, Reuse.DecideMiss(head)); // evicted at this moment

        // (5) The answer.
        if (decision.Verb is ReuseVerb.Serve or ReuseVerb.ServeStale && stored!.IsIncomplete)
            return PartsOrForwardAsync(context, uri, settings, resource!, stored, decision, need);
        switch (decision.Verb)
        {
            case ReuseVerb.Serve:
                if (uri.SearchRule is null)
                    core.FastHits?.OnHit(context, stored!, settings); // while it is held
                var hit = ServeAsync(context, uri, head, stored!, decision.Age, new Outcome(CacheResult.Hit));
                if (core.HotKeys is { } hotKeys && !head.HasCredentials)
                    hotKeys.OnHit(uri);
                return hit;
            case ReuseVerb.ServeStale:
                var answering = ServeAsync(context, uri, head, stored!, decision.Age, new Outcome(CacheResult.Stale));
                Refresh(context, uri, settings, resource!, stored!, head.HasCredentials);
                return answering;
            case ReuseVerb.GatewayTimeout:
                return RefuseAsync(context, StatusCodes.Status504GatewayTimeout);
            default:
                return ForwardAsync(context, uri, settings, head, resource, stored, decision, need);
        }
    }

    private Task ForwardAsync(
        HttpContext context, in TargetUri uri, RouteSettings settings, in RequestHead head, CachedResource? resource, StoredResponse? stored, ReuseDecision decision, in Need need)
    {
        var reason = ForwardReasonOf(decision.Reason, resource, stored);
        // A request's own no-store says nothing of the resource: nobody is to wait for its answer, or to learn from it.
        if (settings.Policy.HonorRequestDirectives && head.CacheControl.NoStore)
            return PassAsync(context, uri, reason, need: need);
        if (HttpMethods.IsHead(head.Method))
            return PassAsync(context, uri, reason, stored is null ? null : new PassedHead(core, settings, uri, stored), need);
        if (CdnLoop.Names(context.Request.Headers[CdnLoop.FieldName], core.LoopName))
            return RefuseAsync(context, StatusCodes.Status508LoopDetected); // it would wait for itself
        return FetchAsync(context, uri, OrderOf(context, uri, settings, stored, decision, need), resource, reason, head.HasCredentials);
    }

    /// <summary>What was found by a rule on the query may be another route's by its own.</summary>
    private FastLeave? LeaveOf(HttpContext context, in TargetUri uri, RouteSettings settings) => uri.SearchRule is null ? core.FastHits?.LeaveOf(context, settings) : null;

    private FetchOrder OrderOf(HttpContext context, in TargetUri uri, RouteSettings settings, StoredResponse? stored, ReuseDecision decision, in Need need) =>
        // Only staleness is excused by an error: what this request may not have at all, it may not have then either; nor what may be from before
        // its client's own write.
        new(CacheKey.Text(uri), settings,
            Validating: decision.Verb == ReuseVerb.Validate ? stored : null,
            Stale: decision.Reason is ReuseReason.Stale && need.IsMetAt(core.Node.Standing.Shared) ? stored : null,
            Since: core.Time.GetTimestamp(), need, uri.SearchRule, Leave: LeaveOf(context, uri, settings));

    /// <summary>Asks the origin, or waits with others for an answer to the same question.</summary>
    private async Task FetchAsync(
        HttpContext context, TargetUri uri, FetchOrder order, CachedResource? resource, ForwardReason reason, bool hasCredentials)
    {
        var varyFields = VaryFieldsOf(resource);

        // A second round for those who find that the resource varies, and that the flight they were on is for others.
        for (var round = 0; round < 2; round++)
        {
            var key = CollapseKey.Of(order.CacheKey, hasCredentials, varyFields, context.Request.Headers);
            if (core.Coalescer.IsUncacheable(key, core.Clock.Now))
                break;
            if (core.Coalescer.JoinOrLead(key, order.Need, core.BeginFlight(order.Settings, order.CacheKey, resource)) is not { } boarding)
            {
                // Another's fetch has just been stored.
                var again = new RequestHead(context.Request.Method, context.Request.Headers, core.CredentialFields);
                await LookAsync(context, uri, order.Settings, again, core.Clock.Now, order.Need);
                return;
            }
            var relay = boarding.Leads ? RelayOf(context, order.Settings) : null;
            try
            {
                if (boarding.Leads)
                {
                    core.Fetcher.Start(context, next, boarding.Flight, relay is null ? order : order with { Interim = relay });
                    await boarding.Reader.HeadAsync(context.RequestAborted);
                }
                var answer = boarding.Flight.Answer ?? await boarding.Flight.AnswerAsync(context.RequestAborted);
                // Read anew: a head that is kept while one waits for the origin's costs more.
                var head = new RequestHead(context.Request.Method, context.Request.Headers, core.CredentialFields);
                var overtaken = !boarding.Leads && boarding.Flight.IsOvertaken(core.Node); // by what it turned out to be tagged with
                if (overtaken || (!boarding.Leads && !core.MayShare(answer, head, order)))
                {
                    if (!answer.IsShared)
                        break;
                    varyFields = answer.VaryFields;
                    continue;
                }
                if (await AnswerAsync(context, uri, head, boarding, answer, reason, order))
                    return;
                break;
            }
            finally // also for a client that has left, or a time-out of the application's: the flight goes on by its own rules
            {
                boarding.Flight.Leave(boarding.Reader);
                if (relay is not null)
                    await relay.CloseAsync();
            }
        }
        if (!await RangeAsync(context, uri, order, reason))
            await PassAsync(context, uri, reason, need: order.Need, refused: RefusalOf(context, order.CacheKey));
    }

    /// <returns>Whether the request is answered; otherwise it goes to the origin by itself.</returns>
    private ValueTask<bool> AnswerAsync(
        HttpContext context, in TargetUri uri, in RequestHead head, Coalescer.Boarding boarding, FlightAnswer answer, ForwardReason reason, FetchOrder order)
    {
        var collapsed = !boarding.Leads;
        switch (answer.Kind)
        {
            case FlightAnswerKind.Recorded:
                // A range of something that is not stored: the origin sends just that.
                if (head.Range.Count > 0 && !answer.Decision.Store && answer.Head!.StatusCode == StatusCodes.Status200OK)
                    return new(false);
                // Who comes when the head has been here for a while gets something that is no longer new.
                var since = collapsed && answer.Decision.Store ? core.Clock.Now - answer.Head!.ReceivedAt : TimeSpan.Zero;
                var miss = new Outcome(CacheResult.Miss, reason, answer.Decision.Store, answer.Decision.Reason, collapsed,
                    answer.Decision.Store ? answer.TimeToLive - since : null);
                return DeliverAsync(context, uri, boarding, answer, Delivery.SelectionOf(head, answer.Head!, answer.ContentLength), since, miss);
            case FlightAnswerKind.Freshened:
                var decision = answer.Decision;
                return ServeFlownAsync(
                    context, uri, head, order, answer, new Outcome(CacheResult.Revalidated, reason, decision.Store, decision.Store ? null : decision.Reason, collapsed));
            case FlightAnswerKind.Found:
                return ServeFlownAsync(context, uri, head, order, answer, new Outcome(CacheResult.Remote, Collapsed: collapsed));
            case FlightAnswerKind.StaleOnError:
                return ServeFlownAsync(context, uri, head, order, answer, new Outcome(CacheResult.Stale, reason, Collapsed: collapsed));
            case FlightAnswerKind.Failed:
                return Answered(RefuseAsync(context, StatusCodes.Status502BadGateway));
            default:
                return new(false);
        }
    }

    private async ValueTask<bool> DeliverAsync(
        HttpContext context, TargetUri uri, Coalescer.Boarding boarding, FlightAnswer answer, Selection selection, TimeSpan since, Outcome miss)
    {
        try
        {
            await Delivery.FromRecordingAsync(
                context, selection, boarding.Reader, boarding.Flight.Recording, answer, since, CacheStatusText.Of(miss, answer.Head!.StatusCode, ShownKey(uri)),
                core.Deliveries);
        }
        finally
        {
            core.Metrics.Record(miss, boarding.Reader.Position);
        }
        return true;
    }

    private static async ValueTask<bool> Answered(Task answering)
    {
        await answering;
        return true;
    }

    private ValueTask<bool> ServeFlownAsync(HttpContext context, in TargetUri uri, in RequestHead head, FetchOrder order, FlightAnswer answer, in Outcome outcome) =>
        answer.Stored!.TryHold()
            ? answer.Stored.IsIncomplete
                ? PartsAsync(context, uri, order, answer.Stored, outcome, answer.ForwardStatus, ForwardReason.Partial)
            : Answered(ServeAsync(context, uri, head, answer.Stored!, answer.Stored!.AgeAt(core.Clock.Now), outcome, answer.ForwardStatus))
            : new(false);

    /// <param name="context">The client's.</param>
    /// <param name="uri">What it asks for.</param>
    /// <param name="head">Its head.</param>
    /// <param name="stored">The answer. Held by the caller, and released here.</param>
    /// <param name="age">Its current age.</param>
    /// <param name="result">How it came to be the answer.</param>
    /// <param name="forwardStatus">What the origin said to a question on it; <c>null</c> when it was not asked.</param>
    private Task ServeAsync(
        HttpContext context, in TargetUri uri, in RequestHead head, StoredResponse stored, TimeSpan age, in Outcome result, int? forwardStatus = null)
    {
        try
        {
            var outcome = result with { TimeToLive = stored.FreshnessLifetime - age };
            var selection = Delivery.SelectionOf(head, stored);
            var isHead = HttpMethods.IsHead(head.Method);
            core.Metrics.Record(outcome, isHead ? 0 : selection.Length);
            return Delivery.FromStoreAsync(context, isHead, stored, selection, age, CacheStatusText.Of(outcome, forwardStatus, ShownKey(uri)), core.Deliveries);
        }
        finally
        {
            stored.Release();
        }
    }

    private string? ShownKey(in TargetUri uri) => core.ShowsKey ? CacheKey.Text(uri) : null;

    /// <summary>Refreshes behind a stale answer, with this request's fields, unless someone does already.</summary>
    private void Refresh(HttpContext context, in TargetUri uri, RouteSettings settings, CachedResource resource, StoredResponse stored, bool hasCredentials)
    {
        var cacheKey = CacheKey.Text(uri);
        var key = CollapseKey.Of(cacheKey, hasCredentials, VaryFieldsOf(resource), context.Request.Headers);
        if (core.Coalescer.JoinOrLead(key, default, core.BeginFlight(settings, cacheKey, resource)) is not var (flight, reader, leads))
            return; // refreshed meanwhile
        flight.RunInBackground();
        flight.Leave(reader);
        if (!leads)
            return;
        try
        {
            core.Fetcher.Start(context, next, flight, new FetchOrder(
                cacheKey, settings, Validation.HasValidator(stored.Facts) ? stored : null, stored, core.Time.GetTimestamp(), SearchRule: uri.SearchRule,
                Leave: LeaveOf(context, uri, settings)));
        }
        catch (Exception exception)
        {
            core.Fetcher.OnBroken(exception); // the stale answer is at hand all the same
        }
    }

    private static string[] VaryFieldsOf(CachedResource? resource) => resource?.Variants[0].VaryFields ?? [];

    /// <summary>The cache takes no part, except that a successful unsafe method invalidates before its answer goes on.</summary>
    private Task PassAsync(HttpContext context, in TargetUri uri, ForwardReason reason, IPassListener? listener = null, in Need need = default, StoreReason? refused = null) =>
        core.Passing.RunAsync(context, next, new WriteTarget(uri), reason, listener, need, RelayOf(context, core.Routes.For(context.GetReverseProxyFeature().Route)), refused);

    private InterimRelay? RelayOf(HttpContext context, RouteSettings settings) => InterimRelay.Begin(context, settings, core.Time);

    /// <summary>What is left of the query is what is keyed and what is forwarded.</summary>
    private static void ApplyRules(QueryRules rules, HttpRequest request, IHttpRequestFeature raw, ref TargetUri uri)
    {
        var target = rules.Apply(uri.Target);
        if (ReferenceEquals(target, uri.Target))
            return;
        uri = uri with { Target = target };
        raw.RawTarget = target;
        request.QueryString = new QueryString(target.IndexOf('?') is >= 0 and var mark ? target[mark..] : ""); // for YARP's own transforms
    }

    private Task RefuseAsync(HttpContext context, int status)
    {
        core.Metrics.Record(new Outcome(CacheResult.Refused), bodyBytes: 0);
        return ProblemResponse.WriteAsync(context.Response, status);
    }

    /// <summary>CONNECT, and OPTIONS of the server itself.</summary>
    private static bool IsWithoutPath(HttpRequest request) =>
        HttpMethods.IsConnect(request.Method)
            ? request.HttpContext.Features.Get<IHttpExtendedConnectFeature>()?.IsExtendedConnect is not true
            : HttpMethods.IsOptions(request.Method) && !request.Path.HasValue;

    private static bool HasBodyOrUpgrade(HttpContext context) =>
        context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody is true || !StringValues.IsNullOrEmpty(context.Request.Headers.Upgrade);

    private static ForwardReason ForwardReasonOf(ReuseReason reason, CachedResource? resource, StoredResponse? stored) => reason switch
    {
        ReuseReason.Request => ForwardReason.Request,
        ReuseReason.Fresh => ForwardReason.Partial, // something of it is missing
        ReuseReason.Miss when stored is not null => ForwardReason.UriMiss, // it is as good as gone
        _ when resource is null => ForwardReason.UriMiss,
        _ when stored is null => ForwardReason.VaryMiss,
        _ => ForwardReason.Stale,
    };
}
