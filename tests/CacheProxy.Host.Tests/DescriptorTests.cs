using System.Diagnostics;
using System.Globalization;

namespace CacheProxy.Host.Tests;

/// <summary>A process that may open no more files.</summary>
public class DescriptorTests
{
    [Fact]
    public async Task Clients_without_a_descriptor_for_them_wait_and_cost_nothing()
    {
        await using var origin = RawOrigin.Hello();
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address]);
        using var proxy = new HttpClient { BaseAddress = host.Proxy };
        await proxy.GetStringAsync("/", TestContext.Current.CancellationToken); // all that a request loads is loaded
        using var process = Process.GetProcessById(host.Id);
        using (var limit = Process.Start("prlimit", ["--pid", $"{host.Id}", string.Create(CultureInfo.InvariantCulture, $"--nofile={Open(host)}:")]))
            await limit.WaitForExitAsync(TestContext.Current.CancellationToken);

        using var waiting = await RawClient.ConnectAsync(host.Proxy); // the system takes it; the process cannot
        await waiting.SendAsync("/");
        await host.SeesAsync("no descriptor or memory left for another connection");
        var before = Used(process);
        var watch = Stopwatch.StartNew();
        await Task.Delay(TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken); // what it does meanwhile is measured
        (Used(process) - before).ShouldBeLessThan(watch.Elapsed / 4);

        (await proxy.GetStringAsync("/", TestContext.Current.CancellationToken)).ShouldBe("hello"); // who is connected is served
        proxy.Dispose(); // its connection makes room
        (await waiting.ReceiveAsync())!.ShouldEndWith("hello");
        host.Output.Split("no descriptor").Length.ShouldBe(2); // said once a minute
    }

    private static int Open(HostProcess host) => Directory.GetFiles($"/proc/{host.Id}/fd").Length;

    private static TimeSpan Used(Process process)
    {
        process.Refresh();
        return process.TotalProcessorTime;
    }
}
