using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace CacheProxy.Host.Tests;

public class ShutdownTests
{
    [Fact]
    public async Task Sigterm_without_connections_ends_at_once_with_code_0()
    {
        await using var origin = RawOrigin.Hello();
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address, "--CacheProxy:DrainTime", "1m"]);
        host.Terminate();
        (await host.ExitAsync()).ShouldBe(0);
        host.Output.ShouldContain("Stopped."); // the log is flushed to its last line
    }

    [Fact]
    public async Task Draining_is_not_ready_still_accepts_and_closes_each_connection_with_its_answer()
    {
        var release = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        await using var origin = new RawOrigin(async head =>
        {
            if (head.Contains("/slow"))
            {
                arrived.SetResult();
                await release.Task;
            }

            return RawOrigin.Response("hello");
        });
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address, "--CacheProxy:DrainTime", "1m"]);
        using var admin = new HttpClient { BaseAddress = host.Admin };
        (await admin.GetAsync("/healthz/ready", TestContext.Current.CancellationToken)).StatusCode.ShouldBe(HttpStatusCode.OK);
        using var idle = await RawClient.ConnectAsync(host.Proxy);
        await idle.SendAsync("/");
        (await idle.ReceiveAsync()).ShouldNotBeNull().ShouldNotContain("Connection:");
        using var inFlight = await RawClient.ConnectAsync(host.Proxy);
        await inFlight.SendAsync("/slow");
        await arrived.Task;

        host.Terminate();
        await host.SeesAsync("Draining");
        var ready = await admin.GetAsync("/healthz/ready", TestContext.Current.CancellationToken);
        ready.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        ready.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        (await admin.GetAsync("/healthz/live", TestContext.Current.CancellationToken)).StatusCode.ShouldBe(HttpStatusCode.OK);

        using (var fresh = await RawClient.ConnectAsync(host.Proxy))
        {
            await fresh.SendAsync("/");
            (await fresh.ReceiveAsync()).ShouldNotBeNull().ShouldContain("Connection: close");
            (await fresh.ReceiveAsync()).ShouldBeNull();
        }

        idle.IsClosed.ShouldBeFalse("an idle connection is closed with its next answer, not before");
        await idle.SendAsync("/");
        (await idle.ReceiveAsync()).ShouldNotBeNull().ShouldContain("Connection: close");
        (await idle.ReceiveAsync()).ShouldBeNull();

        release.SetResult(); // its request came before the signal
        (await inFlight.ReceiveAsync()).ShouldNotBeNull().ShouldContain("Connection: close");
        (await inFlight.ReceiveAsync()).ShouldBeNull();
        (await host.ExitAsync()).ShouldBe(0); // long before the drain time is over: no connection is left
    }

    [Fact]
    public async Task Requests_in_flight_are_finished_after_the_listener_has_closed()
    {
        var release = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        await using var origin = new RawOrigin(async _ =>
        {
            arrived.SetResult();
            await release.Task;
            return RawOrigin.Response("late");
        });
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address, "--CacheProxy:DrainTime", "0"]);
        using var client = await RawClient.ConnectAsync(host.Proxy);
        await client.SendAsync("/");
        await arrived.Task;
        host.Terminate();
        await host.SeesAsync("Stopping");
        (await Eventually.TrueAsync(async () =>
        {
            try
            {
                using var refused = await RawClient.ConnectAsync(host.Proxy);
                return false;
            }
            catch (SocketException)
            {
                return true;
            }
        })).ShouldBeTrue();
        release.SetResult();
        (await client.ReceiveAsync()).ShouldNotBeNull().ShouldEndWith("late");
        (await host.ExitAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task A_request_that_never_ends_is_cut_off_and_the_code_is_still_0()
    {
        var arrived = new TaskCompletionSource();
        await using var origin = new RawOrigin(async _ =>
        {
            arrived.SetResult();
            await Task.Delay(Timeout.Infinite, TestContext.Current.CancellationToken);
            return [];
        });
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address, "--CacheProxy:DrainTime", "0", "--CacheProxy:ShutdownTimeout", "200ms"]);
        using var client = await RawClient.ConnectAsync(host.Proxy);
        await client.SendAsync("/");
        await arrived.Task;
        host.Terminate();
        (await host.ExitAsync()).ShouldBe(0);
        host.Output.ShouldContain("still in flight after 00:00:00.2");
    }

    /// <summary>
    /// Clients that keep their connections, and open new ones when told to close, send without a pause, and go elsewhere one after another,
    /// as load balancers that have heard of 503 do. Each request sent must have its whole answer, also where for a moment no connection is
    /// open because all clients are about to open the next. The drain time is not reached.
    /// </summary>
    [Fact]
    public async Task No_request_is_lost_under_load()
    {
        await using var origin = new RawOrigin(async head =>
        {
            if (head.Contains("/slow"))
                await Task.Delay(20);
            return RawOrigin.Response(new string('x', 5000));
        });
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address, "--CacheProxy:DrainTime", "1m"]);
        var (lost, answered, refused) = (new ConcurrentBag<string>(), 0, 0);
        async Task LoadAsync(int id)
        {
            RawClient? client = null;
            var last = int.MaxValue;
            for (var i = 0; i <= last; i++)
            {
                try
                {
                    client ??= await RawClient.ConnectAsync(host.Proxy);
                }
                catch (SocketException)
                {
                    Interlocked.Increment(ref refused);
                    return; // no longer listening: the request was not sent
                }

                try
                {
                    await client.SendAsync(i % 3 == 0 ? "/slow" : "/fast");
                    var answer = await client.ReceiveAsync() ?? throw new IOException("no answer");
                    Interlocked.Increment(ref answered);
                    if (answer.Contains("Connection: close"))
                    {
                        (await client.ReceiveAsync()).ShouldBeNull();
                        client.Dispose();
                        client = null;
                        last = Math.Min(last, i + 10 + id * 3);
                    }
                }
                catch (IOException failure)
                {
                    lost.Add($"client {id}, request {i}: {failure.Message}");
                    return;
                }
            }
        }

        var load = Enumerable.Range(0, 16).Select(LoadAsync).ToArray();
        (await Eventually.TrueAsync(() => Task.FromResult(Volatile.Read(ref answered) > 500))).ShouldBeTrue();
        host.Terminate();
        await Task.WhenAll(load);
        (await host.ExitAsync()).ShouldBe(0);
        lost.ShouldBeEmpty();
        TestContext.Current.TestOutputHelper!.WriteLine($"{answered} answered, {refused} clients refused after the end");
    }
}
