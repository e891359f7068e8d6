using System.Globalization;
using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Host.Tests;

/// <summary>Which threads the system is told to prefer.</summary>
[Collection("threads")] // of this process: they are all seen at once
public class PrecedenceTests
{
    /// <summary>Of a stat file, after the name in parentheses (proc_pid_stat(5)).</summary>
    private const int NicenessAt = 16, PolicyAt = 38;

    private const int Other = 0;

    [Fact]
    public async Task All_but_the_event_loops_push_nobody_aside()
    {
        if (!OperatingSystem.IsLinux())
            return;
        using var ended = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        var worker = new Thread(ended.Wait) { Name = "a worker" };
        var later = new Thread(ended.Wait) { Name = "came later" };
        var loop = new Thread(Lead) { Name = $"{Precedence.Loop} 1" };
        worker.Start();
        loop.Start();
        var (loopThread, workerThread) = (Numbered(loop.Name), Numbered(worker.Name));

        var time = new ManualTime();
        using var precedence = new Precedence(time);
        await precedence.StartAsync(TestContext.Current.CancellationToken);
        time.Advance(Precedence.Interval);
        PolicyOf(workerThread).ShouldBe(Precedence.Batch);
        PolicyOf(loopThread).ShouldBe(Other);
        NicenessOf(workerThread).ShouldBe(NicenessOf(Environment.ProcessId));

        goOn.Set();
        var laterThread = Numbered(later.Name);
        PolicyOf(laterThread).ShouldBe(Other); // as the loop that has started it
        time.Advance(Precedence.Interval);
        PolicyOf(laterThread).ShouldBe(Precedence.Batch);

        var late = new Thread(ended.Wait) { Name = $"{Precedence.Loop} 2" };
        var starter = new Thread(() => late.Start()) { Name = "starts a loop" };
        starter.Start();
        starter.Join();
        var lateThread = Numbered(late.Name);
        time.Advance(Precedence.Interval);
        PolicyOf(lateThread).ShouldBe(Other);
        await precedence.StopAsync(TestContext.Current.CancellationToken);
        ended.Set();
        Array.ForEach([worker, later, loop, late], thread => thread.Join());

        void Lead()
        {
            goOn.Wait();
            later.Start();
            ended.Wait();
        }
    }

    internal static int PolicyOf(int thread) => Stat(thread, PolicyAt);

    internal static int NicenessOf(int thread) => Stat(thread, NicenessAt);

    private static int Numbered(string name)
    {
        (int Thread, string Name)[] found = [];
        SpinWait.SpinUntil(() => (found = [.. Precedence.Threads().Where(thread => thread.Name == name)]).Length > 0, TimeSpan.FromSeconds(10));
        return found.ShouldHaveSingleItem().Thread;
    }

    private static int Stat(int thread, int at) => int.Parse(File.ReadAllText($"/proc/self/task/{thread}/stat").Split(") ")[^1].Split(' ')[at], CultureInfo.InvariantCulture);
}
