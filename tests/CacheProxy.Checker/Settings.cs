using System.Globalization;

namespace CacheProxy.Checker;

/// <summary>A safeguard that is left out, to see the checker find it.</summary>
internal enum Broken
{
    None,

    /// <summary>Each proxy has an order of its own.</summary>
    Order,

    /// <summary>The last proxy has no Redis.</summary>
    NoRedis,
}

/// <param name="Operations">How many operations at least; and each fault once.</param>
/// <param name="Time">No longer than this.</param>
/// <param name="Faults">By name; each in turn, again and again.</param>
/// <param name="Seed">Of what the clients and the faults choose. Threads are not seeded: the same seed does the same things in a similar order.</param>
/// <param name="Scenario">One of <see cref="Scenarios.Names"/> in place of all else; <c>null</c>: none.</param>
internal sealed record Settings(int Operations, TimeSpan Time, string[] Faults, int Seed, Broken Break, int Sessions, string? Scenario = null)
{
    public static Settings Read(string[] args)
    {
        var settings = new Settings(5000, TimeSpan.FromMinutes(5), [], 1, Broken.None, 16);
        for (var i = 0; i < args.Length; i += 2)
        {
            var value = i + 1 < args.Length ? args[i + 1] : throw new ArgumentException($"{args[i]} has no value.");
            settings = args[i] switch
            {
                "--operations" => settings with { Operations = int.Parse(value, CultureInfo.InvariantCulture) },
                "--minutes" => settings with { Time = TimeSpan.FromMinutes(double.Parse(value, CultureInfo.InvariantCulture)) },
                "--faults" => settings with { Faults = value == "none" ? [] : value == "all" ? [.. CacheProxy.Checker.Faults.Names] : value.Split(',') },
                "--seed" => settings with { Seed = int.Parse(value, CultureInfo.InvariantCulture) },
                "--break" => settings with { Break = Enum.Parse<Broken>(value, ignoreCase: true) },
                "--sessions" => settings with { Sessions = int.Parse(value, CultureInfo.InvariantCulture) },
                "--scenario" => Scenarios.Names.Contains(value) ? settings with { Scenario = value }
                    : throw new ArgumentException($"No such scenario: {value}. There are {string.Join(", ", Scenarios.Names)}."),
                _ => throw new ArgumentException($"{args[i]} is not known; known are --operations, --minutes, --faults, --seed, --break, --sessions, --scenario."),
            };
        }
        return settings.Faults.Except(CacheProxy.Checker.Faults.Names).ToArray() is { Length: > 0 } unknown
            ? throw new ArgumentException($"No such fault: {string.Join(", ", unknown)}. There are none, all, {string.Join(", ", CacheProxy.Checker.Faults.Names)}.")
            : settings;
    }
}
