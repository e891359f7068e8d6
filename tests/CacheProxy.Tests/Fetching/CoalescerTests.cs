using CacheProxy.Coherence;
using CacheProxy.Fetching;
using CacheProxy.Tests.Invalidation;
using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Tests.Fetching;

public sealed class CoalescerTests : IAsyncDisposable
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 5, 12, 0, 0, TimeSpan.Zero);

    private readonly ManualTime _time = new();
    private readonly CoherenceNode _node = new();

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Fact]
    public void First_leads_and_others_board()
    {
        var coalescer = New();
        var (flight, _, leads) = coalescer.JoinOrLead("a", default, Begin)!;
        leads.ShouldBeTrue();
        var (same, _, leadsToo) = coalescer.JoinOrLead("a", default, Begin)!;
        leadsToo.ShouldBeFalse();
        same.ShouldBeSameAs(flight);
        coalescer.JoinOrLead("b", default, Begin)!.Leads.ShouldBeTrue();
        coalescer.Count.ShouldBe(2);
    }

    [Fact]
    public void Flight_that_is_over_is_not_found()
    {
        var coalescer = New();
        var (flight, _, _) = coalescer.JoinOrLead("a", default, Begin)!;
        coalescer.Remove(flight);
        coalescer.Count.ShouldBe(0);
        coalescer.JoinOrLead("a", default, Begin)!.Leads.ShouldBeTrue();
    }

    [Fact]
    public void Flight_that_ends_does_not_take_its_successor_along()
    {
        var coalescer = New();
        var (overtaken, _, _) = coalescer.JoinOrLead("a", default, Begin)!;
        _node.Invalidate("a");
        var (successor, _, leads) = coalescer.JoinOrLead("a", default, Begin)!;
        leads.ShouldBeTrue();
        coalescer.Remove(overtaken);
        coalescer.JoinOrLead("a", default, Begin)!.Flight.ShouldBeSameAs(successor);
    }

    [Fact]
    public void Flight_that_an_invalidation_overtook_is_left_to_those_aboard()
    {
        var coalescer = New();
        var (overtaken, _, _) = coalescer.JoinOrLead("a", default, Begin)!;
        _node.Invalidate("b");
        coalescer.JoinOrLead("a", default, Begin)!.Leads.ShouldBeFalse();
        _node.Invalidate("a");
        var (flight, _, leads) = coalescer.JoinOrLead("a", default, Begin)!;
        leads.ShouldBeTrue();
        flight.ShouldNotBeSameAs(overtaken);
        flight.Fill.ShouldBeSameAs(_node.Standing);
    }

    [Fact]
    public void Flight_whose_beginning_is_gone_is_not_boarded()
    {
        var coalescer = New();
        var (flight, _, _) = coalescer.JoinOrLead("a", default, Begin)!;
        flight.Recording.StopKeeping();
        coalescer.JoinOrLead("a", default, Begin)!.Leads.ShouldBeTrue();
    }

    [Fact]
    public void Who_finds_neither_a_flight_nor_what_it_has_stored_is_to_look_again()
    {
        var coalescer = New();
        coalescer.JoinOrLead("a", default, (_, _) => null).ShouldBeNull();
        coalescer.Count.ShouldBe(0);
    }

    [Fact]
    public void Uncacheable_key_is_remembered_for_a_while()
    {
        var coalescer = New();
        coalescer.IsUncacheable("a", Noon).ShouldBeFalse();
        coalescer.RememberUncacheable("a", Noon);
        coalescer.IsUncacheable("a", Noon.AddSeconds(9.9)).ShouldBeTrue();
        coalescer.IsUncacheable("b", Noon).ShouldBeFalse();
        coalescer.IsUncacheable("a", Noon.AddSeconds(10)).ShouldBeFalse();
    }

    [Fact]
    public void Memory_of_uncacheable_keys_is_bounded()
    {
        var coalescer = New();
        for (var i = 0; i < 100_000; i++)
            coalescer.RememberUncacheable($"key {i}", Noon);
        Enumerable.Range(0, 100_000).Count(i => coalescer.IsUncacheable($"key {i}", Noon)).ShouldBeInRange(1, 4200);
    }

    [Fact]
    public async Task One_of_many_threads_leads()
    {
        var coalescer = New();
        for (var round = 0; round < 200; round++)
        {
            using var gate = new Barrier(4);
            var leaders = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(() =>
            {
                gate.SignalAndWait();
                return coalescer.JoinOrLead($"key {round}", default, Begin)!.Leads;
            }, TaskCreationOptions.LongRunning)));
            leaders.Count(leads => leads).ShouldBe(1);
        }
    }

    private Coalescer New() => new(_node, TimeSpan.FromSeconds(10));

    private Flight Begin(string key, Standing fill) => new(key, key, fill,
        new FlightLimits(4 << 20, TimeSpan.FromSeconds(5), _time),
        new RecordingLimits(8 << 20, TimeSpan.FromSeconds(3), new RecordingBudget(64 << 20), _time));
}
