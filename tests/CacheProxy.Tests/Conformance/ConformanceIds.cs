using System.Reflection;

namespace CacheProxy.Tests.Conformance;

/// <summary>Every scored test of the public suite has one of our own, or a reason why not.</summary>
public sealed class ConformanceIds
{
    private const string Malformed = "the suite's 206 says six bytes and has five: not to be stored, and the cache asks for the whole anyway";

    /// <summary>What is not done, and why.</summary>
    private static readonly Dictionary<string, string> Declined = new(StringComparer.Ordinal)
    {
        ["partial-store-partial-reuse-partial"] = Malformed,
        ["partial-store-partial-reuse-partial-byterange"] = Malformed,
        ["partial-store-partial-reuse-partial-absent"] = Malformed,
        ["partial-store-partial-reuse-partial-suffix"] = Malformed,
        ["partial-store-partial-complete"] = "without a strong validator nothing may be combined (RFC 9111 section 3.4)",
        ["conditional-lm-fresh-no-lm"] = "without Last-Modified the condition is evaluated against Date (RFC 9111 section 4.3.2): 200 is right",
    };

    [Fact]
    public void Each_scored_test_of_the_suite_has_one_here_or_a_reason_why_not()
    {
        var ids = Ids();
        var tested = new[] { typeof(ConformanceTests), typeof(SwitchedConformanceTests) }.SelectMany(type => type.GetMethods()).SelectMany(method => method.GetCustomAttributes<InlineDataAttribute>())
            .Select(row => (string)row.Data[0]!).ToHashSet();

        ids.Count.ShouldBe(265);
        ids.Where(id => !tested.Contains(id) && !Declined.ContainsKey(id)).ShouldBeEmpty();
        Declined.Keys.Where(tested.Contains).ShouldBeEmpty("declined, and tested as if it were done");
        Declined.Keys.Where(id => !ids.Contains(id)).ShouldBeEmpty("declined, but no test of the suite");
    }

    private static HashSet<string> Ids()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (new FileInfo(Path.Combine(at.FullName, "tests/CacheProxy.Tests/Conformance/ids.txt")) is { Exists: true } file)
                return [.. File.ReadLines(file.FullName).Where(line => !line.StartsWith('#')).Select(line => line.Split(' ')[1])];
        throw new FileNotFoundException("ids.txt");
    }
}
