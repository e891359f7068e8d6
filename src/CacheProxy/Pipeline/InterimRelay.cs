using System.IO.Pipelines;
using CacheProxy.Fetching;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Pipeline;

/// <summary>
/// Writes interim responses to the client whose request is on its way to the origin, before its own response begins. The server has no call
/// for that, so they are written to the connection under it, at the only time when the server leaves it alone.
/// </summary>
/// <remarks>
/// Between the head of a request and the start of its response Kestrel writes nothing on an HTTP/1.1 connection but <c>100 Continue</c>, which
/// only a request with Expect gets: it reads a request when the response before has been flushed, and calls those who want to know before it
/// writes a response. A write of ours is over before that start goes on; after it there is none.
/// </remarks>
internal sealed class InterimRelay : InterimSink
{
    private const int Idle = 0, Writing = 1, Closed = 2;

    /// <summary>For so long a client may hold up its own response by not reading.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly HttpContext _context;
    private readonly PipeWriter _output;
    private readonly TimeProvider _time;
    private TaskCompletionSource? _written;
    private int _state;

    private InterimRelay(HttpContext context, PipeWriter output, TimeProvider time)
    {
        _context = context;
        _output = output;
        _time = time;
    }

    /// <summary>A relay for the request, where its route asks for one and its client can have one: HTTP/1.1, nothing else going on on its connection.</summary>
    public static InterimRelay? Begin(HttpContext context, RouteSettings settings, TimeProvider time)
    {
        if (!settings.PassInterimResponses)
            return null;
        var request = context.Request;
        if (request.Protocol != "HTTP/1.1" || request.Headers.Expect.Count > 0 || !StringValues.IsNullOrEmpty(request.Headers.Upgrade)
            || context.Response.HasStarted || context.Features.Get<IConnectionTransportFeature>() is not { } connection)
            return null;
        var relay = new InterimRelay(context, connection.Transport.Output, time);
        context.Response.OnStarting(static state => ((InterimRelay)state).CloseAsync(), relay);
        return relay;
    }

    /// <summary>Sends it on, unless the response has begun or the one before is still on its way: it is a hint, not worth waiting for.</summary>
    public override void Offer(byte[] head)
    {
        if (Interlocked.CompareExchange(ref _state, Writing, Idle) == Idle)
            _ = WriteAsync(head);
    }

    /// <summary>From now on nothing is written, and nothing is being written. To be awaited before anything else may write; again, it does nothing.</summary>
    public Task CloseAsync()
    {
        _written ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return Interlocked.Exchange(ref _state, Closed) == Writing ? WaitAsync() : Task.CompletedTask;
    }

    private async Task WaitAsync()
    {
        try
        {
            await _written!.Task.WaitAsync(Patience, _time);
        }
        catch (TimeoutException)
        {
            _context.Abort(); // which ends the write as well
        }
    }

    private async Task WriteAsync(byte[] head)
    {
        try
        {
            await _output.WriteAsync(head);
        }
        catch (Exception)
        {
            // The client is gone; its response will find out.
        }
        if (Interlocked.CompareExchange(ref _state, Idle, Writing) == Closed)
            _written!.SetResult();
    }
}
