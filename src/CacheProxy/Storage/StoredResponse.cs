using CacheProxy.Coherence;
using CacheProxy.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Storage;

/// <summary>A response kept for reuse (RFC 9111 sections 1 and 3). Immutable: freshening makes a new one that shares the body.</summary>
internal sealed class StoredResponse
{
    /// <summary>The head without the fields that must not be stored, without Age.</summary>
    public required ResponseHead Head { get; init; }

    public required Body Body { get; init; }

    /// <summary>The trailer section; <c>null</c> when there was none.</summary>
    public IReadOnlyList<KeyValuePair<string, StringValues>>? Trailers { get; init; }

    /// <summary>When the response was received, on the cache's own clock that never runs backwards.</summary>
    public required DateTimeOffset ResponseTime { get; init; }

    /// <summary>corrected_initial_age of RFC 9111 section 4.2.3.</summary>
    public required TimeSpan InitialAge { get; init; }

    /// <summary>freshness_lifetime of RFC 9111 section 4.2.1, already bounded by the route's policy.</summary>
    public required TimeSpan FreshnessLifetime { get; init; }

    /// <summary>
    /// The values that the request had in the fields that Vary names, normalised, in the order of <see cref="VaryFields"/>;
    /// <c>null</c> stands for an absent field.
    /// </summary>
    public required string?[] VaryValues { get; init; }

    /// <summary>The field names of Vary, in order, without duplicates; empty when the response does not vary.</summary>
    public required string[] VaryFields { get; init; }

    /// <summary>Where the fetch stood in the order of invalidations before it began: one after it hides this response. Asked before each reuse.</summary>
    public required Fence Fence;

    /// <summary>The request had Authorization, so reuse rests on what RFC 9111 section 3.5 allows.</summary>
    public bool RequestWasAuthorized { get; init; }

    /// <summary>Bytes this takes in memory, estimated: text, body and the objects around them.</summary>
    public long Size
    {
        get
        {
            const int objects = 400, perField = 64;
            var size = objects + Body.Length;
            foreach (var (name, value) in Head.Fields)
                size += perField + 2L * (name.Length + value.ToString().Length);
            for (var i = 0; i < VaryFields.Length; i++)
                size += perField + 2L * (VaryFields[i].Length + (VaryValues[i]?.Length ?? 0));
            foreach (var (name, value) in Trailers ?? [])
                size += perField + 2L * (name.Length + value.ToString().Length);
            return size;
        }
    }

    /// <summary>current_age of RFC 9111 section 4.2.3.</summary>
    public TimeSpan AgeAt(DateTimeOffset now)
    {
        var resident = now - ResponseTime;
        return resident > TimeSpan.Zero ? InitialAge + resident : InitialAge;
    }
}
