using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace AppHost;

/// <summary>What the user asked for.</summary>
/// <param name="Nodes">How many proxies to start: 1 to 16, default 1.</param>
/// <param name="Redis">Whether they and the API share a Redis, which is started as well.</param>
internal sealed record CommandLine(int Nodes, bool Redis)
{
    private const int MaxNodes = 16;

    private static readonly string Help = $"""
        Starts the items API (SQLite in a temporary folder, with some rows) and cache proxies in front of it; Ctrl-C ends all.

          dotnet run --project src/AppHost [-- --nodes N --redis]

          --nodes N   how many proxies, 1 to {MaxNodes}; default 1
          --redis     with a Redis that they share (redis-server from PATH): a write through one is seen on all
          --help      this text
        """;

    /// <summary>Reads the command line. If it asks for help, or for what does not exist, there is an answer instead.</summary>
    public static bool TryRead(string[] args, [NotNullWhen(true)] out CommandLine? commandLine, out Answer answer)
    {
        commandLine = null;
        answer = default;
        var nodes = 1;
        var redis = false;
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i].Split('=', 2))
            {
                case ["--help" or "-h" or "-?"]:
                    answer = new Answer(Help, IsComplaint: false);
                    return false;
                case ["--nodes", .. var rest]:
                    var text = rest is [var value] ? value : ++i < args.Length ? args[i] : "nothing";
                    if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out nodes) || nodes is < 1 or > MaxNodes)
                    {
                        answer = new Answer($"--nodes wants a number from 1 to {MaxNodes}, not {text}.", IsComplaint: true);
                        return false;
                    }

                    break;
                case ["--redis"]:
                    redis = true;
                    break;
                default:
                    answer = new Answer($"What is {args[i]}?\n\n{Help}", IsComplaint: true);
                    return false;
            }
        }

        commandLine = new CommandLine(nodes, redis);
        return true;
    }

    internal readonly record struct Answer(string Text, bool IsComplaint);
}
