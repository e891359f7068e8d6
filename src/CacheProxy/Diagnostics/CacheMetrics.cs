using CacheProxy.Pipeline;

namespace CacheProxy.Diagnostics;

internal sealed class CacheMetrics
{
    private long _requests;

    public void Record(in Outcome outcome)
    {
        _requests++;
    }
}
