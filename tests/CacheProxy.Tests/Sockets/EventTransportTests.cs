using System.Buffers;
using System.Net;
using System.Net.Sockets;
using CacheProxy.Sockets;
using CacheProxy.Tests.Scenarios;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using static CacheProxy.Tests.Sockets.BareTransportExtensions;

namespace CacheProxy.Tests.Sockets;

/// <summary>The listener, and what goes through its connections.</summary>
public class EventTransportTests
{
    [Fact]
    public async Task Everything_goes_through_both_ways_whatever_the_pieces()
    {
        await using var transport = await BareTransport.StartAsync();
        var echoes = new List<Task>();
        for (var seed = 0; seed < 4; seed++)
            echoes.Add(EchoAsync(await transport.ConnectAsync(small: true), seed));
        await Task.WhenAll(echoes);
    }

    [Fact]
    public async Task Nobody_sees_the_bytes_of_another()
    {
        await using var transport = await BareTransport.StartAsync();
        var endpoint = transport.EndPoint;
        var serving = Task.Run(async () =>
        {
            for (var i = 0; i < 600; i++)
            {
                var connection = await transport.Listener.AcceptAsync();
                _ = Task.Run(() => AnswerAsync(connection!));
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 6).Select(worker => Task.Run(async () =>
        {
            for (var i = 0; i < 100; i++)
                await AskAsync(endpoint, (worker * 1000) + i);
        }))).InTimeAsync("all answers");
        await serving.InTimeAsync("all connections");

        static async Task AskAsync(IPEndPoint endpoint, int id)
        {
            using var client = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            await client.ConnectAsync(endpoint);
            var bytes = Enumerable.Repeat(id, 500 + (id % 7 * 700)).SelectMany(BitConverter.GetBytes).ToArray();
            await client.SendAllAsync(bytes);
            switch (id % 3)
            {
                case 0:
                    client.Shutdown(SocketShutdown.Send);
                    (await client.ReceiveAllAsync()).AsSpan().SequenceEqual(bytes).ShouldBeTrue();
                    break;
                case 1:
                    (await client.ReceiveAllAsync(bytes.Length)).AsSpan().SequenceEqual(bytes).ShouldBeTrue();
                    break;
                default:
                    client.Reset();
                    break;
            }
        }

        static async Task AnswerAsync(ConnectionContext connection)
        {
            try
            {
                while (await connection.Transport.Input.ReadAsync() is { IsCompleted: false } read)
                {
                    foreach (var piece in read.Buffer)
                        await connection.Transport.Output.WriteAsync(piece);
                    connection.Transport.Input.AdvanceTo(read.Buffer.End);
                }
            }
            catch (ConnectionResetException)
            {
                // as one of three does
            }
            await connection.DisposeAsync();
        }
    }

    [Fact]
    public async Task An_address_in_use_is_said_to_be()
    {
        await using var transport = await BareTransport.StartAsync();
        await Should.ThrowAsync<AddressInUseException>(() => BareTransport.StartAsync(endpoint: transport.EndPoint));
    }

    [Fact]
    public async Task Unbinding_ends_the_accepting_and_no_connection()
    {
        await using var transport = await BareTransport.StartAsync();
        var (client, server) = await transport.ConnectAsync();
        var accepting = transport.Listener.AcceptAsync().AsTask();
        await transport.Listener.UnbindAsync();
        (await accepting.InTimeAsync("the end of accepting")).ShouldBeNull();
        (await transport.Listener.AcceptAsync()).ShouldBeNull();

        await client.SendAllAsync("ping"u8.ToArray());
        (await server.NextAsync()).Buffer.ToArray().ShouldBe("ping"u8.ToArray());
        await server.Transport.Output.WriteAsync("pong"u8.ToArray());
        (await client.ReceiveAllAsync(4)).ShouldBe("pong"u8.ToArray());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task NoDelay_is_honoured(bool noDelay)
    {
        await using var transport = await BareTransport.StartAsync(options => options.NoDelay = noDelay);
        var (_, server) = await transport.ConnectAsync();
        server.Features.Get<IConnectionSocketFeature>()!.Socket.NoDelay.ShouldBe(noDelay);
    }

    [Fact]
    public async Task The_listening_socket_and_its_backlog_are_the_users()
    {
        Socket? made = null;
        await using var transport = await BareTransport.StartAsync(options =>
        {
            options.Backlog = 1;
            options.CreateBoundListenSocket = endpoint =>
            {
                made = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
                made.ReceiveBufferSize = 4096; // inherited by what it accepts
                return made;
            };
        });
        ((IPEndPoint)made!.LocalEndPoint!).ShouldBe(transport.EndPoint);
        var (_, server) = await transport.ConnectAsync();
        server.Features.Get<IConnectionSocketFeature>()!.Socket.ReceiveBufferSize.ShouldBe(made.ReceiveBufferSize);

        // Linux lets one more than the backlog in; who comes after them waits.
        var clients = Enumerable.Range(0, 4).Select(_ => new Socket(SocketType.Stream, ProtocolType.Tcp)).ToList();
        var connecting = clients.ConvertAll(client => client.ConnectAsync(transport.EndPoint));
        await Eventually.TrueAsync(() => connecting.Count(connect => connect.IsCompleted) >= 2, "as many are in as may wait");
        connecting.Count(connect => connect.IsCompleted).ShouldBe(2);
        clients.ForEach(client => client.Dispose());
        await Task.WhenAll(connecting).ContinueWith(_ => { }, TaskScheduler.Default);
    }

    [Fact]
    public async Task A_connection_has_its_addresses_and_features()
    {
        await using var transport = await BareTransport.StartAsync(endpoint: new IPEndPoint(IPAddress.IPv6Loopback, 0));
        var (client, server) = await transport.ConnectAsync();
        server.LocalEndPoint.ShouldBe(client.RemoteEndPoint);
        server.RemoteEndPoint.ShouldBe(client.LocalEndPoint);
        server.ConnectionId.ShouldNotBeNullOrEmpty();
        await client.SendAllAsync("six"u8.ToArray());
        (await server.NextAsync()).Buffer.ToArray().ShouldBe("six"u8.ToArray());
    }

    [Fact]
    public void All_but_IP_is_left_to_others()
    {
        var transport = new EventTransport(new OptionsWrapper<SocketTransportOptions>(new SocketTransportOptions()), new BareTransport(), NullLogger<EventTransport>.Instance);
        transport.CanBind(new UnixDomainSocketEndPoint("/tmp/unbound")).ShouldBeFalse();
        transport.CanBind(new FileHandleEndPoint(3, FileHandleType.Tcp)).ShouldBeFalse();
        transport.CanBind(new IPEndPoint(IPAddress.IPv6Any, 80)).ShouldBe(OperatingSystem.IsLinux());
    }

    /// <summary>The server echoes in pieces of its own; the client sends all before it reads.</summary>
    private static async Task EchoAsync((Socket Client, ConnectionContext Server) pair, int seed)
    {
        var (client, server) = pair;
        var random = new Random(seed);
        var sent = new byte[2_000_000 + random.Next(1_000_000)];
        random.NextBytes(sent);
        var kept = new List<byte[]>();
        var echoing = Task.Run(async () =>
        {
            for (var length = 0; length < sent.Length;)
            {
                var read = await server.NextAsync();
                var consumed = random.Next((int)read.Buffer.Length) + 1;
                var isAllHere = length + read.Buffer.Length == sent.Length;
                kept.Add(read.Buffer.Slice(0, consumed).ToArray());
                length += consumed;
                server.Transport.Input.AdvanceTo(read.Buffer.GetPosition(consumed), read.Buffer.GetPosition(random.Next(3) > 0 || isAllHere ? consumed : read.Buffer.Length));
            }
            foreach (var piece in kept)
            {
                server.Transport.Output.Write(piece);
                if (random.Next(40) == 0)
                    await server.Transport.Output.FlushAsync().AsTask().InTimeAsync("a flush");
            }
            await server.Transport.Output.FlushAsync().AsTask().InTimeAsync("the last flush");
        });
        for (var at = 0; at < sent.Length;)
        {
            var length = Math.Min(random.Next(100_000) + 1, sent.Length - at);
            await client.SendAllAsync(sent.AsMemory(at, length));
            at += length;
        }
        var echoed = await client.ReceiveAllAsync(sent.Length);
        echoed.AsSpan().SequenceEqual(sent).ShouldBeTrue();
        await echoing;
    }
}
