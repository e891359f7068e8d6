namespace CacheProxy.Tests.Http;

/// <summary>Measures what a function allocates.</summary>
internal static class Allocation
{
    /// <summary>Bytes for each call, after the first few; the runtime's own bytes now and then are divided away.</summary>
    public static long Of<T>(Func<T> function)
    {
        const int calls = 1000;
        for (var i = 0; i < 10; i++)
            function();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < calls; i++)
            function();
        return (GC.GetAllocatedBytesForCurrentThread() - before) / calls;
    }
}
