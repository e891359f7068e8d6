using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using CacheProxy.Pipeline;
using CacheProxy.Tests.Scenarios;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace CacheProxy.Tests.Pipeline;

public sealed class InterimRelayTests
{
    private static readonly RouteSettings Asking = RouteSettings.From(new CacheProxyOptions(), new RouteCacheOptions { PassInterimResponses = true });

    private readonly Connection _connection = new();
    private readonly ManualTime _time = new();

    [Fact]
    public async Task Response_waits_for_the_hint_that_is_being_written_and_none_comes_after_it()
    {
        var relay = InterimRelay.Begin(Context(), Asking, _time)!;
        relay.Offer("one"u8.ToArray());
        relay.Offer("two"u8.ToArray()); // the client has not taken the first: dropped
        var closing = relay.CloseAsync();
        closing.IsCompleted.ShouldBeFalse();
        (await TakeAsync()).ShouldBe("one");
        await closing;
        relay.Offer("three"u8.ToArray());
        _connection.Pipe.Writer.Complete();
        (await TakeAsync()).ShouldBe("");
    }

    [Fact]
    public async Task Client_that_does_not_read_is_cut_off_in_the_end()
    {
        var context = Context();
        var relay = InterimRelay.Begin(context, Asking, _time)!;
        relay.Offer("one"u8.ToArray());
        var closing = relay.CloseAsync();
        _time.Advance(TimeSpan.FromSeconds(6));
        await closing;
        _connection.IsAborted.ShouldBeTrue();
    }

    [Fact]
    public async Task Client_that_is_gone_is_nobodys_trouble()
    {
        var relay = InterimRelay.Begin(Context(), Asking, _time)!;
        _connection.Pipe.Writer.Complete();
        relay.Offer("one"u8.ToArray());
        await relay.CloseAsync();
    }

    [Theory]
    [InlineData("HTTP/1.1", "", true)]
    [InlineData("HTTP/1.0", "", false)]
    [InlineData("HTTP/2", "", false)]
    [InlineData("HTTP/3", "", false)]
    [InlineData("HTTP/1.1", "Expect", false)] // the server itself may write 100
    [InlineData("HTTP/1.1", "Upgrade", false)]
    public void Only_a_connection_that_the_server_leaves_alone_is_written_to(string protocol, string field, bool expected)
    {
        var context = Context();
        context.Request.Protocol = protocol;
        if (field.Length > 0)
            context.Request.Headers[field] = "x";
        (InterimRelay.Begin(context, Asking, _time) is not null).ShouldBe(expected);
        InterimRelay.Begin(context, RouteSettings.From(new CacheProxyOptions()), _time).ShouldBeNull();
    }

    private DefaultHttpContext Context()
    {
        var context = new DefaultHttpContext();
        context.Request.Protocol = "HTTP/1.1";
        context.Features.Set<IConnectionTransportFeature>(_connection);
        context.Features.Set<IHttpRequestLifetimeFeature>(_connection);
        return context;
    }

    private async Task<string> TakeAsync()
    {
        var read = await _connection.Pipe.Reader.ReadAsync(TestContext.Current.CancellationToken);
        var text = Encoding.Latin1.GetString(read.Buffer.ToArray());
        _connection.Pipe.Reader.AdvanceTo(read.Buffer.End);
        return text;
    }

    private sealed class Connection : IConnectionTransportFeature, IDuplexPipe, IHttpRequestLifetimeFeature
    {
        /// <summary>Full with the first byte.</summary>
        public Pipe Pipe { get; } = new(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1, useSynchronizationContext: false));

        public bool IsAborted { get; private set; }

        public IDuplexPipe Transport { get => this; set => throw new NotSupportedException(); }

        public PipeReader Input => throw new NotSupportedException();

        public PipeWriter Output => Pipe.Writer;

        public CancellationToken RequestAborted { get; set; }

        public void Abort() => IsAborted = true;
    }
}
