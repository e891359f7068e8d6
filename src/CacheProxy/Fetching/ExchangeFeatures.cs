using System.Collections;
using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Yarp.ReverseProxy.Model;

namespace CacheProxy.Fetching;

/// <summary>
/// What an exchange's context is made of: the features of the client's request, copied, and those of the response, which are the exchange
/// itself. One object, and no dictionary, for what every fetch has; what a later step sets lies in a collection above this one.
/// </summary>
internal sealed class ExchangeFeatures : IFeatureCollection,
    IHttpRequestFeature, IHttpRequestIdentifierFeature, IHttpConnectionFeature, IEndpointFeature, IRouteValuesFeature, IReverseProxyFeature
{
    private readonly OriginExchange _exchange;

    public ExchangeFeatures(OriginExchange exchange, HttpContext client, IHeaderDictionary fields)
    {
        _exchange = exchange;
        var request = client.Features.GetRequiredFeature<IHttpRequestFeature>();
        Protocol = request.Protocol;
        Scheme = request.Scheme;
        PathBase = request.PathBase;
        Path = request.Path;
        QueryString = request.QueryString;
        RawTarget = request.RawTarget;
        Headers = fields;
        TraceIdentifier = client.TraceIdentifier;
        // Kestrel's own objects serve the connection's next request, so their values are copied.
        var connection = client.Connection;
        ConnectionId = connection.Id;
        LocalIpAddress = connection.LocalIpAddress;
        LocalPort = connection.LocalPort;
        RemoteIpAddress = connection.RemoteIpAddress;
        RemotePort = connection.RemotePort;
        RouteValues = new(client.Request.RouteValues);
        var proxy = client.GetReverseProxyFeature();
        Route = proxy.Route;
        // Affinity would put one client's cookie on a response that is shared.
        Cluster = ClusterWithoutAffinity.Of(proxy.Cluster);
        AllDestinations = proxy.AllDestinations;
        AvailableDestinations = proxy.AvailableDestinations;
        Endpoint = client.GetEndpoint();
        if (client.Features.Get<RequestContent>() is { } content)
        {
            Method = request.Method;
            Body = new MemoryStream(content.Bytes, writable: false);
        }
    }

    public string Protocol { get; set; }

    public string Scheme { get; set; }

    public string Method { get; set; } = HttpMethods.Get; // a HEAD that is answered stale has it refreshed

    public string PathBase { get; set; }

    public string Path { get; set; }

    public string QueryString { get; set; }

    public string RawTarget { get; set; }

    public IHeaderDictionary Headers { get; set; }

    public Stream Body { get; set; } = Stream.Null;

    public string TraceIdentifier { get; set; }

    public string ConnectionId { get; set; }

    public IPAddress? RemoteIpAddress { get; set; }

    public IPAddress? LocalIpAddress { get; set; }

    public int RemotePort { get; set; }

    public int LocalPort { get; set; }

    public Endpoint? Endpoint { get; set; }

    public RouteValueDictionary RouteValues { get; set; }

    public RouteModel Route { get; }

    public ClusterModel Cluster { get; }

    public IReadOnlyList<DestinationState> AllDestinations { get; }

    public IReadOnlyList<DestinationState> AvailableDestinations { get; set; }

    public DestinationState? ProxiedDestination { get; set; }

    public bool IsReadOnly => true;

    public int Revision => 0;

    public object? this[Type key]
    {
        get
        {
            if (key == typeof(IHttpResponseFeature) || key == typeof(IHttpResponseBodyFeature) || key == typeof(IHttpResponseTrailersFeature)
                || key == typeof(IHttpRequestLifetimeFeature) || key == typeof(IHttpRequestBodyDetectionFeature))
                return _exchange;
            if (key == typeof(IHttpRequestFeature) || key == typeof(IReverseProxyFeature) || key == typeof(IHttpConnectionFeature)
                || key == typeof(IRouteValuesFeature) || key == typeof(IHttpRequestIdentifierFeature) || key == typeof(IEndpointFeature))
                return this;
            return null;
        }
        set => throw new NotSupportedException();
    }

    public TFeature? Get<TFeature>() => (TFeature?)this[typeof(TFeature)];

    public void Set<TFeature>(TFeature? instance) => throw new NotSupportedException();

    public IEnumerator<KeyValuePair<Type, object>> GetEnumerator()
    {
        Type[] types =
        [
            typeof(IHttpRequestFeature), typeof(IHttpRequestBodyDetectionFeature), typeof(IHttpResponseFeature), typeof(IHttpResponseBodyFeature),
            typeof(IHttpResponseTrailersFeature), typeof(IHttpRequestLifetimeFeature), typeof(IHttpConnectionFeature), typeof(IReverseProxyFeature),
            typeof(IRouteValuesFeature), typeof(IHttpRequestIdentifierFeature), typeof(IEndpointFeature),
        ];
        foreach (var type in types)
            if (this[type] is { } feature)
                yield return new(type, feature);
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
