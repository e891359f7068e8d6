using System.Net;
using System.Net.Sockets;

namespace AppHost;

/// <summary>Ports of this computer that nobody listens on.</summary>
internal static class FreePort
{
    private static readonly HashSet<int> GivenAway = [];

    /// <summary>The first free one at or above <paramref name="wish"/>; never the same one twice.</summary>
    public static int From(int wish)
    {
        var port = wish;
        while (!GivenAway.Add(port) || !IsFree(port))
            port++;
        return port;
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
