namespace CacheProxy.Sockets;

/// <summary>Who has something to send at the end of an <see cref="EventLoop"/>'s turn.</summary>
internal interface ISender
{
    /// <summary>On the thread of the loop that was asked for it.</summary>
    void OnTurnEnd();
}
