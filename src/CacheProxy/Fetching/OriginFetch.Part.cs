using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Invalidation;
using CacheProxy.Keys;
using CacheProxy.Policy;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace CacheProxy.Fetching;

/// <content>
/// What is too large to be stored whole: its head is stored when the whole was asked for, its parts when they were. A part that is what was asked
/// for updates the head (RFC 9111 section 3.4); any other answer puts an end to the parts, and to this fetch.
/// </content>
internal sealed partial class OriginFetch
{
    private PartCutter? _cutter;

    /// <summary>Stores the head of a response that is too large, to be followed by its parts.</summary>
    /// <returns>Whether it is stored.</returns>
    private bool Divide(ResponseHead head, StoreDecision decision)
    {
        if (_order.CacheKey.Contains(' ') || !Parts.MayDivide(head, _order.Settings.MaxBodyBytes)) // what has a qualifier is no plain GET
            return false;
        var whole = MakeStored(Validation.StoredHead(head, _order.Settings.Policy.StoreSetCookie), Body.Absent(head.ContentLength!.Value), null, decision);
        var isStored = whole is not null && _fetcher.Store.Store(_order.CacheKey, whole, decision.Retention);
        whole?.Release();
        return isStored;
    }

    /// <summary>The answer to a request for parts; errors of the origin take the way of all others.</summary>
    private void OnPart(ResponseHead head, PartOrder part)
    {
        var policy = _order.Settings.Policy;
        _isAuthorized = Request.HasAuthorization;
        if (head.StatusCode != StatusCodes.Status206PartialContent)
        {
            OnNoPart(head, part, head.StatusCode == StatusCodes.Status200OK ? StoreReason.Changed : StoreReason.Status);
            return;
        }
        if (Parts.Refusal(head, part.Whole, part.Range) is { } refusal)
        {
            OnNoPart(head, part, refusal);
            return;
        }
        var whole = Validation.Freshen(part.Whole, head, _responseTime, policy.StoreSetCookie);
        var decision = Storability.Decide(Request, whole, _initialAge, policy);
        if (decision.Store && head.SetsCookies && !policy.StoreSetCookie) // the merged head has lost them
            decision = decision with { Store = false, Reason = StoreReason.SetCookie };
        if (decision.Store)
            decision = Storable(whole, decision, Tags.Of(_order.CacheKey, whole));
        var stored = decision.Store ? MakeStored(whole, Body.Absent(part.Grid.CompleteLength), null, decision) : null;
        if (stored is null)
        {
            OnNoPart(head, part, decision.Store ? StoreReason.VaryStar : decision.Reason);
            return;
        }
        _flight.Fenced(stored.Fence);
        if (part.Stored.Fence.Check(_fetcher.Node) < MarkStrength.Hard) // what is purged does not live on, though its bytes be unchanged
            _fetcher.Store.Store(_order.CacheKey, stored, decision.Retention); // unless it is overtaken, by a purge or by a later part: then so are the parts, or they are not
        _cutter = new PartCutter(part.Grid, part.First, _fetcher.Parts.MostOfOneFetch(part.Grid.Size), _flight.RecordingLimits, (index, body) => StorePart(part, whole, decision, index, body));
        var isShared = part.Range.Length <= _order.Settings.MaxBodyBytes;
        if (!isShared)
            _flight.Recording.StopKeeping();
        _flight.Recording.Expect(part.Range.Length);
        Publish(new FlightAnswer(FlightAnswerKind.Recorded)
        {
            Head = whole,
            Decision = decision,
            TimeToLive = decision.FreshnessLifetime - _initialAge,
            IsShared = isShared,
            ContentLength = part.Range.Length,
            VaryFields = stored.VaryFields,
            VaryValues = stored.VaryValues,
            Whole = stored,
        }, bytesFollow: false);
        stored.Release(); // its numbers may be read by anybody
    }

    /// <summary>The request that has found out begins anew with the version that is stored now, or goes to the origin by itself.</summary>
    private void OnNoPart(ResponseHead head, PartOrder part, StoreReason reason)
    {
        _fetcher.Refusals.Remember(_order.CacheKey, reason, head.StatusCode, _responseTime);
        _fetcher.Coalescer.RememberUncacheable(_flight.Key, _responseTime);
        // One client's fields can bring on a refusal: it is no word on what is stored.
        var isOver = head.StatusCode is < 400 or StatusCodes.Status416RangeNotSatisfiable || Statuses.IsNegative(head.StatusCode);
        if (isOver)
            _fetcher.Store.Remove(_order.CacheKey, part.Stored);
        var isReplaced = head.StatusCode == StatusCodes.Status200OK && !Parts.IsSame(head.EntityTag, head.ContentLength ?? 0, part.Whole, part.Grid.CompleteLength)
            && head.ContentLength > _order.Settings.MaxBodyBytes
            && Storability.Decide(Request, head, _initialAge, _order.Settings.Policy) is { Store: true } decision
            && Storable(head, decision, Tags.Of(_order.CacheKey, head)).Reason == StoreReason.TooLarge
            && Divide(head, decision);
        // Replicas that do not agree on a tag replace each other's at every request.
        var isShortLived = _responseTime - part.Stored.ResponseTime < _fetcher.Coalescer.UncacheableMemory;
        if (isOver && (!isReplaced || isShortLived))
            _fetcher.Coalescer.RememberUncacheable(part.WholeKey, _responseTime);
        Publish(new FlightAnswer(FlightAnswerKind.Alone) { Decision = new StoreDecision(false, reason, TimeSpan.Zero, TimeSpan.Zero) });
        if (head.StatusCode < 300)
            _flight.Stop(); // nobody reads it, however long it is
    }

    /// <summary>A part has its last byte.</summary>
    private void StorePart(PartOrder order, ResponseHead whole, StoreDecision decision, long index, Body body)
    {
        var range = order.Grid.RangeOf(index, index);
        var head = new ResponseHead(StatusCodes.Status206PartialContent, null, [.. whole.Fields, new(HeaderNames.ContentRange, range.ToString())], _responseTime);
        if (MakeStored(head, body, null, decision) is not { } stored)
            return;
        _fetcher.Store.Store(_fetcher.Parts.KeyOf(_order.CacheKey, order.Grid, index), stored, decision.Retention - (_fetcher.Clock.Now - _responseTime));
        stored.Release();
    }
}
