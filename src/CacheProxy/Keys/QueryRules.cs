namespace CacheProxy.Keys;

/// <summary>
/// Which query parameters of a request are kept, and in which order: for the key and for what is forwarded alike, since both are made of
/// the target that comes out. Immutable.
/// </summary>
/// <remarks>
/// A parameter is what stands between two <c>&amp;</c>, its name what stands before the first <c>=</c>; both are taken as they are
/// written, without decoding: a name that is written in another way is another name to this, for key and origin alike.
/// </remarks>
internal sealed class QueryRules
{
    /// <summary>The preset <c>@tracking</c>: what mailings and advertisements add for scripts in the page, not for the server.</summary>
    public const string TrackingPreset = "@tracking";

    private static readonly string[] Tracking =
    [
        "utm_*", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "gad_source", "gad_campaignid", "fbclid", "msclkid", "yclid", "twclid", "ttclid", "igshid", "li_fat_id",
        "mc_cid", "mc_eid", "_ga", "_gl", "_hsenc", "_hsmi", "hsCtaTracking", "mkt_tok", "oly_anon_id", "oly_enc_id", "vero_id", "wickedid",
        "pk_campaign", "pk_kwd", "pk_keyword", "mtm_*", "matomo_*", "piwik_*", "s_kwcid", "ef_id", "epik",
    ];

    private readonly string[]? _allowed;
    private readonly string[] _denied;
    private readonly bool _isSorted;

    private QueryRules(string[]? allowed, string[] denied, bool isSorted) => (_allowed, _denied, _isSorted) = (allowed, denied, isSorted);

    /// <param name="allowed">Names that are kept, all others are not; <c>null</c>: all are kept. <c>utm_*</c> stands for what begins so.</param>
    /// <param name="denied">Names that are not kept.</param>
    /// <param name="isSorted">Whether parameters are put in the order of their names; those of one name keep theirs.</param>
    /// <returns><c>null</c> when that changes nothing.</returns>
    public static QueryRules? From(string[]? allowed, string[] denied, bool isSorted) =>
        allowed is null && denied.Length == 0 && !isSorted ? null : new QueryRules(allowed is null ? null : WithPresets(allowed), WithPresets(denied), isSorted);

    /// <summary>The target as it is keyed and forwarded; the same instance when nothing changes.</summary>
    public string Apply(string target)
    {
        var mark = target.IndexOf('?');
        if (mark < 0)
            return target;

        var kept = new List<string>();
        var query = target.AsSpan(mark + 1);
        var isChanged = query.IsEmpty;
        foreach (var piece in query.Split('&'))
        {
            var parameter = query[piece];
            if (!parameter.IsEmpty && IsKept(NameOf(parameter)))
                kept.Add(parameter.ToString());
            else
                isChanged = true;
        }
        if (_isSorted && !IsInOrder(kept))
        {
            kept = [.. kept.OrderBy(static parameter => NameOf(parameter).ToString(), StringComparer.Ordinal)]; // stable
            isChanged = true;
        }
        if (!isChanged)
            return target;
        return kept.Count == 0 ? target[..mark] : string.Concat(target.AsSpan(0, mark + 1), string.Join('&', kept));
    }

    private static string[] WithPresets(string[] names) => [.. names.SelectMany(name => name == TrackingPreset ? Tracking : [name])];

    private bool IsKept(ReadOnlySpan<char> name) => (_allowed is null || IsAmong(_allowed, name)) && !IsAmong(_denied, name);

    private static bool IsAmong(string[] patterns, ReadOnlySpan<char> name)
    {
        foreach (var pattern in patterns)
            if (pattern.EndsWith('*') ? name.StartsWith(pattern.AsSpan(0, pattern.Length - 1), StringComparison.Ordinal) : name.SequenceEqual(pattern))
                return true;
        return false;
    }

    private static bool IsInOrder(List<string> parameters)
    {
        for (var i = 1; i < parameters.Count; i++)
            if (NameOf(parameters[i - 1]).SequenceCompareTo(NameOf(parameters[i])) > 0)
                return false;
        return true;
    }

    private static ReadOnlySpan<char> NameOf(ReadOnlySpan<char> parameter) => parameter.IndexOf('=') is >= 0 and var equals ? parameter[..equals] : parameter;
}
