using AppHost;

// One command that starts the whole system on this computer: the items API and the cache proxies in front of it.

if (!CommandLine.TryRead(args, out var commandLine, out var answer))
{
    await (answer.IsComplaint ? Console.Error : Console.Out).WriteLineAsync(answer.Text);
    return answer.IsComplaint ? 2 : 0;
}

using var stop = new StopSignals();
using var folder = new TemporaryFolder();
await using var system = new RunningSystem();
try
{
    // 1. Redis if it is wanted, and the API on an empty database: their files are in a temporary folder.
    var redis = commandLine.Redis ? system.Start(Service.Redis(FreePort.From(6379), folder.Path)) : null;
    var api = system.Start(Service.ItemsApi(FreePort.From(5080), folder.Path, redis?.Address));

    // 2. The proxies. Each has an admin port too, for health and metrics.
    var proxies = Enumerable.Range(1, commandLine.Nodes)
        .Select(number => system.Start(Service.Proxy(number, FreePort.From(8080), FreePort.From(9090), api.Address, redis?.Address)))
        .ToList();

    // 3. Nobody is told to try what does not work yet.
    Console.WriteLine($"Starting the items API and {(commandLine.Nodes == 1 ? "a proxy" : $"{commandLine.Nodes} proxies")}{(redis is null ? "" : " with a Redis")} ...");
    await system.UntilHealthyAsync(limit: TimeSpan.FromSeconds(60), stop.Token);
    Console.WriteLine(Welcome.Text(api, proxies, redis));

    // 4. Until Ctrl-C, or until one of them ends by itself, which ends the rest.
    await system.UntilOneEndsAsync(stop.Token);
    return 0;
}
catch (Exception failure) when (failure is ServiceFailedException or MissingProgramException)
{
    await Console.Error.WriteLineAsync(failure.Message);
    return 1;
}
catch (OperationCanceledException) when (stop.Token.IsCancellationRequested)
{
    Console.WriteLine("Stopping.");
    return 0;
}
