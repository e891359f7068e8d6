using BenchmarkDotNet.Running;
using CacheProxy.Benchmarks.Load;

// Without a word of load.sh: BenchmarkDotNet, with its own arguments (--filter '*').
switch (args)
{
    case ["origin", var address]:
        await LoadOrigin.RunAsync(address);
        break;
    case ["plain-yarp", var address, var origin, .. var rest]:
        await PlainYarp.RunAsync(address, origin, inlineSockets: rest is ["inline"]);
        break;
    case ["memory", .. var rest]:
        MemoryLoad.Run(rest);
        break;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
        break;
}
