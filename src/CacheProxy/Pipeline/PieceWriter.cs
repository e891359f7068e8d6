using CacheProxy.Fetching;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Pipeline;

/// <summary>
/// Writes a body to one client piece by piece. From the first piece on that the client does not take at once, what it holds in memory
/// counts in the <see cref="DeliveryBudget"/>, which may cut it off.
/// </summary>
internal sealed class PieceWriter : IDisposable
{
    /// <summary>The server copies what it cannot send at once; a body up to this length is all in its buffer, and nothing of ours is held.</summary>
    private const int Uncounted = 64 << 10;

    private readonly HttpContext _client;
    private readonly DeliveryBudget _budget;
    private readonly Body? _body;
    private readonly Recording? _recording;
    private readonly CancellationTokenSource? _end;
    private readonly CancellationTokenRegistration _aborted;
    private long _turn;
    private bool _isSlow;
    private volatile bool _isCut;

    private PieceWriter(HttpContext client, DeliveryBudget budget, Body? body, Recording? recording, long length)
    {
        _client = client;
        _budget = budget;
        _body = body;
        _recording = recording;
        if (length <= Uncounted)
            return;
        _end = new CancellationTokenSource(); // never disposed: it may be cut at the very moment in which it ends by itself
        _aborted = client.RequestAborted.UnsafeRegister(static end => ((CancellationTokenSource)end!).Cancel(), _end);
    }

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

    /// <summary>Writes a piece.</summary>
    /// <returns>Whether the client takes more.</returns>
    public async ValueTask<bool> WriteAsync(ReadOnlyMemory<byte> piece)
    {
        var written = _client.Response.BodyWriter.WriteAsync(piece, _end?.Token ?? _client.RequestAborted);
        if (_end is not null && (_isSlow || !written.IsCompleted))
            OnSlow();
        try
        {
            return await written is { IsCompleted: false, IsCanceled: false };
        }
        catch (OperationCanceledException) when (_isCut)
        {
            return false;
        }
        finally
        {
            if (_isCut)
                _client.Abort();
        }
    }

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
