namespace CacheProxy.Http;

/// <summary>Collects the directives of a Cache-Control field one by one.</summary>
/// <remarks>
/// What restricts counts in any spelling (<c>no-store=1</c> is <c>no-store</c>); what permits counts only as the RFC writes it.
/// Names are compared without case; unknown ones are passed over (RFC 9111 section 5.2.3).
/// </remarks>
internal struct CacheControlReader
{
    private bool _noStore, _noCache, _private, _public, _mustRevalidate, _proxyRevalidate, _mustUnderstand, _onlyIfCached;
    private List<string>? _noCacheFields, _privateFields;
    private TimeSpan? _maxAge, _sharedMaxAge, _staleWhileRevalidate, _staleIfError, _maxStale, _minFresh;

    public void Read(ReadOnlySpan<char> member)
    {
        var equals = member.IndexOf('=');
        var hasArgument = equals >= 0;
        var argument = hasArgument ? member[(equals + 1)..] : default;
        var written = hasArgument ? member[..equals] : member;
        var name = written.TrimEnd(FieldList.Whitespace);
        // No white space may stand around "=": the name is known, the argument is unreadable.
        var readable = name.Length == written.Length;

        if (Is(name, "max-age"))
            _maxAge = Lifetime(_maxAge, argument, readable);
        else if (Is(name, "s-maxage"))
            _sharedMaxAge = Lifetime(_sharedMaxAge, argument, readable);
        else if (Is(name, "no-cache"))
            _noCache |= !AddFields(ref _noCacheFields, argument, readable);
        else if (Is(name, "no-store"))
            _noStore = true;
        else if (Is(name, "public"))
            _public |= !hasArgument;
        else if (Is(name, "private"))
            _private |= !AddFields(ref _privateFields, argument, readable);
        else if (Is(name, "must-revalidate"))
            _mustRevalidate = true;
        else if (Is(name, "proxy-revalidate"))
            _proxyRevalidate = true;
        else if (Is(name, "must-understand"))
            _mustUnderstand |= !hasArgument;
        else if (Is(name, "stale-while-revalidate"))
            _staleWhileRevalidate = Lifetime(_staleWhileRevalidate, argument, readable);
        else if (Is(name, "stale-if-error"))
            _staleIfError = Lifetime(_staleIfError, argument, readable);
        else if (Is(name, "only-if-cached"))
            _onlyIfCached = true;
        else if (Is(name, "max-stale"))
            _maxStale = hasArgument ? Lifetime(_maxStale, argument, readable) : Merge(_maxStale, TimeSpan.MaxValue);
        else if (Is(name, "min-fresh"))
            _minFresh = Lifetime(_minFresh, argument, readable);
    }

    public readonly CacheControl Result(bool isBroken) => new()
    {
        IsPresent = true,
        NoStore = _noStore || isBroken,
        NoCache = _noCache,
        Private = _private,
        Public = _public,
        MustRevalidate = _mustRevalidate,
        ProxyRevalidate = _proxyRevalidate,
        // It would set aside the no-store of a broken field.
        MustUnderstand = _mustUnderstand && !isBroken,
        OnlyIfCached = _onlyIfCached,
        NoCacheFields = _noCacheFields,
        PrivateFields = _privateFields,
        MaxAge = _maxAge,
        SharedMaxAge = _sharedMaxAge,
        StaleWhileRevalidate = _staleWhileRevalidate,
        StaleIfError = _staleIfError,
        MaxStale = _maxStale,
        MinFresh = _minFresh,
    };

    private static bool Is(ReadOnlySpan<char> name, string directive) => name.Equals(directive, StringComparison.OrdinalIgnoreCase);

    private static TimeSpan Lifetime(TimeSpan? earlier, ReadOnlySpan<char> argument, bool readable)
    {
        var value = readable && DeltaSeconds.TryParse(Unquote(argument), out var seconds) ? seconds : TimeSpan.Zero;
        return Merge(earlier, value);
    }

    /// <summary>Different values contradict each other: stale (RFC 9111 section 4.2.1).</summary>
    private static TimeSpan Merge(TimeSpan? earlier, TimeSpan value) => earlier is null || earlier == value ? value : TimeSpan.Zero;

    /// <summary>Whether the argument is a list of field names, which are then added.</summary>
    private static bool AddFields(ref List<string>? fields, ReadOnlySpan<char> argument, bool readable)
    {
        var text = Unquote(argument);
        // The form without quotes holds one name (section 5.2.2.4 says that nobody should send it).
        if (!readable || (text.Length == argument.Length && !Token.IsValid(text)))
            return false;

        var names = new List<string>();
        foreach (var name in new FieldList(text))
        {
            if (!Token.IsValid(name))
                return false;
            names.Add(name.ToString());
        }
        if (names.Count == 0)
            return false;
        (fields ??= []).AddRange(names);
        return true;
    }

    /// <summary>The text between quotes; an escape stays as it is and makes the text unreadable later.</summary>
    private static ReadOnlySpan<char> Unquote(ReadOnlySpan<char> text) =>
        text is ['"', .. var inner, '"'] ? inner : text;
}
