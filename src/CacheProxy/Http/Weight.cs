namespace CacheProxy.Http;

/// <summary>The weight of a member of Accept-Encoding or Accept-Language (RFC 9110 section 12.4.2), in thousandths.</summary>
internal static class Weight
{
    /// <summary>The weight of a member that gives none.</summary>
    public const int Highest = 1000;

    /// <param name="parameter">What stands behind the semicolon: <c>q=0.5</c>.</param>
    /// <returns>0 to 1000; -1 when unreadable.</returns>
    public static int Parse(ReadOnlySpan<char> parameter)
    {
        parameter = parameter.Trim(FieldList.Whitespace);
        if (parameter is not ['q' or 'Q', '=', '0' or '1', .. var rest] || rest.Length > 4 || (rest.Length > 0 && rest[0] != '.'))
            return -1;

        var weight = (parameter[2] - '0') * Highest;
        for (var i = 1; i < rest.Length; i++)
        {
            if (!char.IsAsciiDigit(rest[i]))
                return -1;
            weight += (rest[i] - '0') * (i == 1 ? 100 : i == 2 ? 10 : 1);
        }
        return weight <= Highest ? weight : -1;
    }
}
