using System.Globalization;

namespace CacheProxy;

/// <summary>Reads one option value from configuration text. Decides what is well-formed, not what is in range.</summary>
internal static class OptionText
{
    private static readonly (string Unit, long Bytes)[] SizeUnits = [("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40), ("B", 1)];
    private static readonly (string Unit, long Ticks)[] TimeUnits =
    [
        ("ms", TimeSpan.TicksPerMillisecond), ("s", TimeSpan.TicksPerSecond), ("m", TimeSpan.TicksPerMinute), ("h", TimeSpan.TicksPerHour),
        ("d", TimeSpan.TicksPerDay),
    ];

    /// <summary>Reads <paramref name="text"/> as <paramref name="type"/>; if that fails, <paramref name="expected"/> says what would have been right.</summary>
    public static bool TryRead(Type type, string text, out object? value, out string expected)
    {
        text = text.Trim();
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string))
            return Found(text, "text", out value, out expected);
        if (type == typeof(bool))
            return Found(bool.TryParse(text, out var flag) ? flag : null, "true or false", out value, out expected);
        if (type == typeof(TimeSpan))
            return Found(Duration(text), "a duration such as 500ms, 60s, 5m, 1h or 00:01:00", out value, out expected);
        if (type == typeof(int))
            return Found(int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null,
                "a whole number", out value, out expected);
        if (type == typeof(long))
            return Found(Size(text), "a number of bytes such as 1048576, 64KiB, 256MiB or 1GiB", out value, out expected);
        if (type.IsEnum)
            return Found(EnumName(type, text), string.Join(" or ", Enum.GetNames(type)), out value, out expected);
        throw new NotSupportedException($"No option has the type {type}.");
    }

    /// <summary>A value as a user would write it.</summary>
    public static string Write(object value) => value switch
    {
        TimeSpan time => WriteDuration(time),
        bool flag => flag ? "true" : "false",
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    /// <summary>A number of bytes in the largest unit that divides it.</summary>
    public static string WriteSize(long bytes)
    {
        var unit = SizeUnits.Where(u => u.Bytes > 1 && bytes != 0 && bytes % u.Bytes == 0).OrderByDescending(u => u.Bytes).FirstOrDefault();
        return unit.Unit is null ? Write(bytes) : Write(bytes / unit.Bytes) + unit.Unit;
    }

    private static bool Found(object? found, string meant, out object? value, out string expected)
    {
        (value, expected) = (found, meant);
        return found is not null;
    }

    /// <summary>TimeSpan.Parse would take "60" for sixty days; a bare number other than 0 is refused.</summary>
    private static TimeSpan? Duration(string text)
    {
        foreach (var (unit, ticks) in TimeUnits)
        {
            if (text.EndsWith(unit, StringComparison.OrdinalIgnoreCase)
                && decimal.TryParse(text.AsSpan(0, text.Length - unit.Length).TrimEnd(), NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign,
                    CultureInfo.InvariantCulture, out var amount))
                return Math.Abs(amount) < long.MaxValue / ticks ? TimeSpan.FromTicks((long)(amount * ticks)) : null;
        }

        if (text == "0")
            return TimeSpan.Zero;
        return text.Contains(':') && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var time) ? time : null;
    }

    private static long? Size(string text)
    {
        foreach (var (unit, bytes) in SizeUnits)
        {
            if (text.EndsWith(unit, StringComparison.OrdinalIgnoreCase)
                && long.TryParse(text.AsSpan(0, text.Length - unit.Length).TrimEnd(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var amount))
                return Math.Abs((decimal)amount) * bytes <= long.MaxValue ? amount * bytes : null;
        }

        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var plain) ? plain : null;
    }

    /// <summary>Enum.TryParse would take any number.</summary>
    private static object? EnumName(Type type, string text) =>
        Enum.GetNames(type).FirstOrDefault(n => n.Equals(text, StringComparison.OrdinalIgnoreCase)) is { } name ? Enum.Parse(type, name) : null;

    private static string WriteDuration(TimeSpan time)
    {
        if (time == TimeSpan.Zero)
            return "0";
        var (unit, ticks) = TimeUnits.Where(u => time.Ticks % u.Ticks == 0).OrderByDescending(u => u.Ticks).FirstOrDefault();
        return unit is null ? time.ToString("c", CultureInfo.InvariantCulture) : Write(time.Ticks / ticks) + unit;
    }
}
