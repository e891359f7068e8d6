using CacheProxy.Policy;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Pipeline;

/// <summary>Learns for the store from an answer that passes.</summary>
internal interface IPassListener
{
    /// <summary>The answer's head is complete and about to go on.</summary>
    /// <param name="context">The client's.</param>
    /// <param name="mark">The place in the order of invalidations that the request itself took; <c>null</c> when it took none or another came before it.</param>
    /// <returns>What became of it; <c>null</c> when the question did not come up.</returns>
    StoreDecision? OnHead(HttpContext context, long? mark);

    /// <summary>The answer has gone on.</summary>
    /// <param name="context">The client's.</param>
    /// <param name="isWhole">To its last byte.</param>
    void OnEnd(HttpContext context, bool isWhole);
}
