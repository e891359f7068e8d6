using System.Collections.Concurrent;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Model;

namespace CacheProxy.Pipeline;

/// <summary>
/// Which routes' hits may be answered without going through the pipeline again: those on whose way nothing stands that could say no, as long as the
/// configuration is the one under which the pipeline has answered.
/// </summary>
internal sealed class FastRoutes : IDisposable
{
    private static readonly TimeSpan RoutingSettles = TimeSpan.FromSeconds(1);

    /// <summary>What may stand in an endpoint's metadata: what routing itself and YARP put there. Of anything else it is not known what it does.</summary>
    private static readonly string[] HarmlessMetadata =
        [nameof(RouteModel), nameof(HttpMethodMetadata), nameof(HostAttribute), "RouteNameMetadata", "EndpointNameMetadata", "RouteDiagnosticsMetadata", "HeaderMetadata", "QueryParameterMetadata"];

    private readonly EndpointDataSource _endpoints;
    private readonly IServiceProvider _services;
    private readonly List<IDisposable?> _subscriptions = [];
    private readonly ITimer _settled;
    private volatile Epoch _epoch = new(false);

    public FastRoutes(EndpointDataSource endpoints, IOptionsMonitor<CacheProxyOptions> options, TimeProvider time, IServiceProvider services)
    {
        _endpoints = endpoints;
        _services = services;
        _settled = time.CreateTimer(_ => Begin(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _subscriptions.Add(ChangeToken.OnChange(endpoints.GetChangeToken, Changed));
        _subscriptions.Add(options.OnChange(_ => Changed()));
        if (services.GetService<IConfiguration>() is { } configuration)
            _subscriptions.Add(ChangeToken.OnChange(configuration.GetReloadToken, Changed));
        Begin();
    }

    /// <summary>The configuration of now.</summary>
    public Epoch Now => _epoch;

    /// <summary>Whether the leave is of the configuration of now.</summary>
    public bool IsCurrent(FastLeave leave) => ReferenceEquals(leave.Epoch, _epoch);

    /// <summary>The leave for hits on the endpoint of a request that has come through the pipeline; <c>null</c>: they all go through it.</summary>
    /// <param name="epoch">The configuration when the request was read: what it was routed by, if it is the one of now.</param>
    /// <param name="endpoint">The request's.</param>
    /// <param name="settings">The route's.</param>
    public FastLeave? LeaveOf(Epoch? epoch, Endpoint? endpoint, RouteSettings settings)
    {
        if (endpoint is null || epoch is not { IsOpen: true } || epoch != _epoch)
            return null;
        var leave = epoch.Leaves.GetOrAdd(endpoint, static (endpoint, state) => IsHarmless(endpoint) && IsHarmless(state.settings) ? new FastLeave(state.epoch, state.settings, RouteOf(endpoint)) : null, (epoch, settings));
        return leave is null || ReferenceEquals(leave.Settings, settings) ? leave : null;
    }

    public void Dispose()
    {
        _settled.Dispose();
        foreach (var subscription in _subscriptions)
            subscription?.Dispose();
    }

    /// <summary>
    /// Nothing is answered here until requests that were still routed by the old table are through: the change is told to all who listen in no order
    /// that one can know.
    /// </summary>
    private void Changed()
    {
        var before = _epoch;
        _epoch = new Epoch(false);
        before.Leaves.Clear(); // what is stored under it is kept for longer than its endpoints should be
        _settled.Change(RoutingSettles, Timeout.InfiniteTimeSpan);
    }

    private void Begin()
    {
        var before = _epoch;
        var next = new Epoch(!IsToldApartByFields() && !HasRuleForAll());
        Interlocked.CompareExchange(ref _epoch, next, before); // unless there was another change meanwhile, which has to settle as well
    }

    /// <summary>Where fields decide between two routes of one target, one cannot answer for the other.</summary>
    private bool IsToldApartByFields() => _endpoints.Endpoints.Any(endpoint => endpoint.Metadata.GetMetadata<RouteModel>()?.Config.Match?.Headers is { Count: > 0 });

    /// <summary>What the application has said once for all routes, so that it stands in the metadata of none.</summary>
    private bool HasRuleForAll() =>
        _services.GetService<IOptions<RateLimiterOptions>>()?.Value.GlobalLimiter is not null
        || (_services.GetService<IAuthorizationPolicyProvider>() is { } policies && (!policies.AllowsCachingPolicies || policies.GetFallbackPolicyAsync() is not { IsCompletedSuccessfully: true, Result: null }));

    private static string? RouteOf(Endpoint endpoint) => endpoint.Metadata.GetMetadata<IRouteDiagnosticsMetadata>() is { Route: var route } ? (route.Length == 0 ? "/" : route) : null;

    private static bool IsHarmless(Endpoint endpoint) => endpoint.Metadata.All(metadata => HarmlessMetadata.Contains(metadata.GetType().Name));

    private static bool IsHarmless(RouteSettings settings) =>
        settings is { Enabled: true, QueryRules: null, ReadYourWrites: ReadYourWrites.None, Policy.HonorRequestDirectives: false };

    internal sealed class Epoch(bool isOpen)
    {
        public bool IsOpen => isOpen;

        public ConcurrentDictionary<Endpoint, FastLeave?> Leaves { get; } = [];
    }
}

/// <summary>A route's hits may be answered without the pipeline, by these settings.</summary>
/// <param name="Epoch">The configuration that it is of.</param>
/// <param name="Settings">The route's.</param>
/// <param name="Route">The route's pattern, as metrics have it.</param>
internal sealed record FastLeave(FastRoutes.Epoch Epoch, RouteSettings Settings, string? Route);
