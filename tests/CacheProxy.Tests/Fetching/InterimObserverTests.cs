using System.IO.Pipelines;
using System.Text;
using CacheProxy.Fetching;

namespace CacheProxy.Tests.Fetching;

public sealed class InterimObserverTests : IDisposable
{
    private readonly Pipe _toOrigin = new();
    private readonly Pipe _fromOrigin = new();
    private readonly InterimObserver _observer;

    public InterimObserverTests() => _observer = new InterimObserver(new Duplex(_fromOrigin.Reader.AsStream(), _toOrigin.Writer.AsStream()));

    public void Dispose() => _observer.Dispose();

    [Fact]
    public async Task Each_request_hears_what_answers_it()
    {
        var (first, second) = (new Heard(), new Heard());
        await WriteAsync(first, "GET / HTTP/1.1\r\n\r\n");
        await AnswerAsync("HTTP/1.1 103 A\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
        await AnswerAsync("HTTP/1.1 103 body\r\n\r\n");
        await WriteAsync(null, "GET / HTTP/1.1\r\n\r\n");
        await AnswerAsync("HTTP/1.1 103 nobody\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
        await WriteAsync(second, "GET / HTTP/1.1\r\n\r\n");
        await AnswerAsync("HTTP/1.1 103 B\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
        first.Heads.ShouldBe(["HTTP/1.1 103 A\r\n\r\n"]);
        second.Heads.ShouldBe(["HTTP/1.1 103 B\r\n\r\n"]);
    }

    [Fact]
    public async Task Body_of_a_request_does_not_make_a_head_of_what_the_origin_is_saying()
    {
        var sink = new Heard();
        await WriteAsync(sink, "POST / HTTP/1.1\r\n\r\n");
        await AnswerAsync("HTTP/1.1 200 OK\r\n\r\n");
        await WriteAsync(sink, "HTTP/1.1 103 echo\r\n\r\n");
        await AnswerAsync("HTTP/1.1 103 echo\r\n\r\n");
        sink.Heads.ShouldBeEmpty();
    }

    [Fact]
    public async Task Read_that_began_before_the_write_is_heard()
    {
        var sink = new Heard();
        var ahead = _observer.ReadAsync(new byte[1000], TestContext.Current.CancellationToken);
        await WriteAsync(sink, "GET / HTTP/1.1\r\n\r\n");
        await _fromOrigin.Writer.WriteAsync("HTTP/1.1 103 A\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        await ahead;
        sink.Heads.ShouldBe(["HTTP/1.1 103 A\r\n\r\n"]);
    }

    [Fact]
    public async Task Nothing_is_changed_on_the_way()
    {
        await WriteAsync(new Heard(), "GET / HTTP/1.1\r\n\r\n");
        const string answer = "HTTP/1.1 103 A\nX\r\n\r\n\u0000\u00ffHTTP/1.1 103 A\r\nContent-Length: 3\r\n\r\n";
        (await AnswerAsync(answer)).ShouldBe(answer);
        (await _toOrigin.Reader.ReadAsync(TestContext.Current.CancellationToken)).Buffer.Length.ShouldBe("GET / HTTP/1.1\r\n\r\n".Length);
    }

    private async Task WriteAsync(InterimSink? sink, string text)
    {
        InterimSink.Current = sink;
        await _observer.WriteAsync(Encoding.Latin1.GetBytes(text));
    }

    private async Task<string> AnswerAsync(string text)
    {
        await _fromOrigin.Writer.WriteAsync(Encoding.Latin1.GetBytes(text));
        var bytes = new byte[text.Length];
        await _observer.ReadExactlyAsync(bytes);
        return Encoding.Latin1.GetString(bytes);
    }

    private sealed class Heard : InterimSink
    {
        public List<string> Heads { get; } = [];

        public override void Offer(byte[] head) => Heads.Add(Encoding.Latin1.GetString(head));
    }

    private sealed class Duplex(Stream read, Stream write) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => read.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => write.WriteAsync(buffer, cancellationToken);

        public override void Flush() => write.Flush();

        public override int Read(byte[] buffer, int offset, int count) => read.Read(buffer, offset, count);

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => write.Write(buffer, offset, count);
    }
}
