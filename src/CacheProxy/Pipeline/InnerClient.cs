using System.Buffers;
using System.Net;
using CacheProxy.Fetching;
using CacheProxy.Keys;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Pipeline;

/// <summary>
/// A client inside the process: its GETs take the way of any request that has come through routing, so that key, policy, coalescing, fences and the
/// shared store all apply. There is no connection, so scheme and host are what the URL says, whatever the listeners and the proxies in front are;
/// and only what routes lead to is ever asked.
/// </summary>
internal sealed class InnerClient(EndpointRouting routing, IServiceScopeFactory scopes, TimeProvider time)
{
    /// <summary>An answer that takes longer is given up.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>Gets a URL, without credentials.</summary>
    /// <param name="uri">The URL.</param>
    /// <param name="acceptEncoding">The field of that name; empty for none.</param>
    /// <param name="keepBytes">How much of the body is wanted; 0: none, and what is not going to be stored is not waited for.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>What became of it; nothing is thrown but the cancellation.</returns>
    public async Task<InnerAnswer> GetAsync(TargetUri uri, string acceptEncoding, int keepBytes, CancellationToken cancellation)
    {
        using var end = new CancellationTokenSource(Limit, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(end.Token, cancellation);
        var exchange = new InnerExchange(keepBytes, linked);
        try
        {
            var context = exchange.ContextOf(uri, acceptEncoding, scopes);
            // What asks for authorization is not for whoever has none, and the application's middleware that would say so does not run here.
            if (await routing.FindAsync(context) is not { RequestDelegate: { } run } endpoint || endpoint.Metadata.GetMetadata<IAuthorizeData>() is not null)
                return new InnerAnswer(InnerResult.NoRoute);
            await run(context);
            await exchange.CompleteAsync();
        }
        catch (Exception) when (!cancellation.IsCancellationRequested)
        {
            exchange.Abort(); // what threw has been told where it was thrown
        }
        finally
        {
            await exchange.RunCompletedAsync();
        }
        cancellation.ThrowIfCancellationRequested();
        return exchange.Answer;
    }

    private sealed class InnerExchange(int keepBytes, CancellationTokenSource end) : ExchangeResponse(end.Token), IHttpRequestBodyDetectionFeature
    {
        private readonly ArrayBufferWriter<byte> _body = new();
        private string _cacheStatus = "";
        private bool _isOver;

        public bool CanHaveBody => false;

        public InnerAnswer Answer =>
            StatusCode >= 500 || StatusCode == StatusCodes.Status429TooManyRequests || _cacheStatus.Contains("; fwd-status=5", StringComparison.Ordinal)
                ? new(InnerResult.Trouble)
            : IsUnwanted ? new(InnerResult.NotStored)
            : !HasStarted || IsAborted || end.IsCancellationRequested ? new(InnerResult.Trouble)
            : new(ResultOf(_cacheStatus), StatusCode == StatusCodes.Status200OK && !_isOver ? _body.WrittenMemory : null);

        private bool IsUnwanted => HasStarted && keepBytes == 0 && ResultOf(_cacheStatus) == InnerResult.NotStored;

        public DefaultHttpContext ContextOf(in TargetUri uri, string acceptEncoding, IServiceScopeFactory scopes)
        {
            IHeaderDictionary fields = new HeaderDictionary();
            (fields.UserAgent, fields.Accept) = ("CacheProxy-Warming", "*/*");
            if (acceptEncoding.Length > 0)
                fields.AcceptEncoding = acceptEncoding;
            var features = new FeatureCollection();
            features.Set<IHttpRequestFeature>(EndpointRouting.RequestOf(HttpMethods.Get, uri, fields));
            features.Set<IHttpConnectionFeature>(new HttpConnectionFeature { RemoteIpAddress = IPAddress.Loopback, LocalIpAddress = IPAddress.Loopback });
            features.Set<IHttpResponseFeature>(this);
            features.Set<IHttpResponseBodyFeature>(this);
            features.Set<IHttpResponseTrailersFeature>(this);
            features.Set<IHttpRequestLifetimeFeature>(this);
            features.Set<IHttpRequestBodyDetectionFeature>(this);
            return new DefaultHttpContext(features) { ServiceScopeFactory = scopes };
        }

        protected override void OnHead(KeyValuePair<string, StringValues>[] fields, bool bytesFollow)
        {
            // Our member is the last one; no URL has a blank in it.
            var all = Headers["Cache-Status"].ToString();
            _cacheStatus = all[(all.LastIndexOf(", ", StringComparison.Ordinal) + 1)..];
            if (IsUnwanted)
                _ = end.CancelAsync();
        }

        protected override ValueTask OnBodyAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
        {
            _isOver |= bytes.Length > keepBytes - _body.WrittenCount;
            if (!_isOver)
                _body.Write(bytes.Span);
            return default;
        }

        protected override void OnAborted()
        {
        }

        protected override void OnBroken(Exception exception)
        {
        }

        private static InnerResult ResultOf(string cacheStatus) =>
            cacheStatus.Contains("; stored", StringComparison.Ordinal) || cacheStatus.Contains("; detail=remote", StringComparison.Ordinal) ? InnerResult.Stored
            : cacheStatus.Contains("CacheProxy; hit", StringComparison.Ordinal) ? InnerResult.Present
            : InnerResult.NotStored;
    }
}

/// <param name="Result">What became of the request.</param>
/// <param name="Body">The body, if the status is 200 and it is not longer than was wanted; else <c>null</c>.</param>
internal readonly record struct InnerAnswer(InnerResult Result, ReadOnlyMemory<byte>? Body = null);

/// <summary>What became of a request of our own.</summary>
internal enum InnerResult
{
    /// <summary>It is in memory now, from the origin or from the shared store.</summary>
    Stored,

    /// <summary>It was there before.</summary>
    Present,

    /// <summary>The origin has answered, and the answer is not for a cache.</summary>
    NotStored,

    /// <summary>No origin, an error of it, 429, or nothing whole in time.</summary>
    Trouble,

    /// <summary>No route leads there, or one that asks for authorization.</summary>
    NoRoute,
}
