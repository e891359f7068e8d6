using System.Globalization;

namespace CacheProxy.Benchmarks.Load;

/// <summary>What load.sh was asked for.</summary>
internal sealed record LoadOptions
{
    public const string Usage = """
        load.sh [--rounds 5] [--seconds 4] [--warm-up 30] [--layout pinned|free] [--systems "..."] [--scenarios "..."] [--quick] [--page FILE]
        """;

    public int Rounds { get; private init; } = 5;

    /// <summary>How long a measurement takes.</summary>
    public TimeSpan Seconds { get; private init; } = TimeSpan.FromSeconds(4);

    /// <summary>How long a .NET server is warmed up in its first scenario; in each further one a third of it.</summary>
    public TimeSpan WarmUp { get; private init; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether the server has core 0 to itself, and generator and origin share core 1.</summary>
    public bool Pinned { get; private init; } = true;

    public string[] Systems { get; private init; } = Load.Systems.All.Split(' ');

    public string[] Scenarios { get; private init; } = [.. Scenario.All.Select(s => s.Name), .. Special];

    /// <summary>The host to measure.</summary>
    public string Host { get; private init; } = "";

    /// <summary>A page of documentation whose measured part is written anew; <c>null</c>: none.</summary>
    public string? Page { get; private init; }

    /// <summary>What is measured otherwise than in requests as fast as they go.</summary>
    private static string[] Special => ["latency", "herd", "fill", "million"];

    /// <exception cref="ArgumentException">An option or a value is not known.</exception>
    public static LoadOptions Read(string[] words)
    {
        var options = new LoadOptions();
        for (var i = 0; i < words.Length; i++)
            options = words[i] switch
            {
                "--quick" => options with { Rounds = 1, Seconds = TimeSpan.FromSeconds(1), WarmUp = TimeSpan.FromSeconds(3), Scenarios = [.. options.Scenarios.Where(s => s != "million")] },
                "--rounds" => options with { Rounds = (int)Number(words, ref i) },
                "--seconds" => options with { Seconds = TimeSpan.FromSeconds(Number(words, ref i)) },
                "--warm-up" => options with { WarmUp = TimeSpan.FromSeconds(Number(words, ref i)) },
                "--layout" => options with { Pinned = Word(words, ref i, "pinned", "free") == "pinned" },
                "--systems" => options with { Systems = List(words, ref i, Load.Systems.All.Split(' ')) },
                "--scenarios" => options with { Scenarios = List(words, ref i, [.. Scenario.All.Select(s => s.Name), .. Special]) },
                "--host" => options with { Host = Word(words, ref i) },
                "--page" => options with { Page = Word(words, ref i) },
                var other => throw new ArgumentException($"{other} is not known.{Environment.NewLine}{Usage}"),
            };
        return options;
    }

    private static string Word(string[] words, ref int at, params string[] known)
    {
        if (++at >= words.Length || (known.Length > 0 && !known.Contains(words[at])))
            throw new ArgumentException($"{words[at - 1]} takes {(known.Length > 0 ? string.Join(" or ", known) : "a value")}.");
        return words[at];
    }

    private static double Number(string[] words, ref int at) =>
        double.TryParse(Word(words, ref at), CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : throw new ArgumentException($"{words[at - 1]} takes a number above 0.");

    private static string[] List(string[] words, ref int at, string[] known)
    {
        var list = Word(words, ref at).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return list.FirstOrDefault(w => !known.Contains(w)) is { } unknown
            ? throw new ArgumentException($"{unknown} is not known here; there are {string.Join(" ", known)}.")
            : list;
    }
}
