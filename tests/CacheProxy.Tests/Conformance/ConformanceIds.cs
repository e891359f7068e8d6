using System.Reflection;

namespace CacheProxy.Tests.Conformance;

/// <summary>Every scored test of the public suite has one of our own: of what is done, of what a switch does, or of what is done instead.</summary>
public sealed class ConformanceIds
{
    [Fact]
    public void Each_scored_test_of_the_suite_has_one_here()
    {
        var ids = Ids();
        var tested = new[] { typeof(ConformanceTests), typeof(SwitchedConformanceTests) }.SelectMany(type => type.GetMethods()).SelectMany(method => method.GetCustomAttributes<InlineDataAttribute>())
            .Select(row => (string)row.Data[0]!).ToHashSet();

        ids.Count.ShouldBe(265);
        ids.Where(id => !tested.Contains(id)).ShouldBeEmpty();
    }

    private static HashSet<string> Ids()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (new FileInfo(Path.Combine(at.FullName, "tests/CacheProxy.Tests/Conformance/ids.txt")) is { Exists: true } file)
                return [.. File.ReadLines(file.FullName).Where(line => !line.StartsWith('#')).Select(line => line.Split(' ')[1])];
        throw new FileNotFoundException("ids.txt");
    }
}
