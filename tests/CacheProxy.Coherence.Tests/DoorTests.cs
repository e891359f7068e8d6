namespace CacheProxy.Coherence.Tests;

/// <summary>Redis' client is met in files named for it, and no file asks a wall clock.</summary>
public sealed class DoorTests
{
    [Fact]
    public void Redis_is_met_in_files_named_for_it_and_wall_clocks_nowhere()
    {
        var files = Directory.GetFiles(Find("src/CacheProxy.Coherence"), "*.cs");
        files.Length.ShouldBeGreaterThan(15);
        foreach (var file in files)
        {
            var text = File.ReadAllText(file);
            if (!Path.GetFileName(file).StartsWith("Redis", StringComparison.Ordinal))
                text.ShouldNotContain("StackExchange.Redis;", Case.Sensitive, file);
            foreach (var clock in new[] { "UtcNow", "DateTime.Now", "TickCount" })
                text.ShouldNotContain(clock, Case.Sensitive, file);
        }
    }

    private static string Find(string folder)
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (Directory.Exists(Path.Combine(at.FullName, folder)))
                return Path.Combine(at.FullName, folder);
        throw new DirectoryNotFoundException(folder);
    }
}
