using System.Globalization;
using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Host.Tests;

/// <summary>Which threads the system is told to prefer.</summary>
[Collection("threads")] // of this process: they are all seen at once
public class PrecedenceTests
{
    /// <summary>Of a stat file, after the name in parentheses (proc_pid_stat(5)).</summary>
    private const int NicenessAt = 16, PolicyAt = 38;

    [Fact]
    public async Task All_but_the_event_loops_push_nobody_aside()
    {
        if (!OperatingSystem.IsLinux())
            return;
        using var ended = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        var (worker, later) = (Waiting("a worker", ended), Waiting("came later", ended));
        var (loop, late) = (new Thread(Lead) { Name = $"{Precedence.Loop} 1", IsBackground = true }, Waiting($"{Precedence.Loop} 2", ended));
        var starter = new Thread(() => late.Start()) { Name = "starts a loop", IsBackground = true };
        worker.Start();
        loop.Start();
        try
        {
            var (loopThread, workerThread) = (Numbered(loop.Name), Numbered(worker.Name!));
            var time = new ManualTime();
            using var precedence = new Precedence(time);
            await precedence.StartAsync(TestContext.Current.CancellationToken);
            time.Advance(Precedence.Interval);
            PolicyOf(workerThread).ShouldBe(Precedence.Batch);
            PolicyOf(loopThread).ShouldBe(Precedence.Other);
            NicenessOf(workerThread).ShouldBe(NicenessOf(Environment.ProcessId));

            goOn.Set();
            var laterThread = Numbered(later.Name!);
            PolicyOf(laterThread).ShouldBe(Precedence.Other); // as the loop that has started it
            starter.Start();
            var lateThread = Numbered(late.Name!);
            time.Advance(Precedence.Interval);
            PolicyOf(laterThread).ShouldBe(Precedence.Batch);
            PolicyOf(lateThread).ShouldBe(Precedence.Other);
            await precedence.StopAsync(TestContext.Current.CancellationToken);
        }
        finally
        {
            foreach (var (thread, name) in Precedence.Threads())
                if (name != Precedence.Collector)
                    Precedence.SetPolicy(thread, Precedence.Other); // processes that tests start have the policy of the thread that starts them
            goOn.Set();
            ended.Set();
            foreach (var thread in (Thread[])[worker, loop, later])
                thread.Join();
            if (late.IsAlive)
                late.Join();
        }

        void Lead()
        {
            goOn.Wait();
            later.Start();
            ended.Wait();
        }
    }

    private static Thread Waiting(string name, ManualResetEventSlim ended) => new(ended.Wait) { Name = name, IsBackground = true };

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
