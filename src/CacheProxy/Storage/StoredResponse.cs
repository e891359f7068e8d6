using CacheProxy.Coherence;
using CacheProxy.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Storage;

/// <summary>A response kept for reuse (RFC 9111 sections 1 and 3). Immutable: freshening makes a new one that shares the body.</summary>
internal sealed class StoredResponse
{
    /// <summary>This object, the head, the body and their arrays.</summary>
    private const long ObjectBytes = 352;

    private const int ArrayBytes = 24, ReferenceBytes = 8, StringBytes = 26, PairBytes = 24;

    /// <summary>A longer name is not one of those that the HTTP client has as constants.</summary>
    private const int LongestSharedName = 32;

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

    /// <summary>Bytes this takes in memory, measured on a 64-bit runtime: text, body and the objects around them.</summary>
    public long Size
    {
        get
        {
            var size = ObjectBytes + Body.Length;
            foreach (var (name, value) in Head.Fields)
                size += SizeOf(name, value);
            if (VaryFields.Length > 0)
                size += 2 * ArrayBytes;
            for (var i = 0; i < VaryFields.Length; i++)
                size += (2 * (ReferenceBytes + StringBytes)) + (2L * (VaryFields[i].Length + (VaryValues[i]?.Length ?? 0)));
            foreach (var (name, value) in Trailers ?? [])
                size += SizeOf(name, value);
            return size;
        }
    }

    /// <summary>current_age of RFC 9111 section 4.2.3.</summary>
    public TimeSpan AgeAt(DateTimeOffset now)
    {
        var resident = now - ResponseTime;
        return resident > TimeSpan.Zero ? InitialAge + resident : InitialAge;
    }

    private static long SizeOf(string name, StringValues value)
    {
        long size = PairBytes + (name.Length > LongestSharedName ? StringBytes + (2L * name.Length) : 0);
        foreach (var line in value)
            size += StringBytes + (2L * (line?.Length ?? 0));
        return value.Count > 1 ? size + ArrayBytes + (ReferenceBytes * value.Count) : size;
    }
}
