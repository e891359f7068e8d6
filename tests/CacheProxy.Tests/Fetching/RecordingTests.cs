using CacheProxy.Fetching;
using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Tests.Fetching;

public sealed class RecordingTests
{
    private const int Piece = 64 << 10;
    private const int Window = 1 << 20;
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly ManualTime _time = new();
    private readonly RecordingBudget _budget = new(64 << 20);

    [Fact]
    public async Task Readers_that_come_at_any_time_get_the_whole_body()
    {
        var recording = Kept();
        var early = recording.TryJoin()!;
        await recording.AppendAsync(Bytes(0, 1000), default);
        var middle = recording.TryJoin()!;
        await recording.AppendAsync(Bytes(1000, 5000), default);
        recording.End(failed: false, null);
        recording.Wake();
        var late = recording.TryJoin()!;
        foreach (var reader in new[] { early, middle, late })
        {
            (await ReadAllAsync(reader)).ShouldBe(Bytes(0, 6000));
            reader.EndedWhole.ShouldBeTrue();
        }
        recording.ToBody()!.Length.ShouldBe(6000);
    }

    [Fact]
    public async Task Reader_that_waits_is_woken_by_each_write_and_by_the_end()
    {
        var recording = Kept();
        var reader = recording.TryJoin()!;
        var first = reader.ReadAsync(default).AsTask();
        first.IsCompleted.ShouldBeFalse();
        await recording.AppendAsync(Bytes(0, 3), default);
        (await first.InTimeAsync("the first piece")).ToArray().ShouldBe(Bytes(0, 3));
        var end = reader.ReadAsync(default).AsTask();
        end.IsCompleted.ShouldBeFalse();
        recording.End(failed: true, null);
        recording.Wake();
        (await end.InTimeAsync("the end")).Length.ShouldBe(0);
        reader.EndedWhole.ShouldBeFalse();
        recording.ToBody().ShouldBeNull();
    }

    [Fact]
    public async Task Reader_may_stop_waiting()
    {
        var recording = Kept();
        using var leaves = new CancellationTokenSource();
        var read = recording.TryJoin()!.ReadAsync(leaves.Token).AsTask();
        await leaves.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => read);
    }

    [Fact]
    public async Task Reader_that_leads_waits_for_the_head_and_then_for_bytes_and_may_leave_at_any_time()
    {
        var recording = Kept();
        var leader = recording.TryJoin(leads: true)!;
        var head = leader.HeadAsync(default).AsTask();
        recording.Wake(); // nothing has come
        head.IsCompleted.ShouldBeFalse();
        recording.Announce(bytesFollow: true);
        head.IsCompleted.ShouldBeFalse();
        await recording.AppendAsync(Bytes(0, 3), default);
        head.IsCompletedSuccessfully.ShouldBeTrue(); // on the writer's own thread
        (await leader.ReadAsync(default)).Length.ShouldBe(3);

        using var leaves = new CancellationTokenSource();
        var read = leader.ReadAsync(leaves.Token).AsTask();
        await leaves.CancelAsync();
        (await Should.ThrowAsync<OperationCanceledException>(() => read)).CancellationToken.ShouldBe(leaves.Token);
        await Should.ThrowAsync<OperationCanceledException>(() => leader.ReadAsync(leaves.Token).AsTask());
        var again = leader.ReadAsync(default).AsTask();
        again.IsCompleted.ShouldBeFalse();
        await recording.AppendAsync(Bytes(3, 4), default);
        (await again).Length.ShouldBe(4);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Reader_that_leads_and_loses_patience_in_any_moment_loses_no_bytes(int seed)
    {
        const int pieces = 5_000;
        var random = new Random(seed);
        var recording = Kept();
        var leader = recording.TryJoin(leads: true)!;
        recording.Announce(bytesFollow: true);
        var reading = Task.Run(async () =>
        {
            using var all = new MemoryStream();
            while (true)
            {
                using var leaves = new CancellationTokenSource();
                var cancelling = random.Next(2) == 0 ? Task.Run(leaves.Cancel) : Task.CompletedTask;
                try
                {
                    if (await leader.ReadAsync(leaves.Token) is not { Length: > 0 } piece)
                        return all.ToArray();
                    all.Write(piece.Span);
                }
                catch (OperationCanceledException)
                {
                    // Asks again.
                }
                await cancelling;
            }
        });
        for (var i = 0; i < pieces; i++)
            await recording.AppendAsync(Bytes(i * 7, 7), default);
        recording.End(failed: false, null);
        recording.Wake();
        (await reading.InTimeAsync("the reader's end")).ShouldBe(Bytes(0, pieces * 7));
    }

    [Fact]
    public async Task Leaving_costs_the_same_however_many_there_are()
    {
        var recording = Kept();
        var readers = Enumerable.Range(0, 200_000).Select(_ => recording.TryJoin()!).ToArray();
        new Random(1).Shuffle(readers);
        // With a search among them all this would take minutes.
        await Task.Run(() => Array.ForEach(readers, recording.Leave)).InTimeAsync("all have left");
    }

    [Fact]
    public void Slow_reader_does_not_hold_a_kept_recording_back()
    {
        var recording = Kept();
        recording.TryJoin();
        for (var i = 0; i < 64; i++)
            recording.AppendAsync(new byte[Piece], default).AsTask().IsCompletedSuccessfully.ShouldBeTrue();
        recording.IsKept.ShouldBeTrue();
    }

    [Theory]
    [InlineData(null)]
    [InlineData(100_000)]
    public void Many_tiny_writes_take_little_more_than_their_bytes(int? expected)
    {
        var recording = Kept();
        recording.Expect(expected);
        var one = new byte[1];
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100_000; i++)
            recording.AppendAsync(one, default).AsTask().IsCompletedSuccessfully.ShouldBeTrue();
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(300_000);
        recording.End(failed: false, null);
        recording.Wake();
        recording.ToBody()!.Length.ShouldBe(100_000);
    }

    [Fact]
    public async Task Body_that_outgrows_the_limit_is_no_longer_kept_but_reaches_its_readers_whole()
    {
        var recording = Kept(maxBodyBytes: 1000);
        var reader = recording.TryJoin()!;
        await recording.AppendAsync(Bytes(0, 1000), default);
        recording.IsKept.ShouldBeTrue();
        await recording.AppendAsync(Bytes(1000, 1), default);
        recording.IsKept.ShouldBeFalse();
        recording.TryJoin().ShouldBeNull();
        recording.End(failed: false, null);
        recording.Wake();
        recording.ToBody().ShouldBeNull();
        (await ReadAllAsync(reader)).ShouldBe(Bytes(0, 1001));
        reader.EndedWhole.ShouldBeTrue();
        BudgetIsFull();
    }

    [Fact]
    public async Task Recordings_beyond_the_budget_are_not_kept_and_all_of_it_comes_back()
    {
        var first = Kept();
        var second = Kept();
        var reader = second.TryJoin()!;
        for (var i = 0; i < 63; i++)
            await first.AppendAsync(new byte[Window], default);
        await second.AppendAsync(new byte[Window], default);
        second.IsKept.ShouldBeTrue();
        (await TakeAsync(reader)).ShouldBe(Window);
        await second.AppendAsync(new byte[1], default);
        second.IsKept.ShouldBeFalse();
        _budget.TryReserve(Window).ShouldBeTrue(); // what the second one held is free again
        _budget.Release(Window);
        first.End(failed: true, null);
        first.Wake();
        second.End(failed: false, null);
        second.Wake();
        second.End(failed: false, null);
        second.Wake();
        (await ReadAllAsync(reader)).Length.ShouldBe(1);
        reader.EndedWhole.ShouldBeTrue();
        BudgetIsFull();
    }

    [Fact]
    public async Task Windowed_writer_is_at_most_a_window_ahead_of_its_reader()
    {
        var recording = Windowed(out var reader);
        var written = Fill(recording, out var waiting);
        written.ShouldBe(Window + Piece);
        await Task.Yield();
        waiting.IsCompleted.ShouldBeFalse();
        (await reader.ReadAsync(default)).Length.ShouldBeGreaterThan(0);
        await waiting.InTimeAsync("room");
    }

    [Fact]
    public async Task Single_reader_holds_back_only_itself_and_is_never_cut()
    {
        var recording = Windowed(out var reader);
        var written = Fill(recording, out var waiting);
        _time.Advance(1000 * Second);
        _time.PendingTimers.ShouldBe(0);
        recording.End(failed: false, null);
        recording.Wake();
        (await ReadAllAsync(reader)).Length.ShouldBe(written);
        await waiting.InTimeAsync("room");
        reader.EndedWhole.ShouldBeTrue();
    }

    [Fact]
    public async Task Writer_that_waits_for_room_can_be_cancelled()
    {
        var recording = Windowed(out _);
        using var cancelled = new CancellationTokenSource();
        Fill(recording, out var waiting, cancelled.Token);
        await cancelled.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => waiting);
    }

    [Fact]
    public async Task Stopped_reader_is_cut_after_the_grace_and_the_fast_one_gets_the_whole()
    {
        var recording = Windowed(out var fast, out var stopped);
        var total = 0;
        total += Fill(recording, out var waiting);
        (await TakeAsync(fast)).ShouldBe(total);
        await Eventually.TrueAsync(() => _time.PendingTimers == 1, "the writer waits for the stopped reader");
        _time.Advance(2.9 * Second);
        stopped.IsCut.ShouldBeFalse();
        _time.Advance(0.1 * Second);
        await waiting.InTimeAsync("room");
        stopped.IsCut.ShouldBeTrue();

        for (var i = 0; i < 100; i++)
        {
            await recording.AppendAsync(new byte[Piece], default).AsTask().InTimeAsync("room");
            total += Piece;
            (await fast.ReadAsync(default)).Length.ShouldBe(Piece);
        }
        recording.End(failed: false, null);
        recording.Wake();
        (await ReadAllAsync(fast)).Length.ShouldBe(0);
        fast.Position.ShouldBe(total);
        fast.EndedWhole.ShouldBeTrue();
        (await ReadAllAsync(stopped)).Length.ShouldBe(0);
        stopped.EndedWhole.ShouldBeFalse();
    }

    [Fact]
    public async Task Reader_that_crawls_is_cut_when_its_waits_add_up_to_the_grace()
    {
        var recording = Windowed(out var fast, out var crawling);
        for (var second = 1; second <= 3; second++)
        {
            Fill(recording, out var waiting);
            await TakeAsync(fast);
            await Eventually.TrueAsync(() => _time.PendingTimers == 1, "the writer waits for the crawling reader");
            crawling.IsCut.ShouldBeFalse();
            _time.Advance(Second);
            if (second < 3)
                (await crawling.ReadAsync(default)).Length.ShouldBeGreaterThan(0); // just in time, each time
            await waiting.InTimeAsync("room");
            await Eventually.TrueAsync(() => _time.PendingTimers == 0, "the wait is over");
        }
        crawling.IsCut.ShouldBeTrue();
        fast.IsCut.ShouldBeFalse();
    }

    [Fact]
    public async Task Readers_that_are_all_slow_hold_nobody_back_and_are_not_cut()
    {
        var recording = Windowed(out var one, out var other);
        for (var round = 0; round < 10; round++)
        {
            Fill(recording, out var waiting);
            _time.Advance(2 * Second);
            (await one.ReadAsync(default)).Length.ShouldBeGreaterThan(0);
            (await other.ReadAsync(default)).Length.ShouldBeGreaterThan(0);
            await waiting.InTimeAsync("room");
        }
        one.IsCut.ShouldBeFalse();
        other.IsCut.ShouldBeFalse();
    }

    [Fact]
    public async Task Reader_that_was_cut_is_no_company_for_a_slow_one()
    {
        var recording = Windowed(out var slow, out var stopped);
        Fill(recording, out var first);
        await TakeAsync(slow);
        await Eventually.TrueAsync(() => _time.PendingTimers == 1, "the writer waits for the stopped reader");
        _time.Advance(3 * Second);
        await first.InTimeAsync("room");
        stopped.IsCut.ShouldBeTrue();

        Fill(recording, out var second);
        _time.Advance(1000 * Second); // alone now: it holds back only itself
        await TakeAsync(slow);
        await second.InTimeAsync("room");
        slow.IsCut.ShouldBeFalse();
    }

    [Fact]
    public async Task Reader_that_waits_is_told_of_the_end_when_its_fetch_is_aborted()
    {
        var recording = Windowed(out var reader);
        await TakeAsync(reader);
        var read = reader.ReadAsync(default).AsTask();
        recording.End(failed: true, null);
        recording.Wake();
        (await read.InTimeAsync("the end")).Length.ShouldBe(0);
        reader.EndedWhole.ShouldBeFalse();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Readers_of_any_speed_on_any_threads_read_the_same_bytes(int seed)
    {
        const int total = 3 << 20;
        var random = new Random(seed);
        var sizes = new List<int>();
        for (var left = total; left > 0; left -= sizes[^1])
            sizes.Add(Math.Min(left, random.Next(1, 100_000)));
        // Outgrows its limit half way, so both ways of recording are met, and the change between them.
        var recording = new Recording(new RecordingLimits(total / 2, TimeSpan.FromMinutes(10), _budget, TimeProvider.System));
        var readers = Enumerable.Range(0, 4).Select(i => recording.TryJoin()!).Select(reader => Task.Run(() => ReadAllAsync(reader))).ToArray();
        await Task.Run(async () =>
        {
            var position = 0;
            foreach (var size in sizes)
            {
                await recording.AppendAsync(Bytes(position, size), default);
                position += size;
            }
            recording.End(failed: false, null);
            recording.Wake();
        }).InTimeAsync("the writer's end");
        foreach (var reader in readers)
            (await reader.InTimeAsync("a reader's end")).AsSpan().SequenceEqual(Bytes(0, total)).ShouldBeTrue();
        BudgetIsFull();
    }

    private Recording Kept(long maxBodyBytes = 64 << 20) => new(new RecordingLimits(maxBodyBytes, 3 * Second, _budget, _time));

    private Recording Windowed(out RecordingReader reader)
    {
        var recording = Kept();
        reader = recording.TryJoin()!;
        recording.StopKeeping();
        return recording;
    }

    private Recording Windowed(out RecordingReader one, out RecordingReader other)
    {
        var recording = Kept();
        one = recording.TryJoin()!;
        other = recording.TryJoin()!;
        recording.StopKeeping();
        return recording;
    }

    /// <summary>Writes until the writer has to wait.</summary>
    private static int Fill(Recording recording, out Task waiting, CancellationToken cancellation = default)
    {
        for (var written = Piece; written < 100 * Piece; written += Piece)
        {
            waiting = recording.AppendAsync(new byte[Piece], cancellation).AsTask();
            if (!waiting.IsCompleted)
                return written;
        }
        throw new InvalidOperationException("The writer never waits.");
    }

    /// <summary>Reads what is there.</summary>
    private static async Task<int> TakeAsync(RecordingReader reader)
    {
        var count = 0;
        while (reader.ReadAsync(new CancellationToken(canceled: true)).AsTask() is { IsCompletedSuccessfully: true } read && await read is { Length: > 0 } piece)
            count += piece.Length;
        return count;
    }

    private static async Task<byte[]> ReadAllAsync(RecordingReader reader)
    {
        using var all = new MemoryStream();
        while (await reader.ReadAsync(default) is { Length: > 0 } piece)
            all.Write(piece.Span);
        return all.ToArray();
    }

    private static byte[] Bytes(int offset, int count)
    {
        var bytes = new byte[count];
        for (var i = 0; i < count; i++)
            bytes[i] = (byte)((offset + i) * 31 % 251);
        return bytes;
    }

    private void BudgetIsFull()
    {
        _budget.TryReserve(64 << 20).ShouldBeTrue();
        _budget.TryReserve(1).ShouldBeFalse();
        _budget.Release(64 << 20);
    }
}
