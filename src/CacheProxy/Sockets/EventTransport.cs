using System.Buffers;
using System.Net;
using System.Net.Sockets;
using CacheProxy.Diagnostics;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CacheProxy.Sockets;

/// <summary>
/// Kestrel's sockets by <see cref="EventLoop"/>: on Linux, for IP addresses. All else is left to the transport that is registered before it.
/// </summary>
internal sealed class EventTransport(IOptions<SocketTransportOptions> options, IMemoryPoolFactory<byte> memory, ILogger<EventTransport> logger)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    /// <summary>Between two looks whether there is room for a connection again.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Between two words on there being none, in milliseconds.</summary>
    private const long Silence = 60_000;

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
        return new(new Listener(socket, _options.NoDelay, memory.Create(), logger));
    }

    private sealed class Listener(Socket socket, bool noDelay, MemoryPool<byte> memory, ILogger logger) : IConnectionListener
    {
        private long _silentUntil;

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
                catch (SocketException failure)
                {
                    accepted?.Dispose(); // the client has gone again, or there is no room for it
                    if (failure.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable)
                        await RoomAsync(cancellationToken);
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

        /// <summary>The client waits in the backlog: to ask for it again at once would fail at once, over and over.</summary>
        private Task RoomAsync(CancellationToken cancellationToken)
        {
            if (Environment.TickCount64 >= _silentUntil)
            {
                Log.NoRoomForConnections(logger);
                _silentUntil = Environment.TickCount64 + Silence;
            }
            return Task.Delay(Pause, cancellationToken);
        }
    }
}
