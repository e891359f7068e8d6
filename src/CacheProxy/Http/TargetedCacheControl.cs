using Microsoft.Extensions.Primitives;

namespace CacheProxy.Http;

/// <summary>Cache directives that a response has for certain caches only (RFC 9213). They replace Cache-Control and Expires.</summary>
internal static class TargetedCacheControl
{
    /// <summary>For this cache alone: it goes before all others, and is taken out of answers.</summary>
    public const string OwnField = "CacheProxy-Cache-Control";

    /// <summary>For all caches that act for the origin; it goes on.</summary>
    public const string CdnField = "CDN-Cache-Control";

    /// <summary>
    /// The directives of one targeted field; <c>null</c> when it is to be ignored, for another field to speak: absent, empty, no structured
    /// dictionary (section 2.1), or without any member that is a directive of the right type.
    /// </summary>
    /// <remarks>
    /// Section 2.1 says that a value of the wrong type is not to be used. What restricts counts with any value but <c>?0</c> all the same, as
    /// in Cache-Control: the worst that comes of it is a response that is not stored.
    /// </remarks>
    public static CacheControl? Parse(StringValues lines)
    {
        if (lines.Count == 0 || StructuredDictionary.Parse(lines) is not { Count: > 0 } members)
            return null;
        var directives = new CacheControl
        {
            NoStore = Restricts(members, "no-store"),
            NoCache = Restricts(members, "no-cache") && FieldNames(members, "no-cache") is null,
            NoCacheFields = FieldNames(members, "no-cache"),
            Private = Restricts(members, "private") && FieldNames(members, "private") is null,
            PrivateFields = FieldNames(members, "private"),
            Public = members.TryGetValue("public", out var isPublic) && isPublic.IsTrue,
            MustRevalidate = Restricts(members, "must-revalidate"),
            ProxyRevalidate = Restricts(members, "proxy-revalidate"),
            MustUnderstand = members.TryGetValue("must-understand", out var mustUnderstand) && mustUnderstand.IsTrue,
            MaxAge = Lifetime(members, "max-age"),
            SharedMaxAge = Lifetime(members, "s-maxage"),
            StaleWhileRevalidate = Lifetime(members, "stale-while-revalidate"),
            StaleIfError = Lifetime(members, "stale-if-error"),
        };
        return directives == default ? null : directives with { IsPresent = true };
    }

    private static bool Restricts(Dictionary<string, StructuredItem> members, string name) => members.TryGetValue(name, out var value) && !value.IsFalse;

    /// <summary>The names of <c>private="a, b"</c>; <c>null</c> for any other form, which then means the whole response.</summary>
    private static List<string>? FieldNames(Dictionary<string, StructuredItem> members, string name)
    {
        if (!members.TryGetValue(name, out var value) || value.Kind != StructuredKind.String)
            return null;
        var names = new List<string>();
        foreach (var field in new FieldList(value.Text.AsSpan()))
        {
            if (!Token.IsValid(field))
                return null;
            names.Add(field.ToString());
        }
        return names.Count > 0 ? names : null;
    }

    private static TimeSpan? Lifetime(Dictionary<string, StructuredItem> members, string name) =>
        members.TryGetValue(name, out var value) && value is { Kind: StructuredKind.Integer, Number: >= 0 }
            ? TimeSpan.FromSeconds(Math.Min(value.Number, DeltaSeconds.Maximum))
            : null;
}
