using System.Net;
using CacheProxy.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Keys;

/// <summary>
/// What a response's No-Vary-Search says of the query (draft-ietf-httpbis-no-vary-search): which parameters, and whether their order, make no
/// difference to it. Immutable.
/// </summary>
/// <remarks>
/// Names are compared as decoded, so that <c>%69d</c> is <c>id</c>. What is left of the query stays as it is written: of two spellings of one
/// query each is stored for itself, which is less than the draft allows and never more.
/// </remarks>
internal sealed class SearchRule
{
    public const string FieldName = "No-Vary-Search";

    /// <summary>A longer field is not heard.</summary>
    private const int MaxLength = 512;

    private readonly bool _isOrderIgnored;
    private readonly bool _areOthersIgnored;
    private readonly string[] _names;

    private SearchRule(string text, bool isOrderIgnored, bool areOthersIgnored, string[] names) =>
        (Text, _isOrderIgnored, _areOthersIgnored, _names) = (text, isOrderIgnored, areOthersIgnored, names);

    /// <summary>The field as it was received: rules with one text are one rule.</summary>
    public string Text { get; }

    /// <summary>The field's text; <c>null</c> when it has no line or, which nobody writes, several.</summary>
    public static string? TextOf(StringValues lines) => lines.Count == 1 ? lines[0] : null;

    /// <summary>The rule; <c>null</c> for a field that is absent, broken, in several lines, or says that everything counts.</summary>
    public static SearchRule? Parse(StringValues lines)
    {
        if (TextOf(lines) is not { Length: <= MaxLength } text || StructuredDictionary.Parse(lines) is not { } members)
            return null;
        var order = members.GetValueOrDefault("key-order", StructuredItem.Of(false));
        var parameters = members.GetValueOrDefault("params", StructuredItem.Of(false));
        if (order.Kind != StructuredKind.Boolean || (parameters.Kind != StructuredKind.Boolean && Names(parameters) is null))
            return null;
        string[]? names = Names(parameters) ?? [];
        if (members.TryGetValue("except", out var except) && (!parameters.IsTrue || (names = Names(except)) is null))
            return null;
        return order.IsTrue || parameters.IsTrue || names.Length > 0 ? new SearchRule(text, order.IsTrue, parameters.IsTrue, names) : null;
    }

    /// <summary>The target that stands for all that differ from it only as the rule allows; the same instance when it is that itself.</summary>
    public string Apply(string target)
    {
        var mark = target.IndexOf('?');
        if (mark < 0)
            return target;
        var query = target.AsSpan(mark + 1);
        var kept = new List<(string Name, string Parameter)>();
        foreach (var piece in query.Split('&'))
            if (!query[piece].IsEmpty && NameOf(query[piece]) is var name && _names.Contains(name) == _areOthersIgnored)
                kept.Add((name, query[piece].ToString()));
        if (_isOrderIgnored)
            kept = [.. kept.OrderBy(static one => one.Name, StringComparer.Ordinal)]; // stable
        var rest = string.Join('&', kept.Select(static one => one.Parameter));
        return rest.Length == 0 ? target[..mark] : query.SequenceEqual(rest) ? target : string.Concat(target.AsSpan(0, mark + 1), rest);
    }

    private static string NameOf(ReadOnlySpan<char> parameter) =>
        WebUtility.UrlDecode((parameter.IndexOf('=') is >= 0 and var equals ? parameter[..equals] : parameter).ToString());

    /// <returns>The decoded names of an inner list of strings; <c>null</c> for anything else.</returns>
    private static string[]? Names(StructuredItem list) =>
        list.Items is { } items && items.All(static item => item.Kind == StructuredKind.String) ? [.. items.Select(static item => WebUtility.UrlDecode(item.Text!))] : null;
}
