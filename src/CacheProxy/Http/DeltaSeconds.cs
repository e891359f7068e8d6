namespace CacheProxy.Http;

/// <summary>delta-seconds of RFC 9111 section 1.2.2: digits and nothing else, saturated at 2^31.</summary>
internal static class DeltaSeconds
{
    public const long Maximum = 1L << 31;

    public static bool TryParse(ReadOnlySpan<char> text, out TimeSpan value)
    {
        value = default;
        if (text.IsEmpty)
            return false;

        var seconds = 0L;
        foreach (var digit in text)
        {
            if (!char.IsAsciiDigit(digit))
                return false;
            seconds = Math.Min((seconds * 10) + (digit - '0'), Maximum);
        }
        value = TimeSpan.FromSeconds(seconds);
        return true;
    }
}
