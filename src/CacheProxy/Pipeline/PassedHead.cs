using CacheProxy.Fetching;
using CacheProxy.Http;
using CacheProxy.Invalidation;
using CacheProxy.Keys;
using CacheProxy.Policy;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Pipeline;

/// <summary>
/// What the answer to a HEAD that went to the origin says of the stored response that a GET would have got: it is updated, or it is out of
/// date (RFC 9111 section 4.3.5).
/// </summary>
internal sealed class PassedHead(CacheCore core, RouteSettings settings, TargetUri uri, StoredResponse stored) : IPassListener
{
    private readonly DateTimeOffset _requestTime = core.Clock.Now;

    public StoreDecision? OnHead(HttpContext context, long? mark)
    {
        var request = new RequestHead(HttpMethods.Get, context.Request.Headers, core.CredentialFields);
        // What is answered to one client's conditions or credentials says nothing of what others get.
        if (context.Response.StatusCode != StatusCodes.Status200OK || request.HasCredentials || request.HasConditionsOrRange)
            return null;

        if (!stored.TryHold())
            return null; // gone meanwhile
        try
        {
            return Update(context, request);
        }
        finally
        {
            stored.Release();
        }
    }

    private StoreDecision? Update(HttpContext context, in RequestHead request)
    {
        var now = core.Clock.Now;
        var head = new ResponseHead(StatusCodes.Status200OK, null, [.. context.Response.Headers], now);
        var key = CacheKey.Text(uri);
        var storedHead = stored.ReadHead();
        if (SearchRule.TextOf(head[SearchRule.FieldName]) != SearchRule.TextOf(storedHead[SearchRule.FieldName]))
            return null; // which queries it is for is not a HEAD's to change
        if (!Validation.SelectsByHead(head, storedHead, stored.BodyLength))
        {
            core.Store.Remove(key, stored);
            return null;
        }
        // Without a validator nothing says that the bytes are still the same: a route that bounds the age of what it serves needs one.
        if (settings.Policy.MaxAge is not null && !Validation.HasValidator(head.Facts))
            return null;

        var updated = Validation.Freshen(storedHead, head, now, settings.Policy.StoreSetCookie);
        var initialAge = Freshness.InitialAge(head, core.Time.GetUtcNow(), now - _requestTime);
        var decision = Storability.Decide(request, updated, initialAge, settings.Policy);
        if (!decision.Store)
        {
            core.Store.Remove(key, stored);
            return decision;
        }
        if (Vary.Fields(updated.Vary) is { } varyFields && Tags.FenceOf(key, updated, stored.Fence.Fill) is { } fence)
        {
            var updatedResponse = new StoredResponse(updated, stored.ReadBody())
            {
                Trailers = stored.Trailers,
                ResponseTime = now,
                InitialAge = initialAge,
                FreshnessLifetime = decision.FreshnessLifetime,
                RequestWasAuthorized = stored.RequestWasAuthorized,
                VaryFields = varyFields,
                VaryValues = Vary.Values(varyFields, context.Request.Headers),
                Fence = fence, // what invalidates the bytes came after they did
            };
            core.Store.Store(key, updatedResponse, decision.Retention);
            updatedResponse.Release();
        }
        return decision;
    }

    public void OnEnd(HttpContext context, bool isWhole)
    {
    }
}
