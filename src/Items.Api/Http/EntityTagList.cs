using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Primitives;

namespace Items.Api.Http;

/// <summary>
/// The value of <c>If-Match</c> or <c>If-None-Match</c>: any (<c>*</c>) or a list of entity tags (RFC 9110 sections 8.8.3, 13.1).
/// The framework's EntityTagHeaderValue reads tags as quoted strings, where a backslash escapes; in an entity tag it does not.
/// </summary>
internal sealed class EntityTagList
{
    private readonly List<EntityTag> _tags = [];

    private EntityTagList(bool isAny) => IsAny = isAny;

    /// <summary>The value was <c>*</c>: it matches whatever exists.</summary>
    public bool IsAny { get; }

    /// <summary>The tags in their order. Empty for <c>*</c> and for an empty field, which matches nothing.</summary>
    public IReadOnlyList<EntityTag> Tags => _tags;

    /// <summary>Both tags strong and alike: for <c>If-Match</c>.</summary>
    public bool MatchesStrongly(EntityTag tag) => IsAny || (!tag.IsWeak && _tags.Contains(tag));

    /// <summary>Alike, weak or not: for <c>If-None-Match</c>.</summary>
    public bool MatchesWeakly(EntityTag tag) => IsAny || _tags.Exists(listed => listed.Opaque == tag.Opaque);

    /// <summary>
    /// Reads all lines of one field. Empty list elements are skipped (section 5.6.1); <c>*</c> beside anything else, a tag without
    /// quotes and anything between two tags but a comma make the whole value malformed: false.
    /// </summary>
    public static bool TryParse(StringValues lines, [NotNullWhen(true)] out EntityTagList? list)
    {
        var text = string.Join(',', lines.ToArray()).AsSpan();
        list = new EntityTagList(isAny: text.Trim(" \t") is "*");
        if (list.IsAny)
            return true;
        while (true)
        {
            text = text.TrimStart(" \t,");
            if (text.IsEmpty)
                return true;
            if (!EntityTag.TryRead(ref text, out var tag))
                break;
            list._tags.Add(tag);
            text = text.TrimStart(" \t");
            if (!text.IsEmpty && text[0] != ',')
                break;
        }
        list = null;
        return false;
    }
}
