using CacheProxy.Invalidation;

namespace CacheProxy.Tests.Invalidation;

public sealed class MarksTests
{
    [Fact]
    public void Mark_hides_what_began_before_it_and_nothing_else()
    {
        var marks = new Marks();
        marks.Hides(7, marks.Current).ShouldBeFalse();
        var before = marks.Current;
        marks.Set(7);
        marks.Hides(7, before).ShouldBeTrue();
        marks.Hides(7, marks.Current).ShouldBeFalse();
        marks.Hides(8, before).ShouldBeFalse();
    }

    [Fact]
    public void Order_goes_on_over_all_slots()
    {
        var marks = new Marks();
        marks.Set(1);
        var between = marks.Current;
        marks.Set(2);
        marks.Hides(1, between).ShouldBeFalse();
        marks.Hides(2, between).ShouldBeTrue();
    }

    [Fact]
    public void Key_has_one_slot()
    {
        foreach (var key in new[] { "", "a", "http://a/x", new string('x', 10_000) })
            Marks.SlotOf(key).ShouldBe(Marks.SlotOf(new string(key)));
        Marks.SlotOf("http://a/x QUERY 1").ShouldBe(Marks.SlotOf("http://a/x")); // all keys of a URI have one
        Enumerable.Range(0, 1000).Select(i => Marks.SlotOf($"key{i}")).Distinct().Count().ShouldBeGreaterThan(900);
    }
}
