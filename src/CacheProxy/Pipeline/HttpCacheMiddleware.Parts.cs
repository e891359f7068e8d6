using CacheProxy.Fetching;
using CacheProxy.Http;
using CacheProxy.Invalidation;
using CacheProxy.Keys;
using CacheProxy.Policy;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Pipeline;

/// <content>The way of a request for what is too large to be stored whole.</content>
internal sealed partial class HttpCacheMiddleware
{
    /// <summary>A response that is stored in parts; what they do not answer goes forward.</summary>
    private async Task PartsOrForwardAsync(
        HttpContext context, TargetUri uri, RouteSettings settings, CachedResource resource, StoredResponse stored, ReuseDecision decision, Need need)
    {
        var isStale = decision.Verb == ReuseVerb.ServeStale;
        if (isStale)
            Refresh(context, uri, settings, resource, stored, new RequestHead(context.Request.Method, context.Request.Headers, core.CredentialFields).HasCredentials);
        var order = OrderOf(context, uri, settings, null, decision, need);
        if (await PartsAsync(context, uri, order, stored, new Outcome(isStale ? CacheResult.Stale : CacheResult.Hit), null, ForwardReason.Partial))
            return;
        var onlyIfCached = new RequestHead(context.Request.Method, context.Request.Headers, core.CredentialFields).CacheControl.OnlyIfCached;
        if (!onlyIfCached && await RangeAsync(context, uri, order, ForwardReason.Partial, stored))
            return; // of the version that has just replaced the other
        var head = new RequestHead(context.Request.Method, context.Request.Headers, core.CredentialFields);
        await (onlyIfCached ? RefuseAsync(context, StatusCodes.Status504GatewayTimeout)
            : IsOneRange(head, stored) ? ForwardAsync(context, uri, settings, head, resource, stored, decision, need)
            : PassAsync(context, uri, ForwardReason.Partial, need: need)); // known to be too large
    }

    /// <summary>Whether it asks for what parts may be the answer to. What does not goes to the origin as it comes.</summary>
    private static bool IsOneRange(in RequestHead head, StoredResponse stored) =>
        ByteRange.Parse(head.Range, stored.BodyLength).Kind == ByteRangeKind.Satisfiable;

    /// <param name="context">The client's.</param>
    /// <param name="uri">What it asks for.</param>
    /// <param name="order">What is fetched for it, of which the parts are some.</param>
    /// <param name="stored">The incomplete response. Held by the caller, and released here.</param>
    /// <param name="whenStored">How it came to be the answer, where nothing is missing.</param>
    /// <param name="forwardStatus">What the origin said to a question on it; <c>null</c> when it was not asked.</param>
    /// <param name="reason">Why the origin is asked for what is missing.</param>
    /// <returns>Whether the request is answered.</returns>
    private ValueTask<bool> PartsAsync(
        HttpContext context, in TargetUri uri, FetchOrder order, StoredResponse stored, in Outcome whenStored, int? forwardStatus, ForwardReason reason)
    {
        var head = new RequestHead(context.Request.Method, context.Request.Headers, core.CredentialFields);
        var selection = Delivery.SelectionOf(head, stored);
        if (HttpMethods.IsHead(head.Method) || selection.Length == 0)
            return Answered(ServeAsync(context, uri, head, stored, stored.AgeAt(core.Clock.Now), whenStored, forwardStatus)); // of the head alone
        var storedHead = stored.ReadHead();
        stored.Release();
        if (selection.Parts is not null)
            return new(false); // several ranges are the origin's
        return new PartialAnswer(core, next, context, order, stored, storedHead, selection).RunAsync(whenStored, forwardStatus, reason);
    }

    /// <summary>A range of what has turned out to be stored in parts; unless it is what was tried before.</summary>
    private ValueTask<bool> RangeAsync(HttpContext context, in TargetUri uri, FetchOrder order, ForwardReason reason, StoredResponse? tried = null)
    {
        var head = new RequestHead(context.Request.Method, context.Request.Headers, core.CredentialFields);
        if (!head.HasRange)
            return new(false);
        var (_, stored, decision) = core.Look(uri, head, core.Clock.Now, order.Settings, order.Need);
        return decision.Verb == ReuseVerb.Serve && stored!.IsIncomplete && stored != tried && stored.TryHold()
            ? PartsAsync(context, uri, order, stored, new Outcome(CacheResult.Hit), null, reason)
            : new(false);
    }

    /// <summary>Why what a range is asked of is not stored, nor parts of it.</summary>
    private StoreReason? RefusalOf(HttpContext context, string cacheKey) =>
        context.Request.Headers.Range.Count > 0 ? core.Refusals.Find(cacheKey)?.Reason : null;
}
