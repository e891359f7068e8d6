using CacheProxy.Coherence;
using CacheProxy.Fetching;
using CacheProxy.Http;
using CacheProxy.Policy;
using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Tests.Fetching;

public sealed class FlightTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly ManualTime _time = new();

    [Fact]
    public async Task Answer_that_may_be_stored_is_finished_within_the_time_when_nobody_is_left()
    {
        using var flight = Begin();
        var reader = flight.TryBoard()!;
        flight.Publish(Recorded(store: true, length: 1000));
        flight.Leave(reader);
        _time.Advance(4.9 * Second);
        flight.Cancellation.IsCancellationRequested.ShouldBeFalse();
        _time.Advance(0.1 * Second);
        await CancelledAsync(flight);
    }

    [Theory]
    [InlineData(true, 4L << 20, false)]
    [InlineData(true, (4L << 20) + 1, true)]
    [InlineData(true, null, false)]
    [InlineData(false, 10L, true)]
    public void What_is_not_worth_finishing_is_cancelled_at_once(bool store, long? length, bool isCancelled)
    {
        using var flight = Begin();
        var reader = flight.TryBoard()!;
        flight.Publish(Recorded(store, length));
        flight.Leave(reader);
        flight.Cancellation.IsCancellationRequested.ShouldBe(isCancelled);
    }

    [Fact]
    public void Last_to_leave_counts_and_not_the_first()
    {
        using var flight = Begin();
        var leader = flight.TryBoard()!;
        var follower = flight.TryBoard()!;
        flight.Publish(Recorded(store: false, 10));
        flight.Leave(leader);
        flight.Cancellation.IsCancellationRequested.ShouldBeFalse();
        flight.Leave(follower);
        flight.Cancellation.IsCancellationRequested.ShouldBeTrue();
    }

    [Fact]
    public void Flight_that_nobody_waits_for_is_asked_again_when_its_head_comes()
    {
        using var flight = Begin();
        flight.Leave(flight.TryBoard()!);
        flight.Cancellation.IsCancellationRequested.ShouldBeFalse();
        flight.Publish(Recorded(store: false, 10));
        flight.Cancellation.IsCancellationRequested.ShouldBeTrue();
    }

    [Fact]
    public async Task Flight_without_a_head_ends_after_the_time_as_well()
    {
        using var flight = Begin();
        flight.Leave(flight.TryBoard()!);
        _time.Advance(5 * Second);
        await CancelledAsync(flight);
        flight.TryBoard().ShouldBeNull();
    }

    [Fact]
    public void Passenger_who_comes_in_time_keeps_the_flight_going()
    {
        using var flight = Begin();
        flight.Leave(flight.TryBoard()!);
        _time.Advance(4 * Second);
        flight.TryBoard().ShouldNotBeNull();
        _time.Advance(100 * Second);
        flight.Cancellation.IsCancellationRequested.ShouldBeFalse();
    }

    [Fact]
    public void Nobody_boards_a_flight_that_is_given_up()
    {
        for (var i = 0; i < 1000; i++)
        {
            using var flight = Begin(finishTime: TimeSpan.Zero);
            var reader = flight.TryBoard()!;
            flight.Leave(reader);
            flight.TryBoard().ShouldBeNull(); // whoever boarded would be cut off with it
        }
    }

    [Fact]
    public void Background_flight_goes_on_without_passengers_while_its_answer_can_be_stored()
    {
        using var flight = Begin();
        flight.RunInBackground();
        flight.Leave(flight.TryBoard()!);
        _time.Advance(100 * Second);
        flight.Publish(Recorded(store: true, 100 << 20));
        _time.Advance(100 * Second);
        flight.Cancellation.IsCancellationRequested.ShouldBeFalse();
    }

    [Fact]
    public async Task Background_flight_that_drips_for_ever_ends_after_five_minutes()
    {
        using var flight = Begin();
        flight.RunInBackground();
        flight.Leave(flight.TryBoard()!);
        flight.Publish(Recorded(store: true, 1000, lifetime: TimeSpan.FromHours(1)));
        _time.Advance(150 * Second);
        flight.Leave(flight.TryBoard()!); // does not make it longer
        flight.RunInBackground(); // nor does the next stale answer
        _time.Advance(149 * Second);
        flight.Cancellation.IsCancellationRequested.ShouldBeFalse();
        _time.Advance(Second);
        await CancelledAsync(flight);
    }

    [Fact]
    public async Task Background_flight_with_passengers_at_its_end_becomes_as_any_other()
    {
        using var flight = Begin();
        flight.RunInBackground();
        flight.Publish(Recorded(store: true, 1000, lifetime: TimeSpan.FromHours(1)));
        var passenger = flight.TryBoard()!;
        _time.Advance(300 * Second);
        flight.Cancellation.IsCancellationRequested.ShouldBeFalse();
        flight.RunInBackground();
        flight.Leave(passenger);
        _time.Advance(4.9 * Second);
        flight.Cancellation.IsCancellationRequested.ShouldBeFalse();
        _time.Advance(0.1 * Second);
        await CancelledAsync(flight);
    }

    [Fact]
    public async Task Flights_under_way_end_with_the_service_and_none_begins_after_it()
    {
        var flights = new FlightsUnderWay();
        using var over = Begin();
        using var one = Begin();
        using var other = Begin();
        using var late = Begin();
        var passenger = one.TryBoard();
        foreach (var flight in new[] { one, over, other })
            flights.Add(flight);
        flights.Remove(over);
        flights.Dispose();
        flights.Add(late);
        foreach (var flight in new[] { one, other, late })
            await CancelledAsync(flight);
        over.Cancellation.IsCancellationRequested.ShouldBeFalse();
        passenger.ShouldNotBeNull();
    }

    [Fact]
    public void Background_flight_whose_answer_is_not_stored_is_of_no_use()
    {
        using var flight = Begin();
        flight.RunInBackground();
        flight.Leave(flight.TryBoard()!);
        flight.Publish(Recorded(store: false, null));
        flight.Cancellation.IsCancellationRequested.ShouldBeTrue();
    }

    [Fact]
    public async Task Only_the_first_answer_counts()
    {
        using var flight = Begin();
        var first = Recorded(store: true, 1);
        flight.Publish(first);
        flight.Publish(new FlightAnswer(FlightAnswerKind.Failed));
        (await flight.AnswerAsync(default)).ShouldBe(first);
    }

    [Fact]
    public void Leaving_after_the_end_does_nothing()
    {
        var flight = Begin();
        var reader = flight.TryBoard()!;
        flight.Dispose();
        flight.Leave(reader);
        _time.PendingTimers.ShouldBe(0);
    }

    private static async Task CancelledAsync(Flight flight) =>
        await Eventually.TrueAsync(() => flight.Cancellation.IsCancellationRequested, "the flight is cancelled");

    private Flight Begin(TimeSpan? finishTime = null) => new("key", "key", new Standing(1, default),
        new FlightLimits(4 << 20, finishTime ?? (5 * Second), _time),
        new RecordingLimits(8 << 20, 3 * Second, new RecordingBudget(64 << 20), _time));

    private static FlightAnswer Recorded(bool store, long? length, TimeSpan lifetime = default) => new(FlightAnswerKind.Recorded)
    {
        Head = new ResponseHead(200, null, [], default),
        Decision = new StoreDecision(store, StoreReason.DefaultLifetime, Second, Second),
        TimeToLive = lifetime,
        IsShared = store,
        ContentLength = length,
    };
}
