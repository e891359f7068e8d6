namespace CacheProxy.Host;

/// <summary>The command line: any key of the configuration (<c>--CacheProxy:Profile Rfc9111</c>), and a few short words.</summary>
internal static class CommandLine
{
    /// <summary>Short words for keys.</summary>
    public static readonly Dictionary<string, string> Switches = new(StringComparer.OrdinalIgnoreCase) { ["--origin"] = "CacheProxy:Origin" };

    private static readonly string[] HostKeys =
        ["urls", "http_ports", "https_ports", "environment", "contentRoot", "applicationName", "AllowedHosts", "health"];

    /// <summary>Complains about words that would be passed over in silence.</summary>
    /// <exception cref="InvalidConfigurationException">There are such words.</exception>
    public static void Check(string[] args)
    {
        var complaints = new List<string>();
        string[] known = [.. HostKeys, .. Switches.Keys.Select(k => k.TrimStart('-'))];
        for (var i = 0; i < args.Length; i++)
        {
            var word = args[i].Split('=')[0];
            var hasValue = args[i].Contains('=');
            if (!word.StartsWith('-') && !hasValue)
            {
                complaints.Add($"'{word}' on the command line belongs to nothing; options look like --origin http://api:8080.");
                continue;
            }

            var name = word.TrimStart('-');
            if (!name.Contains(':') && !known.Contains(name, StringComparer.OrdinalIgnoreCase))
                complaints.Add($"{word} is not an option." + (OptionsReader.Nearest(name, known) is { } near ? $" Did you mean --{near}?" : ""));
            if (!hasValue && ++i == args.Length)
                complaints.Add($"{word} needs a value.");
        }

        if (complaints.Count > 0)
            throw new InvalidConfigurationException(complaints);
    }
}
