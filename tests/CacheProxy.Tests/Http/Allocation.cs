namespace CacheProxy.Tests.Http;

/// <summary>Measures what a function allocates.</summary>
internal static class Allocation
{
    /// <summary>Bytes for each call: the least of a few batches, for the runtime itself allocates now and then while code is new.</summary>
    public static long Of<T>(Func<T> function) => Enumerable.Range(0, 10).Min(_ => Batch(function));

    private static long Batch<T>(Func<T> function)
    {
        const int calls = 100;
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < calls; i++)
            function();
        return (GC.GetAllocatedBytesForCurrentThread() - before) / calls;
    }
}
