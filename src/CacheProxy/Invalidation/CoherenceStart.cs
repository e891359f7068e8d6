using CacheProxy.Coherence;
using Microsoft.Extensions.Hosting;

namespace CacheProxy.Invalidation;

/// <summary>Brings the node into touch before the first request. A Redis that is away delays the start by the staleness bound at most.</summary>
internal sealed class CoherenceStart(CoherenceNode node) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken) => await node.StartAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask; // the container disposes of the node
}
