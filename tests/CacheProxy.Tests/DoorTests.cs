namespace CacheProxy.Tests;

/// <summary>The doors between the rooms of the library: who may see what. Read from the source, so that nothing has to run.</summary>
public sealed class DoorTests
{
    private static readonly string Source = Find("src/CacheProxy");

    private static readonly string[] PureRooms = ["Http", "Policy", "Keys"];

    /// <summary>Nothing of a request's life, of waiting, of a clock or of what operators read.</summary>
    private static readonly string[] ClosedToPureRooms =
        ["Microsoft.AspNetCore", "Yarp", "Microsoft.Extensions.Logging", "Microsoft.Extensions.Options", "System.Threading", "System.Diagnostics"];

    private static readonly string[] WordsClosedToPureRooms =
        ["HttpContext", "TimeProvider", "DateTime.UtcNow", "DateTime.Now", "DateTimeOffset.UtcNow", "DateTimeOffset.Now", "Stopwatch", "Environment.TickCount",
         "Task", "ValueTask", "async", "await", "ILogger"];

    private static readonly string[] NoSubject = ["Utils", "Helpers", "Common", "Models", "Services", "Interfaces", "Extensions"];

    public static TheoryData<string> Files =>
        [.. Directory.EnumerateFiles(Source, "*.cs", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Source, f).Replace('\\', '/'))
            .Where(f => !f.StartsWith("obj/", StringComparison.Ordinal) && !f.StartsWith("bin/", StringComparison.Ordinal))];

    [Fact]
    public void Source_is_found() => Files.Count.ShouldBeGreaterThan(50);

    [Theory]
    [MemberData(nameof(Files))]
    public void Namespace_is_the_folder(string file)
    {
        var folder = Path.GetDirectoryName(file)!.Replace('/', '.');
        Lines(file).Where(l => l.StartsWith("namespace ", StringComparison.Ordinal)).ShouldBe([folder.Length == 0 ? "namespace CacheProxy;" : $"namespace CacheProxy.{folder};"]);
        folder.Split('.').Intersect(NoSubject).ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Pure_rooms_see_no_context_no_clock_no_logger_and_do_not_wait(string file)
    {
        if (!PureRooms.Contains(Room(file)))
            return;
        foreach (var name in Usings(file))
            ClosedToPureRooms.ShouldNotContain(closed => name.StartsWith(closed, StringComparison.Ordinal), $"{file} uses {name}");
        var words = Words(file);
        foreach (var closed in WordsClosedToPureRooms)
            (" " + words + " ").ShouldNotContain($" {closed} ", Case.Sensitive, $"{file} says {closed}");
    }

    /// <summary>Configuration classes of the root join the cache to YARP; of the rooms, only those two meet it in a request.</summary>
    [Theory]
    [MemberData(nameof(Files))]
    public void Only_pipeline_and_fetching_see_Yarp(string file)
    {
        if (Room(file) is "Pipeline" or "Fetching" or "")
            return;
        Usings(file).ShouldNotContain(name => name.StartsWith("Yarp", StringComparison.Ordinal), file);
        Words(file).ShouldNotContain("Yarp.", Case.Sensitive, file);
    }

    [Theory]
    [InlineData("Http", new string[0])]
    [InlineData("Policy", new[] { "Http", "Storage", "Keys", "Coherence" })] // of Storage the stored response alone, of Coherence a mark's strength
    [InlineData("Keys", new[] { "Http", "Policy" })]
    [InlineData("Storage", new[] { "Http", "Keys", "Coherence" })]
    [InlineData("Invalidation", new[] { "Coherence", "Diagnostics", "Http", "Keys", "Policy", "Storage" })]
    [InlineData("Warming", new[] { "Diagnostics", "Keys", "Pipeline", "Storage" })] // of Pipeline the client inside the process, of Storage what is hit most
    public void Room_sees_only_these_rooms(string room, string[] seen)
    {
        foreach (var file in Files.Select(row => row.Data).Where(f => Room(f) == room))
            foreach (var name in Usings(file).Where(n => n.StartsWith("CacheProxy.", StringComparison.Ordinal)))
                seen.ShouldContain(name["CacheProxy.".Length..], $"{file} uses {name}");
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Redis_is_met_in_files_named_for_it(string file)
    {
        if (!Path.GetFileName(file).Contains("Redis", StringComparison.Ordinal))
            Usings(file).ShouldNotContain(name => name.StartsWith("StackExchange", StringComparison.Ordinal), file);
    }

    private static string Room(string file) => Path.GetDirectoryName(file)!.Split('/')[0];

    private static string[] Lines(string file) => File.ReadAllLines(Path.Combine(Source, file));

    /// <summary>The names of the using lines, also of static ones and aliases.</summary>
    private static IEnumerable<string> Usings(string file) =>
        Lines(file).Where(l => l.StartsWith("using ", StringComparison.Ordinal) || l.StartsWith("global using ", StringComparison.Ordinal))
            .Select(l => l.TrimEnd(';').Split(' ')[^1]);

    /// <summary>The code without comments and strings, its words separated by blanks.</summary>
    private static string Words(string file)
    {
        var code = Lines(file).Where(l => !l.TrimStart().StartsWith("//", StringComparison.Ordinal))
            .Select(l => System.Text.RegularExpressions.Regex.Replace(l.Split(" // ")[0], "\"[^\"]*\"", "\"\""));
        return System.Text.RegularExpressions.Regex.Replace(string.Join(' ', code), @"[^\w.]+", " ");
    }

    private static string Find(string folder)
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (Directory.Exists(Path.Combine(at.FullName, folder)))
                return Path.Combine(at.FullName, folder);
        throw new DirectoryNotFoundException(folder);
    }
}
