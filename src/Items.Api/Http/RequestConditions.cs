using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Items.Api.Http;

internal enum ConditionOutcome
{
    /// <summary>Do what the method says.</summary>
    Proceed,

    /// <summary>The client has it already: 304.</summary>
    NotModified,

    /// <summary>The client did not mean this state: 412.</summary>
    Failed,
}

/// <summary>
/// The conditions of one request (RFC 9110 section 13). They are read before the database is asked, so that they can be
/// weighed again, against a newer state, whenever another writer came first.
/// </summary>
internal sealed record RequestConditions
{
    private bool IsSafe { get; init; }
    private EntityTagList? IfMatch { get; init; }
    private EntityTagList? IfNoneMatch { get; init; }
    private DateTimeOffset? IfUnmodifiedSince { get; init; }
    private DateTimeOffset? IfModifiedSince { get; init; }

    /// <summary>
    /// Reads the request's conditions. A malformed list of entity tags is a complaint, since the client wanted protection that it
    /// would not get; only in <c>If-None-Match</c> of a GET, where it costs no more than a body, is it passed over. A date that
    /// is none, and one beside its entity-tag twin, is ignored as sections 13.1.3 and 13.1.4 say.
    /// </summary>
    public static RequestConditions Read(HttpRequest request, Complaints complaints)
    {
        var headers = request.Headers;
        var isSafe = Methods.IsSafe(request.Method);
        return new RequestConditions
        {
            IsSafe = isSafe,
            IfMatch = ReadTags(HeaderNames.IfMatch, headers.IfMatch, complaints),
            IfNoneMatch = ReadTags(HeaderNames.IfNoneMatch, headers.IfNoneMatch, isSafe ? null : complaints),
            IfUnmodifiedSince = headers.IfMatch.Count > 0 ? null : ReadDate(headers.IfUnmodifiedSince),
            IfModifiedSince = headers.IfNoneMatch.Count > 0 || !isSafe ? null : ReadDate(headers.IfModifiedSince),
        };
    }

    /// <summary>Weighs the conditions in the order of section 13.2.2 against the state that is there.</summary>
    /// <param name="current">The tag of that state; strong.</param>
    /// <param name="lastModified">When it came about. Only its whole seconds count, as in the field.</param>
    public ConditionOutcome Weigh(EntityTag current, DateTimeOffset lastModified)
    {
        var modified = DateTimeOffset.FromUnixTimeSeconds(lastModified.ToUnixTimeSeconds());
        if (IfMatch is not null && !IfMatch.MatchesStrongly(current))
            return ConditionOutcome.Failed;
        if (modified > IfUnmodifiedSince)
            return ConditionOutcome.Failed;
        if (IfNoneMatch is not null && IfNoneMatch.MatchesWeakly(current))
            return IsSafe ? ConditionOutcome.NotModified : ConditionOutcome.Failed;
        if (modified <= IfModifiedSince)
            return ConditionOutcome.NotModified;
        return ConditionOutcome.Proceed;
    }

    private static EntityTagList? ReadTags(string field, StringValues lines, Complaints? complaints)
    {
        if (lines.Count == 0)
            return null;
        if (!EntityTagList.TryParse(lines, out var list))
            complaints?.Add(field, lines.ToString(), "* or a comma-separated list of entity tags in double quotes");
        return list;
    }

    private static DateTimeOffset? ReadDate(StringValues lines) =>
        lines.Count == 1 && HeaderUtilities.TryParseDate(lines[0], out var date) ? date : null;
}
