using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Keys;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Invalidation;

/// <summary>What stored responses are called by when they are invalidated, as texts for <see cref="Tag"/>.</summary>
internal static class Tags
{
    /// <summary>Most groups and surrogate keys of one response that count; RFC 9875 section 2 asks for 128 at least.</summary>
    public const int MaxNames = 256;

    private const string PathPrefix = "path:";

    /// <summary>A group is of one origin: another's cannot name it (RFC 9875 section 2.1).</summary>
    /// <param name="cacheKey">The cache key of a response of that origin.</param>
    /// <param name="name">The group.</param>
    public static string Group(string cacheKey, string name) => $"group:{OriginOf(cacheKey)} {name}";

    /// <summary>A surrogate key, which has no origin: who runs the caches gives them out.</summary>
    public static string SurrogateKey(string name) => "tag:" + name;

    /// <summary>
    /// Of what may be found by other queries than its own (No-Vary-Search): whatever query of the path is invalidated, on whichever node, may be
    /// one of those.
    /// </summary>
    public static string Path(string cacheKey) => string.Concat(PathPrefix, SearchRules.PathOf(CacheKey.UriOf(cacheKey)));

    /// <summary>What an invalidation of a URI names.</summary>
    public static string[] OfUri(string cacheKey) => cacheKey.Contains('?') ? [Tag.Key(cacheKey), Path(cacheKey)] : [Tag.Key(cacheKey)];

    /// <summary>Whether the tag is one of <see cref="OfUri"/>.</summary>
    public static bool IsOfUri(string tag) => tag.StartsWith(Tag.Key(""), StringComparison.Ordinal) || tag.StartsWith(PathPrefix, StringComparison.Ordinal);

    /// <summary>The tags that a response to this target gives itself, besides the one of its URL; empty for most.</summary>
    /// <param name="cacheKey">Its cache key.</param>
    /// <param name="head">Its head: Cache-Groups, Surrogate-Key (names divided by blanks), Cache-Tag (by commas).</param>
    /// <returns><c>null</c> when there are more than <see cref="MaxNames"/>: what could not be invalidated must not be stored.</returns>
    public static string[]? Of(string cacheKey, ResponseHead head)
    {
        var names = Of(cacheKey, head["Cache-Groups"], head["Surrogate-Key"], head["Cache-Tag"]);
        return names is null || head[SearchRule.FieldName].Count == 0 ? names : [.. names, Path(cacheKey)];
    }

    /// <inheritdoc cref="Of(string, ResponseHead)"/>
    public static string[]? Of(string cacheKey, StringValues groups, StringValues surrogateKeys, StringValues cacheTags)
    {
        if (groups.Count == 0 && surrogateKeys.Count == 0 && cacheTags.Count == 0)
            return [];
        var texts = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in StringList.Parse(groups) ?? [])
            texts.Add(Group(cacheKey, name));
        foreach (var line in surrogateKeys)
            foreach (var name in (line ?? "").Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
                texts.Add(SurrogateKey(name));
        foreach (var name in new FieldList(cacheTags))
            texts.Add(SurrogateKey(name.ToString()));
        return texts.Count <= MaxNames ? [.. texts] : null;
    }

    /// <summary>The fence of a response that was read from there on; <c>null</c>: it must not be stored.</summary>
    public static Fence? FenceOf(string cacheKey, ResponseHead head, long fill) =>
        Of(cacheKey, head) is { } names ? new Fence(CacheKey.UriOf(cacheKey), names, fill) : null;

    /// <summary>Scheme, host and port.</summary>
    public static ReadOnlySpan<char> OriginOf(string cacheKey) =>
        cacheKey.AsSpan(0, cacheKey.IndexOf('/', cacheKey.IndexOf("://", StringComparison.Ordinal) + 3));
}
