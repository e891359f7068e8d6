namespace CacheProxy.Admin;

/// <summary>Whether the proxy wants traffic. Goes one way: starting, ready, draining. Safe for use by many threads.</summary>
internal sealed class Readiness
{
    private volatile ReadinessState _state;

    public ReadinessState State => _state;

    /// <summary>The public listener accepts connections.</summary>
    public void Started()
    {
        if (_state == ReadinessState.Starting)
            _state = ReadinessState.Ready;
    }

    /// <summary>The process is asked to stop; it still answers, but load balancers are to look elsewhere.</summary>
    public void Drain() => _state = ReadinessState.Draining;
}

internal enum ReadinessState
{
    Starting,
    Ready,
    Draining,
}
