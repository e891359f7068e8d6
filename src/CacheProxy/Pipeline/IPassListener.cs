using CacheProxy.Policy;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Pipeline;

/// <summary>Learns for the store from an answer that passes.</summary>
internal interface IPassListener
{
    /// <summary>The answer's head is complete and about to go on.</summary>
    /// <param name="context">The client's.</param>
    /// <param name="fill">Where this node stands in the order of invalidations behind the request's own; <c>null</c> when that is not known.</param>
    /// <returns>What became of it; <c>null</c> when the question did not come up.</returns>
    StoreDecision? OnHead(HttpContext context, long? fill);

    /// <summary>The answer has gone on.</summary>
    /// <param name="context">The client's.</param>
    /// <param name="isWhole">To its last byte.</param>
    void OnEnd(HttpContext context, bool isWhole);
}
