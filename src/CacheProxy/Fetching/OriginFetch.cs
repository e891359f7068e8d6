using System.Diagnostics;
using System.Globalization;
using CacheProxy.Coherence;
using CacheProxy.Diagnostics;
using CacheProxy.Http;
using CacheProxy.Invalidation;
using CacheProxy.Keys;
using CacheProxy.Pipeline;
using CacheProxy.Policy;
using CacheProxy.Storage;
using CacheProxy.Wire;
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
internal sealed partial class OriginFetch
{
    private readonly OriginFetcher _fetcher;
    private readonly FetchOrder _order;
    private readonly Flight _flight;
    private readonly HeaderDictionary _requestFields;
    private readonly OriginExchange _exchange;
    private readonly RequestDelegate _next;
    private readonly Activity? _parent;
    private readonly DateTimeOffset _requestTime;
    private readonly StoredResponse? _validating, _stale; // kept by the flight
    private readonly ResponseHead? _validatingHead;
    private FlightAnswer? _answer;
    private ResponseHead? _storedHead;
    private bool _isAuthorized;
    private TimeSpan _initialAge;
    private DateTimeOffset _responseTime;

    public OriginFetch(OriginFetcher fetcher, FetchOrder order, Flight flight, HttpContext client, RequestDelegate next, Activity? parent)
    {
        _fetcher = fetcher;
        _order = order;
        _flight = flight;
        _validating = flight.Keep(order.Validating);
        _validatingHead = _validating?.ReadHead();
        _stale = flight.Keep(order.Stale);
        _requestFields = new HeaderDictionary(ForwardedFields.ForFetch(
            client.Request.Headers, _validatingHead is { } head ? Validation.Conditions(head) : null, fetcher.LoopName));
        if (client.Features.Get<RequestContent>() is { Bytes.Length: > 0 } content)
            _requestFields.ContentLength = content.Bytes.Length;
        if (order.Part is { } part)
        {
            _requestFields[HeaderNames.Range] = string.Create(CultureInfo.InvariantCulture, $"bytes={part.Range.First}-{part.Range.Last}");
            _requestFields[HeaderNames.IfRange] = part.Whole.EntityTag;
        }
        _exchange = new OriginExchange(client, _requestFields, this, fetcher.Scopes, flight.Cancellation);
        _next = next;
        _parent = parent;
        _requestTime = fetcher.Clock.Now;
    }

    private HttpContext Context => _exchange.Context;

    /// <summary>The request as it is forwarded.</summary>
    private RequestHead Request => new(HttpMethods.Get, _requestFields, _fetcher.CredentialFields);

    public async Task RunAsync()
    {
        _fetcher.SetAccessor(Context);
        using var activity = OriginFetcher.StartActivity(_parent);
        var whole = false;
        var started = _fetcher.Metrics.FetchStarted();
        try
        {
            if (_fetcher.Remote is { } remote)
            {
                whole = _order.Part is null && await AnswerRemotelyAsync(remote);
                if (whole)
                    return; // by way of the end
                RequireOfOrigin();
            }
            if (_order.Interim is not null)
                InterimSink.Current = _order.Interim;
            await _next(Context);
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
    /// <param name="statusCode">The final status code.</param>
    /// <param name="reasonPhrase">As received.</param>
    /// <param name="fields">The fields; owned by the fetch from now on.</param>
    /// <param name="bytesFollow">Bytes of the body are given to <see cref="OnBodyAsync"/> at once.</param>
    public void OnHead(int statusCode, string? reasonPhrase, KeyValuePair<string, StringValues>[] fields, bool bytesFollow)
    {
        _responseTime = _fetcher.Clock.Now;
        // The standard phrase goes without saying: Kestrel has its bytes ready.
        if (reasonPhrase == ReasonPhrases.GetReasonPhrase(statusCode))
            reasonPhrase = null;
        var head = new ResponseHead(statusCode, reasonPhrase, fields, _responseTime);
        if (_order.Settings.NoVarySearch && _order.Part is null && statusCode is >= 200 and < 300)
            _fetcher.SearchRules.Learn(CacheKey.UriOf(_order.CacheKey), head);
        _initialAge = Freshness.InitialAge(head, _fetcher.Time.GetUtcNow(), _responseTime - _requestTime);
        if (_order.Part is { } part && statusCode < 500)
            OnPart(head, part);
        else if (statusCode == StatusCodes.Status304NotModified)
            OnNotModified(head);
        else if (statusCode >= 500 && StandIn() is { } standIn)
            Publish(new FlightAnswer(FlightAnswerKind.StaleOnError) { Stored = standIn, IsShared = true, ForwardStatus = statusCode });
        else
            OnResponse(head, bytesFollow);
    }

    public ValueTask OnBodyAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        if (_answer is not { Kind: FlightAnswerKind.Recorded } || bytes.IsEmpty)
            return default; // the body of a 304 or of an error that a stale response stands in for
        _cutter?.Add(bytes.Span); // first: when a client has the last byte of a part, the part is stored
        var appended = _flight.Recording.AppendAsync(bytes, cancellation);
        if (_storedHead is not null && !_flight.Recording.IsKept)
            OnOutgrown();
        ShareOnlyUpTo(_flight.Recording.Length);
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
        // What Kestrel refuses to write would cut every answer short at its end; and trailers are for all, so what is for one is left out.
        IReadOnlyList<KeyValuePair<string, StringValues>>? trailers = _exchange.Trailers.Count > 0
            ? [.. _exchange.Trailers.Where(field => !FieldValue.HasControls(field.Value) && (_answer?.Head is not { } head || Validation.IsStored(head, field.Key, _order.Settings.Policy.StoreSetCookie)))]
            : null;
        _flight.Recording.End(failed: !whole, trailers);
        try
        {
            if (_storedHead is { } head)
                Store(head, trailers);
            else if (_cutter is not null && !whole)
                _fetcher.Refusals.Remember(_order.CacheKey, StoreReason.Cut, StatusCodes.Status206PartialContent, _responseTime);
            _cutter?.Drop();
        }
        catch (Exception exception)
        {
            _fetcher.OnBroken(exception); // no memory, or a store that is closed: a flight that stayed behind would be boarded for ever
        }
        // After storing: who finds no flight any more finds the stored response, and so does a client that has its last byte.
        ShareNothing();
        _fetcher.Coalescer.Remove(_flight);
        _flight.Recording.Wake();
        _flight.Publish(FlightAnswer.Failed);
        _fetcher.Ended(_flight);
        _fetcher.Deliveries.Enforce(); // the budget of recordings no longer counts it
    }

    private void Store(ResponseHead head, IReadOnlyList<KeyValuePair<string, StringValues>>? trailers)
    {
        var retention = _answer!.Decision.Retention - (_fetcher.Clock.Now - _responseTime);
        if (_flight.Recording.ToBody() is not { } body || (head.ContentLength ?? body.Length) != body.Length)
        {
            _fetcher.Refusals.Remember(_order.CacheKey, StoreReason.Cut, head.StatusCode, _responseTime);
        }
        else
        {
            var stored = MakeStored(head, body, trailers, _answer.Decision);
            if (stored is not null && Store(stored, retention))
            {
                _fetcher.Refusals.Forget(_order.CacheKey);
                ShareStored(stored, retention);
            }
            else
            {
                _fetcher.Refusals.Remember(_order.CacheKey, StoreReason.Overtaken, head.StatusCode, _responseTime);
            }
            stored?.Release();
        }
    }

    private bool Store(StoredResponse stored, TimeSpan retention)
    {
        if (HitText.CanWrite(stored))
            stored.Leave = _order.Leave;
        return _fetcher.Store.Store(_order.CacheKey, stored, retention);
    }

    /// <returns>Held for the caller; <c>null</c> when it must not be stored.</returns>
    private StoredResponse? MakeStored(
        ResponseHead head, Body body, IReadOnlyList<KeyValuePair<string, StringValues>>? trailers, StoreDecision decision)
    {
        if (Vary.Fields(head.Vary) is not { } varyFields || Tags.FenceOf(_order.CacheKey, head, _flight.Fill.Local) is not { } fence)
            return null;
        return new StoredResponse(head, body)
        {
            Trailers = trailers,
            ResponseTime = _responseTime,
            InitialAge = _initialAge,
            FreshnessLifetime = decision.FreshnessLifetime,
            RequestWasAuthorized = _isAuthorized,
            VaryFields = varyFields,
            VaryValues = Vary.Values(varyFields, _requestFields),
            Fence = fence,
        };
    }
}

/// <summary>What a fetch is for.</summary>
/// <param name="CacheKey">Where the response is stored.</param>
/// <param name="Settings">The route's.</param>
/// <param name="Validating">The stored response whose validators go along, if it is still there; <c>null</c> for none.</param>
/// <param name="Stale">The stored response that may stand in for an error, if it is still there; <c>null</c> for none.</param>
/// <param name="Since">When the one who began it was found to need it, as a timestamp.</param>
/// <param name="Need">What the one who began it has written before.</param>
/// <param name="SearchRule">The text of the rule that has made the key of the request's query; <c>null</c>: none has.</param>
/// <param name="Interim">Where interim responses go: to the one who began it alone, for nobody knows yet who else may have the answer.</param>
/// <param name="Part">The parts that are asked for; <c>null</c>: the whole is.</param>
/// <param name="Leave">For hits on what is stored; <c>null</c>: the pipeline is to see the first.</param>
internal sealed record FetchOrder(
    string CacheKey, RouteSettings Settings, StoredResponse? Validating, StoredResponse? Stale, long Since, Need Need = default, string? SearchRule = null,
    InterimSink? Interim = null, PartOrder? Part = null, FastLeave? Leave = null)
{
    /// <summary>Whether the response may be found by the key: it gives the rule that has made it, or the key is the request's own URI.</summary>
    public bool IsFoundBy(ResponseHead head) => SearchRule is null || SearchRule == Keys.SearchRule.TextOf(head[Keys.SearchRule.FieldName]);

    /// <inheritdoc cref="IsFoundBy(ResponseHead)"/>
    public bool IsFoundBy(StoredResponse stored) => SearchRule is null || SearchRule == stored.ReadField(Keys.SearchRule.FieldName);
}

/// <summary>Set on an exchange whose response ends with its connection, so that a whole one looks like one that was cut.</summary>
internal sealed class CloseDelimited
{
    /// <summary>Over TCP, which says when its end is none: complete (RFC 9112 section 8).</summary>
    public static readonly CloseDelimited Complete = new();

    /// <summary>Never to be stored: within TLS, whose own end .NET does not tell from a cut (section 9.8), or in a transfer coding that nobody here takes off.</summary>
    public static readonly CloseDelimited Doubtful = new();
}
