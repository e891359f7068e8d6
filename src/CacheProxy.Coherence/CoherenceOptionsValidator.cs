using Microsoft.Extensions.Options;

namespace CacheProxy.Coherence;

/// <summary>Checks that options are in range; each complaint names the key, the value and what is allowed.</summary>
/// <param name="section">What stands before the property's name in the user's key, colon included.</param>
public sealed class CoherenceOptionsValidator(string section = "Coherence:") : IValidateOptions<CoherenceOptions>
{
    public ValidateOptionsResult Validate(string? name, CoherenceOptions options)
    {
        var complaints = new List<string>();
        Check(options, complaints);
        return complaints.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(complaints);
    }

    /// <summary>Adds a complaint for everything that is out of range.</summary>
    public void Check(CoherenceOptions options, ICollection<string> complaints)
    {
        if (!string.IsNullOrEmpty(options.Redis) && !RedisText.IsConfiguration(options.Redis))
            complaints.Add($"{section}{nameof(options.Redis)} is not understood; it takes host:port, further ones and settings such as password=... or ssl=true, separated by commas.");
        Name(nameof(options.KeyPrefix), options.KeyPrefix, 1, complaints);
        Name(nameof(options.NodeName), options.NodeName ?? "", 0, complaints);
        Time(nameof(options.Staleness), options.Staleness, TimeSpan.FromSeconds(0.1), TimeSpan.FromSeconds(60), complaints);
        Time(nameof(options.CallTimeout), options.CallTimeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(10), complaints);
        Time(nameof(options.WriteWait), options.WriteWait, TimeSpan.Zero, TimeSpan.FromSeconds(10), complaints);
        if (options.MaxItemBytes is < 1 << 10 or > 64 << 20)
            complaints.Add($"{section}{nameof(options.MaxItemBytes)} is {options.MaxItemBytes}; it takes {1 << 10} (1 KiB) to {64 << 20} (64 MiB).");
    }

    private void Name(string key, string value, int least, ICollection<string> complaints)
    {
        if (value.Length < least || value.Length > 64 || !value.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            complaints.Add($"{section}{key} is '{value}'; it takes {least} to 64 letters, digits, - and _.");
    }

    private void Time(string key, TimeSpan value, TimeSpan least, TimeSpan most, ICollection<string> complaints)
    {
        if (value < least || value > most)
            complaints.Add($"{section}{key} is {value}; it takes {least} to {most}.");
    }
}
