using CacheProxy.Tests.Scenarios;
using CacheProxy.Warming;

namespace CacheProxy.Tests.Warming;

public class PaceTests
{
    [Fact]
    public async Task A_turn_sooner_than_timers_count_is_waited_for_without_asking_over_and_over()
    {
        using var end = new CancellationTokenSource();
        var time = new ManualTime();
        var pace = new Pace(perSecond: 10_000, time);
        await pace.NextAsync(end.Token);
        var second = Task.Run(() => pace.NextAsync(end.Token));
        try
        {
            await Eventually.TrueAsync(() => time.PendingTimers == 1, "a timer is set");
            second.IsCompleted.ShouldBeFalse();
        }
        finally
        {
            time.Advance(TimeSpan.FromMilliseconds(1)); // ends what would be asking over and over, too
        }
        await second;
    }

    [Fact]
    public async Task The_rate_holds_where_many_turns_come_between_two_ticks_of_a_timer()
    {
        var time = new ManualTime();
        var pace = new Pace(perSecond: 10_000, time);
        var turns = 0;
        for (var turn = pace.NextAsync(default); time.GetTimestamp() < TimeSpan.TicksPerDay + TimeSpan.TicksPerSecond; turn = pace.NextAsync(default), turns++)
            while (!turn.IsCompleted)
                time.Advance(TimeSpan.FromMilliseconds(1));
        turns.ShouldBeInRange(9_900, 10_010);
    }

    [Fact]
    public async Task What_was_missed_is_not_made_up_for()
    {
        var time = new ManualTime();
        var pace = new Pace(perSecond: 10, time);
        await pace.NextAsync(default);
        time.Advance(TimeSpan.FromSeconds(5));
        await pace.NextAsync(default);
        var third = pace.NextAsync(default);
        third.IsCompleted.ShouldBeFalse();
        time.Advance(TimeSpan.FromMilliseconds(100));
        await third;
    }

    [Theory]
    [InlineData(3)] // a third of a second is no whole number of milliseconds
    [InlineData(7)]
    public async Task What_is_left_of_a_wait_that_was_cut_to_whole_milliseconds_is_waited_for(int perSecond)
    {
        var time = new ManualTime();
        var pace = new Pace(perSecond, time);
        await pace.NextAsync(default);
        var turn = pace.NextAsync(default);
        await Task.Run(() => time.Advance(TimeSpan.FromMilliseconds(1000 / perSecond))).WaitAsync(TimeSpan.FromSeconds(10));
        turn.IsCompleted.ShouldBeFalse();
        time.Advance(TimeSpan.FromMilliseconds(1));
        await turn;
    }
}
