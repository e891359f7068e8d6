using CacheProxy.Diagnostics;

namespace CacheProxy.Host;

/// <summary>Warns of a runtime whose HTTP server has known flaws; the machine that builds may well have an older one than the one that runs.</summary>
internal static class RuntimeVersion
{
    /// <summary>CVE-2026-70188 and CVE-2026-88092 are fixed here.</summary>
    private static readonly Version Minimum = new(10, 0, 13);

    public static void Check(ILogger log)
    {
        if (Environment.Version < Minimum)
            Log.OldRuntime(log, Environment.Version, Minimum);
    }
}
