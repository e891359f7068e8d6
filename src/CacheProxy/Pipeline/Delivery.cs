using System.Buffers;
using System.Globalization;
using System.Text;
using CacheProxy.Fetching;
using CacheProxy.Http;
using CacheProxy.Policy;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace CacheProxy.Pipeline;

/// <summary>Writes an answer to a client: from a stored response, or from a recording while it arrives. Never talks to the origin.</summary>
internal static class Delivery
{
    private static readonly string[] Seconds = [.. Enumerable.Range(0, 3601).Select(s => s.ToString(CultureInfo.InvariantCulture))];

    /// <summary>What a client gets of a stored response, by its own conditions and range. While it is held.</summary>
    public static Selection SelectionOf(in RequestHead request, StoredResponse stored) =>
        request.HasConditionsOrRange
            ? SelectedBy(request, stored)
            : new Selection(stored.Facts.StatusCode, 0, stored.BodyLength);

    /// <summary>Answers from a stored response. It has to be held until this returns, and no longer.</summary>
    public static Task FromStoreAsync(
        HttpContext context, bool isHead, StoredResponse stored, Selection selection, TimeSpan age, string cacheStatus, DeliveryBudget budget)
    {
        var response = context.Response;
        WriteHead(response, stored.ReadHead(), selection, stored.BodyLength, cacheStatus);
        response.Headers.Age = AgeText(age);
        if (selection.Parts is { } parts)
            return ByteRangeParts.WriteAsync(response, parts, stored);
        if (isHead || selection.Length == 0)
            return Task.CompletedTask;
        if (stored.LargeBody is not null)
            return WritePiecesAsync(context, stored, selection, budget);
        if (stored.Trailers is { } trailers)
            AppendTrailers(response, trailers);
        response.BodyWriter.Write(stored.BlockBody.Slice((int)selection.Offset, (int)selection.Length)); // copied when this returns
        var written = response.BodyWriter.FlushAsync(context.RequestAborted);
        return written.IsCompletedSuccessfully ? Task.CompletedTask : written.AsTask();
    }

    /// <summary>Answers from a recording, as fast as it arrives and the client reads.</summary>
    public static async Task FromRecordingAsync(
        HttpContext context, Selection selection, RecordingReader reader, Recording recording, FlightAnswer answer, TimeSpan since, string cacheStatus,
        DeliveryBudget budget)
    {
        var response = context.Response;
        WriteHead(response, reader.Leads ? answer.Head! : answer.SharedHead!, selection, answer.ContentLength, cacheStatus);
        if (since >= TimeSpan.FromSeconds(1))
            response.Headers.Age = AgeText(answer.Decision.FreshnessLifetime - answer.TimeToLive + since);
        else if (answer.Head![HeaderNames.Age] is { Count: > 0 } age)
            response.Headers.Age = age; // on a miss the origin's own
        if (selection.Length == 0)
            return;
        using var writer = PieceWriter.Of(context, budget, recording, answer.ContentLength);
        var (left, isGone) = await CopyAsync(reader, writer, selection.Offset, selection.Length, context.RequestAborted);
        if (left == 0 || isGone)
            return;
        if (!reader.EndedWhole)
            context.Abort(); // never end a cut body cleanly
        else if (recording.Trailers is { } trailers)
            AppendTrailers(response, trailers);
    }

    /// <summary>Writes what a recording brings.</summary>
    /// <param name="reader">At the recording's beginning.</param>
    /// <param name="writer">Of the client.</param>
    /// <param name="skip">So many bytes are passed over.</param>
    /// <param name="left">So many are written, if they come.</param>
    /// <param name="cancellation">The client has left.</param>
    /// <returns>How many did not come, and whether the client takes no more.</returns>
    public static async ValueTask<(long Left, bool IsGone)> CopyAsync(RecordingReader reader, PieceWriter writer, long skip, long left, CancellationToken cancellation)
    {
        // A body of known length is over with its last byte; waiting for the recording's end as well would cost another wake-up.
        while (left > 0)
        {
            var piece = await reader.ReadAsync(cancellation);
            if (piece.IsEmpty)
                break;
            if (skip >= piece.Length)
            {
                skip -= piece.Length;
                continue;
            }
            piece = piece[(int)skip..];
            skip = 0;
            if (piece.Length > left)
                piece = piece[..(int)left];
            left -= piece.Length;
            if (!await writer.WriteAsync(piece))
                return (left, true);
        }
        return (left, false);
    }

    /// <summary>Writes the head of an answer that is put together from parts.</summary>
    public static void WriteHead(HttpResponse response, ResponseHead head, Selection selection, long wholeLength, TimeSpan age, string cacheStatus)
    {
        WriteHead(response, head, selection, wholeLength, cacheStatus);
        response.Headers.Age = AgeText(age);
    }

    /// <summary>What a client gets of a response that arrives, by its own conditions and range.</summary>
    public static Selection SelectionOf(in RequestHead request, ResponseHead head, long? contentLength)
    {
        if (request.HasConditionsOrRange && head.StatusCode == StatusCodes.Status200OK)
        {
            // A range of a body whose length is not known yet is answered whole.
            var selection = Preconditions.Evaluate(request, head, contentLength ?? long.MaxValue);
            if (selection.StatusCode == StatusCodes.Status304NotModified || (contentLength is not null && selection.Parts is null))
                return selection; // several parts would have to be put together while the body is still arriving
        }
        return new Selection(head.StatusCode, 0, contentLength ?? long.MaxValue);
    }

    private static Selection SelectedBy(in RequestHead request, StoredResponse stored)
    {
        const int most = 256;
        var bytes = stored.EntityTag;
        var tag = bytes.Length <= most ? stackalloc char[most] : new char[bytes.Length];
        return Preconditions.Evaluate(request, stored.Facts, tag[..Encoding.Latin1.GetChars(bytes, tag)], stored.BodyLength);
    }

    private static void WriteHead(HttpResponse response, ResponseHead head, Selection selection, long? wholeLength, string cacheStatus)
    {
        var status = selection.StatusCode;
        response.StatusCode = status;
        var headers = response.Headers;
        var isNotModified = status == StatusCodes.Status304NotModified;
        foreach (ref readonly var field in head.Fields)
        {
            if (IsOurs(field.Key) || (isNotModified ? ContentFields.Contains(field.Key) : status != head.StatusCode && ContentFields.IsDigest(field.Key)))
                continue;
            headers[field.Key] = field.Value;
        }
        var upstream = headers["Cache-Status"];
        headers["Cache-Status"] = upstream.Count == 0 ? cacheStatus : StringValues.Concat(upstream, cacheStatus);
        if (status == head.StatusCode && head.ReasonPhrase is { } reason)
            response.HttpContext.Features.GetRequiredFeature<IHttpResponseFeature>().ReasonPhrase = reason;
        if (wholeLength is not { } whole || isNotModified || status is StatusCodes.Status204NoContent or < 200)
            return;
        response.ContentLength = selection.Length;
        if (status == StatusCodes.Status206PartialContent && selection.Parts is null)
            headers.ContentRange = string.Create(
                CultureInfo.InvariantCulture, $"bytes {selection.Offset}-{selection.Offset + selection.Length - 1}/{whole}");
        else if (status == StatusCodes.Status416RangeNotSatisfiable)
            headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{whole}");
    }

    /// <summary>Content-Length follows from the body, Age from the time; what was said to this cache alone is said.</summary>
    private static bool IsOurs(string name) =>
        name.Equals(HeaderNames.ContentLength, StringComparison.OrdinalIgnoreCase)
        || name.Equals(HeaderNames.Age, StringComparison.OrdinalIgnoreCase)
        || name.Equals(TargetedCacheControl.OwnField, StringComparison.OrdinalIgnoreCase);

    private static string AgeText(TimeSpan age)
    {
        var seconds = Math.Clamp(age.Ticks / TimeSpan.TicksPerSecond, 0, int.MaxValue);
        return seconds < Seconds.Length ? Seconds[seconds] : seconds.ToString(CultureInfo.InvariantCulture);
    }

    private static async Task WritePiecesAsync(HttpContext context, StoredResponse stored, Selection selection, DeliveryBudget budget)
    {
        var body = stored.LargeBody!;
        using var writer = PieceWriter.Of(context, budget, body);
        foreach (var piece in body.Pieces(selection.Offset, selection.Length))
            if (!await writer.WriteAsync(piece))
                return;
        if (stored.Trailers is { } trailers)
            AppendTrailers(context.Response, trailers);
    }

    private static void AppendTrailers(HttpResponse response, IReadOnlyList<KeyValuePair<string, StringValues>> trailers)
    {
        if (!response.SupportsTrailers())
            return;
        foreach (var (name, value) in trailers)
            response.AppendTrailer(name, value);
    }
}
