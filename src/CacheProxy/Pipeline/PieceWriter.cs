using System.IO.Pipelines;
using CacheProxy.Fetching;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace CacheProxy.Pipeline;

/// <summary>
/// Writes a body to one client piece by piece. From the first piece on that the client does not take at once, what it holds in memory
/// counts in the <see cref="DeliveryBudget"/>, which may cut it off.
/// </summary>
internal sealed class PieceWriter : IDisposable
{
    /// <summary>The server copies what it cannot send at once; a body up to this length is all in its buffer, and nothing of ours is held.</summary>
    private const int Uncounted = StoredResponse.LargestBlockBody;

    /// <summary>However slow a client may be: what the kernel holds for it is minutes at any rate that is of use.</summary>
    private static readonly TimeSpan LongestPatience = TimeSpan.FromHours(2);

    private readonly HttpContext? _client;
    private readonly ConnectionContext? _connection;
    private readonly PipeWriter _output;
    private readonly CancellationToken _gone;
    private readonly MinDataRate? _rate;
    private readonly TimeProvider? _time;
    private readonly DeliveryBudget _budget;
    private readonly Body? _body;
    private readonly Recording? _recording;
    private readonly CancellationTokenSource? _end;
    private readonly CancellationTokenRegistration _aborted;
    private ITimer? _patience;
    private long _turn, _credit;
    private bool _isSlow;
    private volatile bool _isCut;

    private PieceWriter(HttpContext client, DeliveryBudget budget, Body? body, Recording? recording, long length)
        : this(client.Response.BodyWriter, budget, body, recording, length, client.RequestAborted) =>
        _client = client;

    private PieceWriter(PipeWriter output, DeliveryBudget budget, Body? body, Recording? recording, long length, CancellationToken gone)
    {
        _output = output;
        _gone = gone;
        _budget = budget;
        _body = body;
        _recording = recording;
        if (length <= Uncounted)
            return;
        _end = new CancellationTokenSource(); // never disposed: it may be cut at the very moment in which it ends by itself
        _aborted = gone.UnsafeRegister(static end => ((CancellationTokenSource)end!).Cancel(), _end);
    }

    private PieceWriter(ConnectionContext connection, PipeWriter output, MinDataRate? rate, TimeProvider time, DeliveryBudget budget, Body body)
        : this(output, budget, body, null, body.Length, connection.ConnectionClosed) =>
        (_connection, _rate, _time) = (connection, rate, time);

    /// <summary>The one thing in memory that it reads from: counted once, whoever else reads it.</summary>
    public object Source => (object?)(_body ?? _recording!.Body) ?? _recording!;

    /// <summary>Bytes that it keeps in memory and that neither the store nor the budget of recordings counts.</summary>
    public long HeldBytes => _recording?.HeldBytes ?? (_body!.IsStored ? 0 : _body.Length);

    /// <summary>When it last gave its client something, in the budget's order.</summary>
    public long Turn => Volatile.Read(ref _turn);

    /// <param name="client">Whom it writes to.</param>
    /// <param name="budget">Where it counts when the client is slow.</param>
    /// <param name="body">A stored body.</param>
    public static PieceWriter Of(HttpContext client, DeliveryBudget budget, Body body) => new(client, budget, body, null, body.Length);

    /// <param name="client">Whom it writes to.</param>
    /// <param name="budget">Where it counts when the client is slow.</param>
    /// <param name="recording">A body that still arrives, or has just done so.</param>
    /// <param name="length">Its length if that is known.</param>
    public static PieceWriter Of(HttpContext client, DeliveryBudget budget, Recording recording, long? length) =>
        new(client, budget, null, recording, length ?? long.MaxValue);

    /// <param name="connection">Whom it writes to, below the server's HTTP layer.</param>
    /// <param name="output">Where it is written.</param>
    /// <param name="rate">How fast the client has to take each piece; <c>null</c>: as slowly as it likes.</param>
    /// <param name="time">What that is measured by.</param>
    /// <param name="budget">Where it counts when the client is slow.</param>
    /// <param name="body">A stored body of more than 64 KiB.</param>
    public static PieceWriter Of(ConnectionContext connection, PipeWriter output, MinDataRate? rate, TimeProvider time, DeliveryBudget budget, Body body) =>
        new(connection, output, rate, time, budget, body);

    /// <summary>Writes a piece.</summary>
    /// <returns>Whether the client takes more.</returns>
    public async ValueTask<bool> WriteAsync(ReadOnlyMemory<byte> piece)
    {
        var written = _output.WriteAsync(piece, _end?.Token ?? _gone);
        if (_end is not null && (_isSlow || !written.IsCompleted))
            OnSlow();
        if (!written.IsCompleted)
            WaitFor(piece.Length);
        var isTaken = false;
        try
        {
            isTaken = await written is { IsCompleted: false, IsCanceled: false };
            return isTaken;
        }
        catch (OperationCanceledException) when (_isCut || _connection is not null)
        {
            return false;
        }
        finally
        {
            _patience?.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            if (_isCut || (_connection is not null && !isTaken)) // below HTTP nobody else knows that the body is cut
                Abort();
        }
    }

    /// <summary>The client's kernel was given so many bytes besides the pieces: it may have to take them before it takes the next.</summary>
    public void OnSent(long bytes) => _credit += bytes;

    /// <summary>Cuts the client off: its connection, or its HTTP/2 stream, is aborted. Nothing happens when it has all of it already.</summary>
    public void Cut()
    {
        _isCut = true;
        _ = _end!.CancelAsync(); // whatever continues, continues elsewhere
    }

    public void Dispose()
    {
        if (_isSlow)
            _budget.Leave(this);
        _aborted.Dispose();
        _patience?.Dispose();
    }

    /// <summary>It waits for its client, but not longer than the least rate allows for all that was given to it since it last waited.</summary>
    private void WaitFor(int bytes)
    {
        if (_rate is not { } rate)
            return;
        var seconds = Math.Min(rate.GracePeriod.TotalSeconds + ((_credit + bytes) / rate.BytesPerSecond), LongestPatience.TotalSeconds);
        _credit = 0;
        _patience ??= _time!.CreateTimer(static writer => ((PieceWriter)writer!).Cut(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _patience.Change(TimeSpan.FromSeconds(seconds), Timeout.InfiniteTimeSpan);
    }

    private void Abort()
    {
        _client?.Abort();
        _connection?.Abort(new ConnectionAbortedException("The client took the body too slowly."));
    }

    private void OnSlow()
    {
        Volatile.Write(ref _turn, _budget.NextTurn());
        if (_isSlow)
            return;
        _isSlow = true;
        _budget.Enter(this);
    }
}
