namespace CacheProxy.Http;

/// <summary>
/// HTTP-date of RFC 9110 section 5.6.7 in its three forms, letters in any case (RFC 9111 section 4.2), otherwise to the letter.
/// </summary>
/// <remarks>
/// <code>
/// Sun, 06 Nov 1994 08:49:37 GMT     IMF-fixdate
/// Sunday, 06-Nov-94 08:49:37 GMT    RFC 850
/// Sun Nov  6 08:49:37 1994          asctime
/// </code>
/// The day of the week must be one, but need not be that of the date. .NET's parsers take far more than this.
/// </remarks>
internal static class HttpDate
{
    private const string Days = "SunMonTueWedThuFriSat";
    private const string Months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    private static readonly string[] LongDays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

    /// <param name="text">The field's value.</param>
    /// <param name="now">For years of two digits: what would be more than 50 years ahead lies in the past.</param>
    public static DateTimeOffset? Parse(ReadOnlySpan<char> text, DateTimeOffset now)
    {
        text = text.Trim(FieldList.Whitespace);
        var comma = text.IndexOf(',');
        return comma switch
        {
            3 => ParseFixdate(text),
            > 3 => ParseRfc850(text[..comma], text[(comma + 1)..], now),
            _ => ParseAsctime(text),
        };
    }

    /// <summary>The IMF-fixdate of a time.</summary>
    public static string Format(DateTimeOffset time) => time.ToString("R", System.Globalization.CultureInfo.InvariantCulture);

    private static DateTimeOffset? ParseFixdate(ReadOnlySpan<char> text)
    {
        if (text.Length != 29 || Index(Days, text[..3]) < 0 || text[4] != ' ' || text[7] != ' ' || text[11] != ' ' || text[16] != ' '
            || !IsGmt(text[25..]))
            return null;
        return Create(Number(text[12..16]), Index(Months, text[8..11]), Number(text[5..7]), text[17..25]);
    }

    private static DateTimeOffset? ParseRfc850(ReadOnlySpan<char> day, ReadOnlySpan<char> text, DateTimeOffset now)
    {
        if (text.Length != 23 || !IsLongDay(day) || text[0] != ' ' || text[3] != '-' || text[7] != '-' || text[10] != ' '
            || !IsGmt(text[19..]))
            return null;

        var year = Number(text[8..10]);
        if (year < 0)
            return null;
        // The year with these digits in the next century, this one or the last: the latest that is not over 50 years ahead.
        var limit = now.UtcDateTime;
        year += limit.Year - (limit.Year % 100) + 100;
        while (true)
        {
            var date = Create(year, Index(Months, text[4..7]), Number(text[1..3]), text[11..19]);
            var ahead = year - limit.Year;
            if (ahead < 50 || (ahead == 50 && date is { } some && !IsLaterInYear(some.UtcDateTime, limit)))
                return date;
            year -= 100;
        }
    }

    private static bool IsLaterInYear(DateTime date, DateTime other) =>
        (date.Month, date.Day, date.TimeOfDay).CompareTo((other.Month, other.Day, other.TimeOfDay)) > 0;

    private static DateTimeOffset? ParseAsctime(ReadOnlySpan<char> text)
    {
        if (text.Length != 24 || Index(Days, text[..3]) < 0 || text[3] != ' ' || text[7] != ' ' || text[10] != ' ' || text[19] != ' ')
            return null;
        var day = text[8] == ' ' ? Number(text[9..10]) : Number(text[8..10]);
        return Create(Number(text[20..]), Index(Months, text[4..7]), day, text[11..19]);
    }

    private static DateTimeOffset? Create(int year, int month, int day, ReadOnlySpan<char> time)
    {
        if (time[2] != ':' || time[5] != ':' || year is < 1 or > 9999 || month < 0)
            return null;
        var (hour, minute, second) = (Number(time[..2]), Number(time[3..5]), Number(time[6..]));
        if (day < 1 || day > DateTime.DaysInMonth(year, month + 1) || hour is < 0 or > 23 || minute is < 0 or > 59 || second is < 0 or > 60)
            return null;
        // A leap second is the last second of its minute.
        return new DateTimeOffset(year, month + 1, day, hour, minute, Math.Min(second, 59), TimeSpan.Zero);
    }

    private static bool IsGmt(ReadOnlySpan<char> zone) => zone.Equals(" GMT", StringComparison.OrdinalIgnoreCase);

    private static bool IsLongDay(ReadOnlySpan<char> day)
    {
        foreach (var name in LongDays)
            if (day.Equals(name, StringComparison.OrdinalIgnoreCase))
                return true;
        return false;
    }

    /// <summary>The place of a name of three letters in a table of them; -1 when it is not there.</summary>
    private static int Index(string table, ReadOnlySpan<char> name)
    {
        for (var at = 0; at < table.Length; at += 3)
            if (name.Equals(table.AsSpan(at, 3), StringComparison.OrdinalIgnoreCase))
                return at / 3;
        return -1;
    }

    /// <summary>At most four digits; -1 for anything else.</summary>
    private static int Number(ReadOnlySpan<char> digits)
    {
        var value = 0;
        foreach (var digit in digits)
        {
            if (!char.IsAsciiDigit(digit))
                return -1;
            value = (value * 10) + (digit - '0');
        }
        return value;
    }
}
