namespace CacheProxy.Coherence;

/// <summary>The order of one node without others: a count.</summary>
internal sealed class InProcessOrder : IOrder
{
    private static readonly long[] None = new long[4];

    private OrderPlace _now = new(new Position(Position.GenerationAfter(0), 0), 0);

    public bool IsInProcess => true;

    public bool IsReachable => true;

    public OrderPlace Now => _now;

    public ValueTask StartAsync(string node, Action ring) => ValueTask.CompletedTask;

    /// <remarks>Exchanges come one after another.</remarks>
    public ValueTask<OrderAnswer?> ExchangeAsync(OrderQuestion question)
    {
        var entries = new OrderEntry[question.Append.Count];
        for (var i = 0; i < entries.Length; i++)
        {
            _now = _now with { Position = _now.Position with { Sequence = _now.Position.Sequence + 1 } };
            entries[i] = question.Append[i] with { Place = _now };
        }
        return ValueTask.FromResult<OrderAnswer?>(new OrderAnswer(OrderAnswerKind.Next, _now, entries, HasMore: false, None, None, []));
    }

    public ValueTask<byte[]?> ReadMarksAsync(MarkStrength strength) => ValueTask.FromResult<byte[]?>([]);

    public ValueTask LeaveAsync(string node) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
