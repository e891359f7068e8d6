namespace CacheProxy.Sockets;

/// <summary>Whose socket an <see cref="EventLoop"/> watches.</summary>
internal interface IWatched
{
    /// <summary>Something has happened. On the loop's thread, which nothing may hold.</summary>
    /// <param name="events">As epoll has them.</param>
    void On(uint events);
}
