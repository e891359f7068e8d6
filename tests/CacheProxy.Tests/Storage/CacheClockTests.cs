using CacheProxy.Storage;
using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Tests.Storage;

public sealed class CacheClockTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly ManualTime _time = new();

    [Fact]
    public void It_starts_at_the_wall_clock_and_goes_on_with_it()
    {
        var clock = new CacheClock(_time);
        clock.Now.ShouldBe(_time.GetUtcNow());
        _time.Advance(5 * Second);
        clock.Now.ShouldBe(_time.GetUtcNow());
    }

    [Fact]
    public void Wall_clock_set_back_does_not_turn_it_back_nor_stop_it()
    {
        var clock = new CacheClock(_time);
        var before = clock.Now;
        _time.JumpWallClock(-3600 * Second);
        clock.Now.ShouldBe(before);
        _time.Advance(5 * Second);
        clock.Now.ShouldBe(before + (5 * Second));
    }

    [Fact]
    public void Wall_clock_that_jumps_ahead_ages_everything_once_and_for_all()
    {
        var clock = new CacheClock(_time);
        var before = clock.Now;
        _time.JumpWallClock(3600 * Second); // the machine slept, or its clock was wrong
        clock.Now.ShouldBe(before + (3600 * Second));
        _time.JumpWallClock(-3600 * Second);
        clock.Now.ShouldBe(before + (3600 * Second));
        _time.Advance(Second);
        clock.Now.ShouldBe(before + (3601 * Second));
    }

    [Fact]
    public async Task No_thread_sees_it_run_backwards_while_the_wall_clock_jumps()
    {
        var clock = new CacheClock(_time);
        var jumps = Task.Run(() =>
        {
            var random = new Random(1);
            for (var i = 0; i < 20_000; i++)
            {
                _time.JumpWallClock(TimeSpan.FromSeconds(random.Next(-10, 11)));
                _time.Advance(TimeSpan.FromTicks(random.Next(10)));
            }
        });
        var readers = Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            var last = clock.Now;
            while (!jumps.IsCompleted)
            {
                var now = clock.Now;
                now.ShouldBeGreaterThanOrEqualTo(last);
                last = now;
            }
        })).ToArray();
        await jumps;
        await Task.WhenAll(readers);
    }
}
