using System.Net;
using System.Runtime.CompilerServices;
using CacheProxy.Http;

namespace CacheProxy.Fetching;

/// <summary>
/// A connection to an origin whose interim responses are wanted: .NET's client reads them and keeps them to itself. The bytes go by unchanged;
/// those that answer a request are shown to an <see cref="InterimReader"/> on the way.
/// </summary>
/// <remarks>
/// What is written first for another <see cref="InterimSink"/> than before begins a request; what is read after that is its response. A
/// further write for the same one, of a body, begins nothing: the origin may have answered already, and the bytes of a body must never be
/// read as a head. The client uses a connection for one request at a time, and reads ahead while it is idle: that read ends after the write.
/// </remarks>
internal sealed class InterimObserver(Stream connection) : Stream
{
    private volatile Watch? _watch;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>For <see cref="SocketsHttpHandler.PlaintextStreamFilter"/>: HTTP/2 keeps its connection as it is.</summary>
    public static ValueTask<Stream> Filter(SocketsHttpPlaintextStreamFilterContext context, CancellationToken cancellation) =>
        new(context.NegotiatedHttpVersion == HttpVersion.Version11 ? new InterimObserver(context.PlaintextStream) : context.PlaintextStream);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await connection.ReadAsync(buffer, cancellationToken);
        _watch?.Observe(buffer.Span[..count]);
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(Span<byte> buffer)
    {
        var count = connection.Read(buffer);
        _watch?.Observe(buffer[..count]);
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        BeforeWrite();
        return connection.WriteAsync(buffer, cancellationToken);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        BeforeWrite();
        return connection.WriteAsync(buffer, offset, count, cancellationToken);
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        BeforeWrite();
        connection.Write(buffer);
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override Task FlushAsync(CancellationToken cancellationToken) => connection.FlushAsync(cancellationToken);

    public override void Flush() => connection.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            connection.Dispose();
        base.Dispose(disposing);
    }

    private void BeforeWrite()
    {
        var sink = InterimSink.Current;
        if (!ReferenceEquals(sink, _watch?.Sink))
            _watch = sink is null ? null : new Watch(sink);
    }

    /// <summary>One request on this connection.</summary>
    private sealed class Watch(InterimSink sink)
    {
        private readonly InterimReader _reader = new();

        public InterimSink Sink => sink;

        public void Observe(ReadOnlySpan<byte> bytes)
        {
            while (!bytes.IsEmpty && !_reader.IsOver)
            {
                bytes = bytes[_reader.Read(bytes, out var head)..];
                if (head is not null)
                    sink.Offer(head);
            }
        }
    }
}
