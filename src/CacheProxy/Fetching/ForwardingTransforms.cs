using System.Net;
using System.Net.Http.Headers;
using CacheProxy.Http;
using CacheProxy.Keys;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;
using HeaderNames = Microsoft.Net.Http.Headers.HeaderNames;

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
        context.AddResponseTransform(CheckResponse);
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

    /// <summary>What YARP and its client leave open about an origin's response.</summary>
    /// <exception cref="InvalidDataException">The end of the body can be told in two ways, or in none, or a protocol that nobody asked for; YARP answers 502.</exception>
    private static ValueTask CheckResponse(ResponseTransformContext context)
    {
        if (context.ProxyResponse is not { } response)
            return default;
        if (!ResponseFraming.IsClear(Lines(response.Content.Headers, HeaderNames.ContentLength), Lines(response.Headers, HeaderNames.TransferEncoding)))
            throw new InvalidDataException("The origin's response does not say clearly where it ends.");
        if (response.StatusCode == HttpStatusCode.SwitchingProtocols && !MayUpgrade(context.HttpContext.Features))
            throw new InvalidDataException("The origin switched protocols unasked.");

        // YARP drops a fixed list of fields; those that the origin's Connection names are for us alone as well (RFC 9110 section 7.6.1).
        ForwardedFields.RemoveNamed(Lines(response.Headers, HeaderNames.Connection), context.HttpContext.Response.Headers);
        TakeOutBrokenReason(context.HttpContext.Features.GetRequiredFeature<IHttpResponseFeature>());
        if (response.Version.Major == 1 && response.Content.Headers.ContentLength is null && response.Headers.TransferEncodingChunked is not true
            && HasBody((int)response.StatusCode))
            context.HttpContext.Features.Set(
                response.RequestMessage?.RequestUri?.Scheme == Uri.UriSchemeHttp && !ResponseFraming.IsCompressed(Lines(response.Headers, HeaderNames.TransferEncoding))
                    ? CloseDelimited.Complete : CloseDelimited.Doubtful);
        return default;
    }

    private static bool MayUpgrade(IFeatureCollection features) =>
        features.Get<IHttpUpgradeFeature>()?.IsUpgradableRequest is true || features.Get<IHttpExtendedConnectFeature>()?.IsExtendedConnect is true;

    /// <summary>A lone CR in the reason phrase would end the status line for some clients.</summary>
    private static void TakeOutBrokenReason(IHttpResponseFeature response)
    {
        if (FieldValue.HasControls(response.ReasonPhrase.AsSpan()))
            response.ReasonPhrase = null;
    }

    private static StringValues Lines(HttpHeaders fields, string name) =>
        fields.NonValidated.TryGetValues(name, out var lines) ? lines.ToArray() : StringValues.Empty;

    private static bool HasBody(int status) => status is >= 200 and not (204 or 205 or 304);
}
