using System.Buffers;
using System.Text;
using CacheProxy.Coherence;
using CacheProxy.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace CacheProxy.Storage;

/// <summary>
/// A response kept for reuse (RFC 9111 sections 1 and 3). What is decided by is here, as numbers; head and body are bytes in one block outside
/// the heap that the collector walks. Immutable but for what is noted on it: freshening makes a new one.
/// </summary>
/// <remarks>
/// <code>
/// the block: field lines that every answer has │ those of the body, which a 304 leaves out │ those for this cache alone │ body
/// </code>
/// A body of more than <see cref="LargestBlockBody"/> bytes is a <see cref="Body"/> of its own instead.
/// <para>
/// The block is counted: who makes the response holds it and releases it, so does the store while it counts it, and a flight as long as it may be
/// answered from. Whoever else found it in the store holds it while he copies, on one thread and without waiting, and takes a hold that fails for a miss. The numbers may be read
/// by anybody at any time.
/// </para>
/// </remarks>
internal sealed class StoredResponse
{
    /// <summary>The longest body that lies in the block, in bytes: what a server takes at once.</summary>
    public const int LargestBlockBody = 64 << 10;

    /// <summary>This object.</summary>
    private const int ObjectBytes = 272;

    private const int ArrayBytes = 24, ReferenceBytes = 8, StringBytes = 26, PairBytes = 24;

    private readonly HeadFacts _facts;
    private readonly long _responseTime;
    private readonly int _endOfAny, _endOfLines, _endOfHead;
    private readonly int _blockBody;
    private Block _block;

    /// <summary>Copies head and body; the caller holds what comes of it.</summary>
    /// <param name="head">The head without the fields that must not be stored, without Age. Content-Length follows from the body.</param>
    /// <param name="body">The body.</param>
    public StoredResponse(ResponseHead head, Body body)
    {
        _facts = head.Facts;
        ReasonPhrase = head.ReasonPhrase;
        var fields = head.Fields;
        const int most = 64;
        var kinds = fields.Length <= most ? stackalloc Line[most] : new Line[fields.Length];
        for (var i = 0; i < fields.Length; i++)
            kinds[i] = LineOf(fields[i].Key);
        _endOfAny = Length(fields, kinds, Line.OfAny);
        _endOfLines = _endOfAny + Length(fields, kinds, Line.OfTheBody);
        _endOfHead = _endOfLines + Length(fields, kinds, Line.OfThisCache);
        if (body.Length > LargestBlockBody)
            LargeBody = body;
        else
            _blockBody = (int)body.Length;
        _block = new Block(_endOfHead + _blockBody);
        var rest = Write(fields, kinds, Line.OfThisCache, Write(fields, kinds, Line.OfTheBody, Write(fields, kinds, Line.OfAny, _block.Bytes)));
        if (LargeBody is null)
            body.CopyTo(rest);
    }

    /// <summary>What reuse asks of the head.</summary>
    public ref readonly HeadFacts Facts => ref _facts;

    /// <summary>The reason phrase of HTTP/1.1; <c>null</c> means the standard one.</summary>
    public string? ReasonPhrase { get; }

    /// <summary>In bytes.</summary>
    public long BodyLength => LargeBody?.Length ?? _blockBody;

    /// <summary>The body where it does not lie in the block; <c>null</c> where it does.</summary>
    public Body? LargeBody { get; }

    /// <summary>
    /// An incomplete response (RFC 9111 section 3.3): the head of one that is too large to be stored whole. What there is of its body are parts, each stored by itself.
    /// </summary>
    public bool IsIncomplete => LargeBody is { IsAbsent: true };

    /// <summary>The trailer section; <c>null</c> when there was none.</summary>
    public IReadOnlyList<KeyValuePair<string, StringValues>>? Trailers { get; init; }

    /// <summary>When the response was received, on the cache's own clock that never runs backwards.</summary>
    public required DateTimeOffset ResponseTime
    {
        get => new(_responseTime, TimeSpan.Zero);
        init => _responseTime = value.UtcTicks;
    }

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

    /// <summary>What whoever stored it or answers from it has noted, to answer sooner the next time. It is about the key and not about what else is stored under it.</summary>
    public object? Leave { get; set; }

    /// <summary>Bytes this takes in memory, measured on a 64-bit runtime.</summary>
    public long Size
    {
        get
        {
            long size = ObjectBytes + Block.Size(_endOfHead + _blockBody) + (LargeBody?.Size ?? 0);
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

    /// <inheritdoc cref="Block.Prefetch"/>
    public void Prefetch() => _block.Prefetch();

    /// <inheritdoc cref="Block.TryHold"/>
    public bool TryHold() => _block.TryHold();

    /// <inheritdoc cref="Block.Release"/>
    public void Release() => _block.Release();

    /// <summary>The field lines of an answer, as HTTP/1.1 writes them, but for Content-Length, Age and what an answer adds. While held.</summary>
    public ReadOnlySpan<byte> Lines => _block.Bytes[.._endOfLines];

    /// <summary>The same for a 304 (RFC 9110 section 15.4.5). While held.</summary>
    public ReadOnlySpan<byte> LinesOfNotModified => _block.Bytes[.._endOfAny];

    /// <summary>The entity tag; empty when there is none. While held.</summary>
    public ReadOnlySpan<byte> EntityTag => _facts.HasEntityTag ? FieldLines.Find(LinesOfNotModified, HeaderNames.ETag) : default;

    /// <summary>The body in the block; not to be asked for where it is a <see cref="LargeBody"/>. While held.</summary>
    public ReadOnlySpan<byte> BlockBody => _block.Bytes[_endOfHead..];

    /// <summary>The head as it was stored. While held.</summary>
    public ResponseHead ReadHead() => new(_facts.StatusCode, ReasonPhrase, FieldLines.Read(_block.Bytes[.._endOfHead]), _facts.ReceivedAt);

    /// <summary>The value of a field that has one line; empty when it has none or more, and when the response is gone. Takes a hold of its own.</summary>
    public string ReadField(string name)
    {
        if (!TryHold())
            return "";
        var value = Encoding.Latin1.GetString(FieldLines.FindOnly(Lines, name));
        Release();
        return value;
    }

    /// <summary>The body, for another stored response. While held.</summary>
    public Body ReadBody() => LargeBody ?? (_blockBody == 0 ? Body.Empty : new Body([BlockBody.ToArray()], _blockBody));

    private enum Line : byte
    {
        OfAny,
        OfTheBody,
        OfThisCache,
        NotKept,
    }

    private static Line LineOf(string name) =>
        name.Equals(HeaderNames.ContentLength, StringComparison.OrdinalIgnoreCase) ? Line.NotKept
        : name.Equals(TargetedCacheControl.OwnField, StringComparison.OrdinalIgnoreCase) ? Line.OfThisCache
        : ContentFields.Contains(name) ? Line.OfTheBody
        : Line.OfAny;

    private static int Length(ReadOnlySpan<KeyValuePair<string, StringValues>> fields, ReadOnlySpan<Line> kinds, Line kind)
    {
        var length = 0;
        for (var i = 0; i < fields.Length; i++)
            if (kinds[i] == kind)
                length += FieldLines.Length(fields[i].Key, fields[i].Value);
        return length;
    }

    private static Span<byte> Write(ReadOnlySpan<KeyValuePair<string, StringValues>> fields, ReadOnlySpan<Line> kinds, Line kind, Span<byte> target)
    {
        for (var i = 0; i < fields.Length; i++)
            if (kinds[i] == kind)
                target = FieldLines.Write(fields[i].Key, fields[i].Value, target);
        return target;
    }

    private static long SizeOf(string name, StringValues value)
    {
        long size = PairBytes + StringBytes + (2L * name.Length);
        foreach (var line in value)
            size += StringBytes + (2L * (line?.Length ?? 0));
        return value.Count > 1 ? size + ArrayBytes + (ReferenceBytes * value.Count) : size;
    }
}
