namespace CacheProxy.Sockets;

/// <summary>
/// Whether it is worth asking the socket, in one direction, and whether somebody waits for that. Edges come from the event loop, questions from whoever
/// reads or writes; neither is lost to the other. A field of its owner, changed in place.
/// </summary>
internal struct SocketReadiness
{
    private const int Asked = 0, Ready = 1, Awaited = 2;

    private int _state;

    /// <summary>Takes the readiness, before the socket is asked. <c>false</c>: there has been no edge since it was asked last.</summary>
    public bool TryTake() => Interlocked.CompareExchange(ref _state, Asked, Ready) == Ready;

    /// <summary>There may be more than was taken.</summary>
    public void PutBack() => Volatile.Write(ref _state, Ready);

    /// <summary>Waits for the next edge; <c>false</c>: it has just come.</summary>
    public bool TryAwait() => Interlocked.CompareExchange(ref _state, Awaited, Asked) == Asked;

    /// <summary>An edge. <c>true</c>: somebody awaited it, and the caller is to let him go on.</summary>
    public bool Signal() => Volatile.Read(ref _state) != Ready && Interlocked.Exchange(ref _state, Ready) == Awaited;

    /// <summary>Ends the waiting; <c>false</c>: nobody waits, or an edge has come first.</summary>
    public bool TryCancel() => Interlocked.CompareExchange(ref _state, Asked, Awaited) == Awaited;
}
