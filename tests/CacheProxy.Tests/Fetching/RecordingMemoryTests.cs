using CacheProxy.Fetching;
using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Tests.Fetching;

/// <summary>What a recording keeps alive. Apart from other tests, because memory is measured.</summary>
[Collection("memory")]
public sealed class RecordingMemoryTests
{
    private const int Piece = 64 << 10;

    private readonly ManualTime _time = new();

    /// <summary>A segment knows the next one, so whoever holds on to one holds all that come after it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Reader_that_left_or_was_cut_keeps_nothing_alive(bool isCut)
    {
        var recording = New(_time);
        var fast = recording.TryJoin()!;
        var gone = recording.TryJoin()!;
        recording.StopKeeping();
        if (isCut)
        {
            var waiting = recording.AppendAsync(new byte[2 << 20], default).AsTask();
            await TakeAsync(fast);
            await Eventually.TrueAsync(() => _time.PendingTimers == 1, "the writer waits for the stopped reader");
            _time.Advance(TimeSpan.FromSeconds(3));
            await waiting.InTimeAsync("room");
        }
        else
        {
            recording.Leave(gone);
        }
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < 1000; i++)
        {
            await recording.AppendAsync(new byte[Piece], default);
            await TakeAsync(fast);
        }
        var after = GC.GetTotalMemory(forceFullCollection: true);
        GC.KeepAlive(gone);
        GC.KeepAlive(recording);
        (after - before).ShouldBeLessThan(16 << 20); // of 64 MiB
    }

    [Fact]
    public async Task Windowed_recording_keeps_no_more_than_its_window_alive()
    {
        var recording = New(_time);
        var reader = recording.TryJoin()!;
        recording.StopKeeping();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < 1000; i++)
        {
            await recording.AppendAsync(new byte[Piece], default);
            await reader.ReadAsync(default);
        }
        (GC.GetTotalMemory(forceFullCollection: true) - before).ShouldBeLessThan(16 << 20);
        GC.KeepAlive(recording);
        GC.KeepAlive(reader);
    }

    private static Recording New(ManualTime time) =>
        new(new RecordingLimits(64 << 20, TimeSpan.FromSeconds(3), new RecordingBudget(64 << 20), time));

    private static async Task TakeAsync(RecordingReader reader)
    {
        while (reader.ReadAsync(new CancellationToken(canceled: true)).AsTask() is { IsCompletedSuccessfully: true } read && (await read).Length > 0)
        {
        }
    }
}
