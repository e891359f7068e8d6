using System.Diagnostics;
using System.Globalization;

namespace CacheProxy.Coherence.Tests.Checker;

/// <summary>
/// Seeded schedules in virtual time over the real node, marks and fences. A failure names its seed; <c>COHERENCE_SEED=n</c> runs that one again, and
/// <c>COHERENCE_SCHEDULES=n</c> runs as many as one likes.
/// </summary>
[Collection(nameof(Alone))]
public sealed class CheckerTests(ITestOutputHelper output)
{
    private const int DefaultSchedules = 40_000;

    [Fact]
    public void No_rule_is_broken_in_any_schedule()
    {
        if (Number("COHERENCE_SEED") is { } seed)
        {
            Schedule.Run(seed, Safeguards.All, output.WriteLine).ShouldBeNull();
            return;
        }
        var count = Number("COHERENCE_SCHEDULES") ?? DefaultSchedules;
        var began = Stopwatch.GetTimestamp();
        FirstViolation(0, count, Safeguards.All).Violation.ShouldBeNull();
        output.WriteLine($"{count} schedules, {Schedule.Operations} operations, {Stopwatch.GetElapsedTime(began).TotalSeconds:0.0} s");
    }

    [Theory]
    [InlineData(Safeguards.FenceAtFillStart, "R")]
    [InlineData(Safeguards.Generation, "R")]
    [InlineData(Safeguards.Heartbeat, "R")]
    [InlineData(Safeguards.JoinRule, "R")]
    [InlineData(Safeguards.LeaseVoid, "R8")]
    [InlineData(Safeguards.SetCheck, "R8")]
    [InlineData(Safeguards.HardRule, "R")]
    public void Safeguard_that_is_switched_off_is_missed(object off, string rule)
    {
        var (schedules, violation) = FirstViolation(0, 5_000, Safeguards.All & ~(Safeguards)off);
        violation.ShouldNotBeNull($"{off} is off, and nothing was found.");
        violation.ShouldContain(rule);
        output.WriteLine($"{off}: {violation} (after {schedules} schedules)");
    }

    [Fact]
    public void Same_seed_gives_the_same_run()
    {
        var off = Safeguards.All & ~Safeguards.JoinRule;
        var first = FirstViolation(0, 5_000, off);
        Schedule.Run(first.Schedules - 1, off).ShouldBe(first.Violation);
    }

    /// <summary>The violation of the lowest seed.</summary>
    private static (int Schedules, string? Violation) FirstViolation(int from, int count, Safeguards on)
    {
        string? violation = null;
        var lowest = int.MaxValue;
        var found = new Lock();
        Parallel.For(from, from + count, (seed, loop) =>
        {
            if (Schedule.Run(seed, on) is not { } text)
                return;
            loop.Break();
            lock (found)
                if (seed < lowest)
                    (lowest, violation) = (seed, text);
        });
        return (lowest == int.MaxValue ? count : lowest - from + 1, violation);
    }

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}

/// <summary>Takes all processors: tests over real sockets must not run meanwhile.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
