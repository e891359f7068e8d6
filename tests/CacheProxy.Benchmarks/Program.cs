using System.Globalization;
using BenchmarkDotNet.Running;
using CacheProxy.Benchmarks.Eviction;
using CacheProxy.Benchmarks.Load;

[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]

// Without a word that is known here: BenchmarkDotNet, with its own arguments (--filter '*').
switch (args)
{
    case ["load", .. var rest]: // by load.sh
        return await LoadRun.RunAsync(rest);
    case ["start", var host, .. var variables]:
        await ColdStart.RunAsync(host, variables);
        break;
    case ["eviction"]:
        EvictionComparison.Run();
        break;
    case ["origin", var address]: // these three are started by the load
        await LoadOrigin.RunAsync(address);
        break;
    case ["yarp" or "yarp-inline", var address, var origin]:
        await YarpServer.RunAsync(address, origin, args[0] == "yarp-inline", outputCacheBytes: null);
        break;
    case ["outputcache", var address, var origin, var bytes]:
        await YarpServer.RunAsync(address, origin, inlineSockets: true, long.Parse(bytes, CultureInfo.InvariantCulture));
        break;
    case ["memory", .. var rest]:
        MemoryLoad.Run(rest);
        break;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
        break;
}
return 0;
