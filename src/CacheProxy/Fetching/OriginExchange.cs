using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Fetching;

/// <summary>
/// An <see cref="HttpContext"/> of its own for one fetch: the rest of YARP's pipeline runs on it as on any client's, and what it writes
/// goes to an <see cref="OriginFetch"/>. It copies what it needs, so it outlives the request that began it.
/// </summary>
/// <remarks>Upgrade, reset, request timeout and session features are absent on purpose.</remarks>
internal sealed class OriginExchange : ExchangeResponse, IHttpRequestBodyDetectionFeature
{
    private readonly OriginFetch _fetch;
    private readonly DefaultHttpContext _context;

    public OriginExchange(
        HttpContext client, HeaderDictionary requestFields, OriginFetch fetch, IServiceScopeFactory scopes, CancellationToken cancellation)
        : base(cancellation)
    {
        _fetch = fetch;
        CanHaveBody = client.Features.Get<RequestContent>() is { Bytes.Length: > 0 };
        _context = new DefaultHttpContext(new FeatureCollection(new ExchangeFeatures(this, client, requestFields))) { ServiceScopeFactory = scopes };
    }

    public HttpContext Context => _context;

    public bool CanHaveBody { get; }

    protected override void OnHead(KeyValuePair<string, StringValues>[] fields, bool bytesFollow) =>
        _fetch.OnHead(StatusCode, ReasonPhrase, fields, bytesFollow);

    protected override ValueTask OnBodyAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation) => _fetch.OnBodyAsync(bytes, cancellation);

    protected override void OnAborted() => _fetch.Abort();

    protected override void OnBroken(Exception exception) => _fetch.OnBroken(exception);
}
