using CacheProxy.Fetching;
using CacheProxy.Http;
using CacheProxy.Invalidation;
using CacheProxy.Keys;
using CacheProxy.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Pipeline;

/// <content>The way of a request that is neither GET nor HEAD.</content>
internal sealed partial class HttpCacheMiddleware
{
    /// <summary>Neither GET nor HEAD.</summary>
    private Task OtherMethodAsync(HttpContext context, TargetUri uri, RouteSettings settings)
    {
        var method = context.Request.Method;
        // Methods are told apart by case (RFC 9110 section 9.1), but not by everything behind us: "head" would come back without its body.
        if (HttpMethods.IsGet(method) || HttpMethods.IsHead(method))
            return RefuseAsync(context, StatusCodes.Status400BadRequest);

        if (method == "QUERY" && settings is { Enabled: true, QueryMethodBytes: > 0 })
            return QueryAsync(context, uri, settings);

        // It goes on with its query as it is; what it invalidates is found under the key that a GET has.
        var keyed = settings.QueryRules is { } rules ? uri with { Target = rules.Apply(uri.Target) } : uri;
        var post = settings.Enabled && method == HttpMethods.Post ? new PassedPost(core, settings, keyed) : null;
        post?.Listen(context);
        var need = SessionToken.Take(context.Request, settings.ReadYourWrites);
        return core.Passing.RunAsync(context, next, new WriteTarget(keyed, settings.QueryRules, settings.ReadYourWrites), ForwardReason.Method, post, need,
            RelayOf(context, settings));
    }

    /// <summary>A QUERY (RFC 10008): safe as GET is, and its content part of the key.</summary>
    private async Task QueryAsync(HttpContext context, TargetUri uri, RouteSettings settings)
    {
        if (settings.QueryRules is { } rules)
            ApplyRules(rules, context.Request, context.Features.GetRequiredFeature<IHttpRequestFeature>(), ref uri);
        var isPlain = StringValues.IsNullOrEmpty(context.Request.Headers.Upgrade) && context.Request.Headers.ContentType.Count > 0;
        if (!isPlain || await RequestContent.ReadAsync(context, settings.QueryMethodBytes) is not { } content)
        {
            await PassAsync(context, uri, ForwardReason.Method);
            return;
        }
        uri = uri with { Qualifier = "QUERY " + content.Digest };
        var need = SessionToken.Take(context.Request, settings.ReadYourWrites);
        var head = new RequestHead(context.Request.Method, context.Request.Headers, core.CredentialFields);
        await (head.HasOriginPreconditions ? PassAsync(context, uri, ForwardReason.Bypass, need: need) : CatchUpAsync(context, uri, settings, need));
    }
}
