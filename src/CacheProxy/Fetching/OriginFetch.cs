using CacheProxy.Coherence;
using CacheProxy.Diagnostics;
using CacheProxy.Http;
using CacheProxy.Invalidation;
using CacheProxy.Keys;
using CacheProxy.Pipeline;
using CacheProxy.Policy;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Forwarder;

namespace CacheProxy.Fetching;

/// <summary>
/// One fetch: sends the request through the rest of YARP's pipeline, decides on the head what becomes of the answer, records the body and
/// stores it after a verified last byte. Nothing here writes to a client.
/// </summary>
internal sealed class OriginFetch
{
    private readonly OriginFetcher _fetcher;
    private readonly FetchOrder _order;
    private readonly Flight _flight;
    private readonly HeaderDictionary _requestFields;
    private readonly OriginExchange _exchange;
    private readonly DateTimeOffset _requestTime;
    private FlightAnswer? _answer;
    private ResponseHead? _storedHead;
    private TimeSpan _initialAge;
    private DateTimeOffset _responseTime;

    public OriginFetch(OriginFetcher fetcher, FetchOrder order, Flight flight, HttpContext client)
    {
        _fetcher = fetcher;
        _order = order;
        _flight = flight;
        _requestFields = new HeaderDictionary(ForwardedFields.ForFetch(client.Request.Headers, order.Validating is { } stored ? Validation.Conditions(stored.Head) : null));
        _exchange = new OriginExchange(client, _requestFields, this, flight.Cancellation);
        _requestTime = fetcher.Clock.Now;
    }

    public HttpContext Context => _exchange.Context;

    /// <summary>The request as it is forwarded.</summary>
    private RequestHead Request => new(HttpMethods.Get, _requestFields, _fetcher.CredentialFields);

    public async Task RunAsync(RequestDelegate next)
    {
        var whole = false;
        var started = _fetcher.Metrics.FetchStarted();
        try
        {
            await next(Context);
            var failed = Context.Features.Get<IForwarderErrorFeature>() is not null;
            if (!failed)
            {
                await _exchange.CompleteAsync(); // a head without a body is published here
                whole = !_exchange.IsAborted;
            }
            else if (!_exchange.HasStarted)
            {
                whole = await OnNoAnswerAsync();
            }
        }
        catch (Exception exception)
        {
            // Whatever broke, those who wait must hear of it; the client sees a 502 or a cut response.
            _fetcher.OnBroken(exception);
        }
        finally
        {
            var result = ResultOf(whole); // before the flight is disposed
            End(whole);
            _fetcher.Metrics.FetchEnded(started, result);
        }
        await _exchange.RunCompletedAsync();
    }

    /// <summary>Something threw that nobody waits for.</summary>
    public void OnBroken(Exception exception) => _fetcher.OnBroken(exception);

    /// <summary>The origin's head is complete: what becomes of it is decided and published.</summary>
    public void OnHead(int statusCode, string? reasonPhrase, IHeaderDictionary fields, bool bytesFollow)
    {
        _responseTime = _fetcher.Clock.Now;
        // The standard phrase goes without saying: Kestrel has its bytes ready.
        if (reasonPhrase == ReasonPhrases.GetReasonPhrase(statusCode))
            reasonPhrase = null;
        var head = new ResponseHead(statusCode, reasonPhrase, [.. fields], _responseTime);
        _initialAge = Freshness.InitialAge(head, _fetcher.Time.GetUtcNow(), _responseTime - _requestTime);
        if (statusCode == StatusCodes.Status304NotModified)
            OnNotModified(head);
        else if (statusCode >= 500 && StandIn() is { } standIn)
            Publish(new FlightAnswer(FlightAnswerKind.StaleOnError) { Stored = standIn, IsShared = true });
        else
            OnResponse(head, bytesFollow);
    }

    public ValueTask OnBodyAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        if (_answer is not { Kind: FlightAnswerKind.Recorded } || bytes.IsEmpty)
            return default; // the body of a 304 or of an error that a stale response stands in for
        var appended = _flight.Recording.AppendAsync(bytes, cancellation);
        if (_storedHead is not null && !_flight.Recording.IsKept)
            OnOutgrown();
        return appended;
    }

    /// <summary>The response turned out broken: readers are cut off at once, whatever the pipeline still does.</summary>
    public void Abort()
    {
        _flight.Recording.End(failed: true, trailers: null);
        _flight.Recording.Wake();
    }

    private FetchResult ResultOf(bool whole) =>
        _answer is { Kind: FlightAnswerKind.Freshened } ? FetchResult.NotModified
        : _flight.Cancellation.IsCancellationRequested ? FetchResult.Abandoned
        : whole && Context.Features.Get<IForwarderErrorFeature>() is null ? FetchResult.Complete
        : FetchResult.Failed;

    private void OnResponse(ResponseHead head, bool bytesFollow)
    {
        var request = Request;
        var decision = Storability.Decide(request, head, _initialAge, _order.Settings.Policy);
        var names = NamesOf(head);
        if (decision.Store)
            decision = Storable(head, decision, names);
        if (names is { Length: > 0 })
            _flight.Fenced(new Fence(_order.CacheKey, names, _flight.Fill.Local));
        var varyFields = Vary.Fields(head.Vary);
        // What is not fresh even now is stored for later needs only: to whoever else waits the origin might say something else.
        var isFresh = decision.Store && decision.FreshnessLifetime > _initialAge;
        var shared = varyFields is not null && (isFresh || Storability.MayShareError(request, head));
        if (decision.Store)
            _storedHead = head;
        else
            OnNotStored(head, shared);
        _flight.Recording.Expect(head.ContentLength);
        Publish(new FlightAnswer(FlightAnswerKind.Recorded)
        {
            Head = head,
            Decision = decision,
            TimeToLive = decision.FreshnessLifetime - _initialAge,
            IsShared = shared,
            ContentLength = head.ContentLength,
            VaryFields = varyFields ?? [],
            VaryValues = varyFields is null ? [] : Vary.Values(varyFields, _requestFields),
        }, bytesFollow);
    }

    /// <summary>What policy cannot see: the size, and whether the end of the body can be told from a connection that broke.</summary>
    private StoreDecision Storable(ResponseHead head, StoreDecision decision, string[]? names) =>
        head.ContentLength > _order.Settings.MaxBodyBytes ? decision with { Store = false, Reason = StoreReason.TooLarge }
        : Context.Features.Get<CloseDelimited>() is not null ? decision with { Store = false, Reason = StoreReason.Incomplete }
        : names is null ? decision with { Store = false, Reason = StoreReason.TooManyGroups }
        : decision;

    private void OnNotStored(ResponseHead head, bool shared)
    {
        if (!shared)
            _flight.Recording.StopKeeping();
        // One client's fields can bring on a refusal (406, 403, 431): it is no word on what the others would get.
        if (head.StatusCode >= 400 && !Statuses.IsNegative(head.StatusCode))
            return;
        // Nobody shall queue for what each must fetch for itself; and what was stored is no longer what the origin says.
        _fetcher.Coalescer.RememberUncacheable(_flight.Key, _responseTime);
        if (_order.Validating is { } stored)
            _fetcher.Store.Remove(_order.CacheKey, stored);
    }

    /// <summary>It will not be stored after all: it is larger than what is stored, or the budget of recordings is used up.</summary>
    private void OnOutgrown()
    {
        _storedHead = null;
        if (_flight.Recording.Length > _order.Settings.MaxBodyBytes)
            _fetcher.Coalescer.RememberUncacheable(_flight.Key, _fetcher.Clock.Now);
        _fetcher.Coalescer.Remove(_flight);
        _flight.OnOutgrown();
    }

    private void OnNotModified(ResponseHead notModified)
    {
        if (_order.Validating is not { } stored || !Validation.Selects(notModified, stored.Head))
        {
            // A 304 to nothing we asked, or about another response than ours (RFC 9111 section 4.3.4).
            if (_order.Validating is { } unusable)
                _fetcher.Store.Remove(_order.CacheKey, unusable);
            Publish(new FlightAnswer(FlightAnswerKind.Alone));
            return;
        }
        var request = Request;
        var head = Validation.Freshen(stored.Head, notModified, _responseTime);
        var decision = Storability.Decide(request, head, _initialAge, _order.Settings.Policy);
        var freshened = MakeStored(head, stored.Body, stored.Trailers, decision);
        if (!decision.Store || freshened is null || !_fetcher.Store.Store(_order.CacheKey, freshened, decision.Retention))
            _fetcher.Store.Remove(_order.CacheKey, stored);
        Publish(new FlightAnswer(FlightAnswerKind.Freshened) { Stored = freshened ?? stored, Decision = decision, IsShared = decision.Store });
    }

    /// <summary>No head came: a stored response stands in where it may, else YARP's status goes to all who wait, but never into the store.</summary>
    private async Task<bool> OnNoAnswerAsync()
    {
        if (StandIn() is { } standIn)
        {
            Publish(new FlightAnswer(FlightAnswerKind.StaleOnError) { Stored = standIn, IsShared = true });
            return true;
        }
        var status = ProblemResponse.Has(_exchange.StatusCode) ? _exchange.StatusCode : StatusCodes.Status502BadGateway;
        var body = ProblemResponse.Body(status);
        _flight.Recording.Expect(body.Length);
        Publish(new FlightAnswer(FlightAnswerKind.Recorded)
        {
            Head = new ResponseHead(status, null,
            [
                new(HeaderNames.ContentType, ProblemResponse.ContentType),
                new(HeaderNames.CacheControl, ProblemResponse.CacheControl),
            ], _fetcher.Clock.Now),
            IsShared = true,
            ContentLength = body.Length,
        });
        await _flight.Recording.AppendAsync(body, CancellationToken.None);
        return true;
    }

    private StoredResponse? StandIn() =>
        _order.Stale is { } stale && stale.Fence.Check(_fetcher.Node) < MarkStrength.Invalid && Reuse.MayServeOnError(stale, _fetcher.Clock.Now, _order.Settings.Policy) ? stale : null;

    private void Publish(FlightAnswer answer, bool bytesFollow = false)
    {
        _answer = answer;
        // Only what is going to be stored may still be boarded. For all else, who comes from now on begins anew; who waits is told.
        if (answer is not { Kind: FlightAnswerKind.Recorded, Decision.Store: true })
            _fetcher.Coalescer.Remove(_flight);
        _flight.Publish(answer, bytesFollow);
    }

    private void End(bool whole)
    {
        // What Kestrel refuses to write would cut every answer short at its end.
        IReadOnlyList<KeyValuePair<string, StringValues>>? trailers =
            _exchange.Trailers.Count > 0 ? [.. _exchange.Trailers.Where(field => !FieldValue.HasControls(field.Value))] : null;
        _flight.Recording.End(failed: !whole, trailers);
        try
        {
            if (_storedHead is { } head && _flight.Recording.ToBody() is { } body && (head.ContentLength ?? body.Length) == body.Length
                && MakeStored(Validation.StoredHead(head), body, trailers, _answer!.Decision) is { } stored)
                _fetcher.Store.Store(_order.CacheKey, stored, _answer.Decision.Retention - (_fetcher.Clock.Now - _responseTime));
        }
        catch (Exception exception)
        {
            _fetcher.OnBroken(exception); // no memory, or a store that is closed: a flight that stayed behind would be boarded for ever
        }
        // After storing: who finds no flight any more finds the stored response, and so does a client that has its last byte.
        _fetcher.Coalescer.Remove(_flight);
        _flight.Recording.Wake();
        _flight.Publish(new FlightAnswer(FlightAnswerKind.Failed));
        _flight.Dispose();
    }

    private StoredResponse? MakeStored(
        ResponseHead head, Body body, IReadOnlyList<KeyValuePair<string, StringValues>>? trailers, StoreDecision decision)
    {
        if (Vary.Fields(head.Vary) is not { } varyFields || NamesOf(head) is not { } names)
            return null;
        return new StoredResponse
        {
            Head = head,
            Body = body,
            Trailers = trailers,
            ResponseTime = _responseTime,
            InitialAge = _initialAge,
            FreshnessLifetime = decision.FreshnessLifetime,
            RequestWasAuthorized = Request.HasAuthorization,
            VaryFields = varyFields,
            VaryValues = Vary.Values(varyFields, _requestFields),
            Fence = new Fence(_order.CacheKey, names, _flight.Fill.Local),
        };
    }

    private string[]? NamesOf(ResponseHead head) => Tags.Of(_order.CacheKey, head["Cache-Groups"], head["Surrogate-Key"], head["Cache-Tag"]);
}

/// <summary>What a fetch is for.</summary>
/// <param name="CacheKey">Where the response is stored.</param>
/// <param name="Settings">The route's.</param>
/// <param name="Validating">The stored response whose validators go along; <c>null</c> for none.</param>
/// <param name="Stale">The stored response that may stand in for an error; <c>null</c> for none.</param>
internal sealed record FetchOrder(string CacheKey, RouteSettings Settings, StoredResponse? Validating, StoredResponse? Stale);

/// <summary>Set on an exchange whose response ends with its connection, so that a whole one looks like one that was cut.</summary>
internal sealed class CloseDelimited
{
    public static readonly CloseDelimited Instance = new();
}
