using CacheProxy.Keys;
using CacheProxy.Storage;

namespace CacheProxy.Tests.Storage;

public sealed class HotKeysTests
{
    [Fact]
    public void The_most_counted_come_first()
    {
        var keys = new HotKeys(10);
        foreach (var target in "abbcccbc")
            keys.Count(Uri($"/{target}"));
        keys.Top(2).ShouldBe(["http://h/c", "http://h/b"]);
        keys.Top(9).ShouldBe(["http://h/c", "http://h/b", "http://h/a"]);
    }

    [Fact]
    public void It_is_bounded_and_a_flood_of_others_does_not_drive_out_what_is_hit_often()
    {
        var keys = new HotKeys(100);
        for (var i = 0; i < 100_000; i++)
        {
            keys.Count(Uri($"/once/{i}"));
            if (i % 10 == 0)
                keys.Count(Uri("/often"));
        }
        keys.Top(1).ShouldBe(["http://h/often"]);
        keys.Top(int.MaxValue).Length.ShouldBeLessThanOrEqualTo(100);
    }

    [Fact]
    public void Every_64th_hit_of_a_thread_is_counted()
    {
        var keys = new HotKeys(10);
        for (var i = 0; i < 10 * HotKeys.Every; i++)
            keys.OnHit(Uri("/a"));
        keys.Top(1).ShouldBe(["http://h/a"]);
        keys.Halve();
        keys.Halve();
        keys.Halve();
        keys.Top(1).ShouldBe(["http://h/a"]); // ten, five, two, one
        keys.Halve();
        keys.Top(1).ShouldBeEmpty();
    }

    [Fact]
    public void Long_ones_and_those_of_other_methods_are_not_counted()
    {
        var keys = new HotKeys(10);
        keys.Count(Uri("/" + new string('a', CacheKey.StackLength)));
        keys.Count(Uri("/a") with { Qualifier = "QUERY x" });
        keys.Top(1).ShouldBeEmpty();
    }

    private static TargetUri Uri(string target) => new("http", "h", target);
}
