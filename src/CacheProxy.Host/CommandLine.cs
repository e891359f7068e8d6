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
        for (var i = 0; i < args.Length; i++)
        {
            var word = args[i].Split('=')[0];
            var name = word.TrimStart('-', '/');
            if (!word.StartsWith('-') && !args[i].Contains('='))
                complaints.Add($"'{args[i]}' on the command line belongs to nothing; options look like --origin http://api:8080.");
            else if (!name.Contains(':') && !HostKeys.Append("origin").Contains(name, StringComparer.OrdinalIgnoreCase))
                complaints.Add($"{word} is not an option." + (OptionsReader.Nearest(name, HostKeys.Append("origin")) is { } near ? $" Did you mean --{near}?" : ""));
            else if (!args[i].Contains('=') && ++i == args.Length)
                complaints.Add($"{word} needs a value.");
        }

        if (complaints.Count > 0)
            throw new InvalidConfigurationException(complaints);
    }
}
