using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace CacheProxy.Sockets;

/// <summary>
/// Kestrel's sockets by <see cref="EventLoop"/>: on Linux, for IP addresses. All else is left to the transport that is registered before it.
/// </summary>
internal sealed class EventTransport(IOptions<SocketTransportOptions> options, IMemoryPoolFactory<byte> memory) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly SocketTransportOptions _options = options.Value;

    /// <summary>For clients and, by <see cref="OriginClientFactory"/>, for origins.</summary>
    public static void AddTo(IServiceCollection services)
    {
        services.AddSingleton<EventTransport>();
        services.AddSingleton<IConnectionListenerFactory>(provider => provider.GetRequiredService<EventTransport>());
    }

    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint && OperatingSystem.IsLinux();

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        Socket socket;
        try
        {
            socket = _options.CreateBoundListenSocket(endpoint);
        }
        catch (SocketException failure) when (failure.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(failure.Message, failure);
        }
        socket.Listen(_options.Backlog);
        return new(new Listener(socket, _options.NoDelay, memory.Create()));
    }

    private sealed class Listener(Socket socket, bool noDelay, MemoryPool<byte> memory) : IConnectionListener
    {
        public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (true)
            {
                Socket? accepted = null;
                try
                {
                    accepted = await socket.AcceptAsync(cancellationToken);
                    accepted.NoDelay = noDelay;
                    return new EventConnection(accepted, memory);
                }
                catch (ObjectDisposedException)
                {
                    return null; // unbound
                }
                catch (SocketException failure) when (failure.SocketErrorCode == SocketError.OperationAborted)
                {
                    return null;
                }
                catch (SocketException)
                {
                    accepted?.Dispose(); // the client has gone again, or there is no room for it
                }
            }
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            socket.Dispose();
            return default;
        }

        public ValueTask DisposeAsync()
        {
            socket.Dispose();
            memory.Dispose();
            return default;
        }
    }
}
