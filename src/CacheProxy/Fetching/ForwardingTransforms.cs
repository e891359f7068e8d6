using CacheProxy.Keys;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace CacheProxy.Fetching;

/// <summary>What every route's forwarding does besides its own transforms.</summary>
internal sealed class ForwardingTransforms : ITransformProvider
{
    private static readonly UriCreationOptions Verbatim = new() { DangerousDisablePathAndQueryCanonicalization = true };

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context)
    {
        context.AddRequestTransform(ForwardTarget);
        context.AddResponseTransform(TakeOutConnectionFields);
    }

    /// <summary>
    /// The origin gets the request target byte for byte, as it stands in the cache key: YARP would decode and encode the path once more.
    /// A route whose own transforms changed path or query decides for itself.
    /// </summary>
    private static ValueTask ForwardTarget(RequestTransformContext context)
    {
        var request = context.HttpContext.Request;
        if (context.ProxyRequest.RequestUri is not null || context.Path != request.Path || context.Query.QueryString != request.QueryString)
            return default;
        var target = context.HttpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (target.StartsWith('/'))
            context.ProxyRequest.RequestUri = new Uri(string.Concat(context.DestinationPrefix.AsSpan().TrimEnd('/'), target), Verbatim);
        return default;
    }

    /// <summary>YARP drops a fixed list of fields; those that the origin's Connection names are for us alone as well (RFC 9110 section 7.6.1).</summary>
    private static ValueTask TakeOutConnectionFields(ResponseTransformContext context)
    {
        if (context.ProxyResponse is not { } response)
            return default;
        if (response.Headers.NonValidated.TryGetValues(HeaderNames.Connection, out var connection))
            ForwardedFields.RemoveNamed(connection.ToString(), context.HttpContext.Response.Headers);
        if (response.Version.Major == 1 && response.Content.Headers.ContentLength is null && response.Headers.TransferEncodingChunked is not true
            && HasBody((int)response.StatusCode))
            context.HttpContext.Features.Set(CloseDelimited.Instance);
        return default;
    }

    private static bool HasBody(int status) => status is >= 200 and not (204 or 205 or 304);
}
