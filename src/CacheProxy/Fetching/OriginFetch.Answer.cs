using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Invalidation;
using CacheProxy.Keys;
using CacheProxy.Pipeline;
using CacheProxy.Policy;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Forwarder;

namespace CacheProxy.Fetching;

/// <content>What becomes of the origin's answer: decided on its head, or on there being none.</content>
internal sealed partial class OriginFetch
{
    private void OnResponse(ResponseHead head, bool bytesFollow)
    {
        var request = Request;
        _isAuthorized = request.HasAuthorization;
        var decision = Storability.Decide(request, head, _initialAge, _order.Settings.Policy);
        var names = Tags.Of(_order.CacheKey, head);
        var isDivided = false;
        if (decision.Store && _order.Part is not null)
            decision = decision with { Store = false, Reason = StoreReason.Status }; // an error in place of a part
        if (decision.Store)
        {
            var storable = Storable(head, decision, names);
            isDivided = storable.Reason == StoreReason.TooLarge && Divide(head, decision);
            decision = storable;
        }
        if (names is { Length: > 0 })
            _flight.Fenced(new Fence(CacheKey.UriOf(_order.CacheKey), names, _flight.Fill.Local));
        var varyFields = Vary.Fields(head.Vary);
        // What is not fresh even now is stored for later needs only: to whoever else waits the origin might say something else.
        var isFresh = decision.Store && decision.FreshnessLifetime > _initialAge;
        var shared = varyFields is not null && _order.IsFoundBy(head) && (isFresh || Storability.MayShareError(request, head));
        var sharedHead = shared || decision.Store ? Validation.StoredHead(head, _order.Settings.Policy.StoreSetCookie) : null;
        if (decision.Store)
            _storedHead = sharedHead;
        else
            OnNotStored(head, decision.Reason, shared, isDivided);
        if (head.ContentLength is { } length)
            ShareOnlyUpTo(length);
        _flight.Recording.Expect(head.ContentLength);
        Publish(new FlightAnswer(FlightAnswerKind.Recorded)
        {
            Head = head,
            SharedHead = sharedHead,
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
        !_order.IsFoundBy(head) ? decision with { Store = false, Reason = StoreReason.SearchRule }
        : names is null ? decision with { Store = false, Reason = StoreReason.TooManyGroups }
        : head.ContentLength > _order.Settings.MaxBodyBytes ? decision with { Store = false, Reason = StoreReason.TooLarge }
        : Context.Features.Get<CloseDelimited>() is not { } end ? decision
        : !_order.Settings.StoreCloseDelimited || end != CloseDelimited.Complete || decision.FreshnessLifetime <= _initialAge ? decision with { Store = false, Reason = StoreReason.Incomplete }
        : decision with { Retention = decision.FreshnessLifetime - _initialAge }; // no longer: if it was cut all the same, a 304 must not let it live on

    private void OnNotStored(ResponseHead head, StoreReason reason, bool shared, bool isDivided)
    {
        _fetcher.Refusals.Remember(_order.CacheKey, reason, head.StatusCode, _responseTime);
        if (!shared)
            _flight.Recording.StopKeeping();
        // One client's fields can bring on a refusal (406, 403, 431): it is no word on what the others would get.
        if (head.StatusCode >= 400 && !Statuses.IsNegative(head.StatusCode))
            return;
        if (isDivided)
        {
            ShareNothing(); // the other nodes are to store parts of their own
            return;
        }
        // Nobody shall queue for what each must fetch for itself; and what was stored is no longer what the origin says.
        _fetcher.Coalescer.RememberUncacheable(_flight.Key, _responseTime);
        ShareNothing(_fetcher.Coalescer.UncacheableMemory);
        if (_order.Validating is { } stored)
            _fetcher.Store.Remove(_order.CacheKey, stored);
    }

    /// <summary>It will not be stored after all: it is larger than what is stored, or the budget of recordings is used up.</summary>
    private void OnOutgrown()
    {
        _fetcher.Refusals.Remember(_order.CacheKey, StoreReason.TooLarge, _storedHead!.StatusCode, _responseTime);
        _storedHead = null;
        if (_flight.Recording.Length > _order.Settings.MaxBodyBytes)
            _fetcher.Coalescer.RememberUncacheable(_flight.Key, _fetcher.Clock.Now);
        ShareNothing();
        _fetcher.Coalescer.Remove(_flight);
        _flight.OnOutgrown();
    }

    private void OnNotModified(ResponseHead notModified)
    {
        if (_validating is not { } stored || !Validation.Selects(notModified, _validatingHead!))
        {
            // A 304 to nothing we asked, or about another response than ours (RFC 9111 section 4.3.4).
            if (_validating is { } unusable)
                _fetcher.Store.Remove(_order.CacheKey, unusable);
            Publish(FlightAnswer.Alone);
            return;
        }
        if (!MayRevive(stored))
        {
            Publish(FlightAnswer.Alone);
            return;
        }
        var request = Request;
        _isAuthorized = request.HasAuthorization;
        var head = Validation.Freshen(_validatingHead!, notModified, _responseTime, _order.Settings.Policy.StoreSetCookie);
        var decision = Storability.Decide(request, head, _initialAge, _order.Settings.Policy);
        var freshened = MakeStored(head, stored.ReadBody(), stored.Trailers, decision);
        if (freshened is not null)
            _flight.Fenced(freshened.Fence); // who boarded before its groups were known may have come after an invalidation of one
        if (decision.Store && !_order.IsFoundBy(head))
            decision = decision with { Store = false, Reason = StoreReason.SearchRule };
        if (!decision.Store || freshened is null || !Store(freshened, decision.Retention))
        {
            _fetcher.Refusals.Remember(_order.CacheKey, decision.Store ? StoreReason.Overtaken : decision.Reason, head.StatusCode, _responseTime);
            _fetcher.Store.Remove(_order.CacheKey, stored);
        }
        else
        {
            ShareStored(freshened, decision.Retention, isFreshened: true);
        }
        _flight.Keep(freshened);
        freshened?.Release();
        Publish(new FlightAnswer(FlightAnswerKind.Freshened)
        {
            Stored = freshened ?? stored,
            Decision = decision,
            IsShared = decision.Store && freshened is not null,
            ForwardStatus = StatusCodes.Status304NotModified,
        });
    }

    /// <summary>
    /// Whether a 304 may let a body live on: not once it was purged, nor while a purge could have come that nobody here has heard of. What the origin
    /// says of it is no matter then (and this fetch may have begun after the mark).
    /// </summary>
    private bool MayRevive(StoredResponse stored)
    {
        if (!_fetcher.Node.IsInTouchWithin(_order.Settings.OutOfTouchGrace)) // first: marks of which it hears in between are seen after
            return false;
        if (stored.Fence.Check(_fetcher.Node) < MarkStrength.Hard)
            return true;
        _fetcher.Store.Remove(_order.CacheKey, stored);
        return false;
    }

    /// <summary>No head came: a stored response stands in where it may, else YARP's status goes to all who wait, but never into the store.</summary>
    private async Task<bool> OnNoAnswerAsync()
    {
        // Without a destination that YARP holds for healthy the error may last: what is kept is the better answer.
        if (StandIn(Context.Features.Get<IForwarderErrorFeature>()?.Error == ForwarderError.NoAvailableDestinations) is { } standIn)
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

    private StoredResponse? StandIn(bool isUnhealthy = false) =>
        _stale is { } stale && _fetcher.Node.IsInTouchWithin(_order.Settings.OutOfTouchGrace) // a purge that nobody here has heard of counts too
        && stale.Fence.Check(_fetcher.Node) < MarkStrength.Invalid && Reuse.MayServeOnError(stale, _fetcher.Clock.Now, _order.Settings.Policy, isUnhealthy) ? stale : null;
}
