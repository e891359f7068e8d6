using System.Buffers;
using System.Text;
using CacheProxy.Wire;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Internal.Http;
using HttpMethod = Microsoft.AspNetCore.Server.Kestrel.Core.Internal.Http.HttpMethod;
using HttpVersion = Microsoft.AspNetCore.Server.Kestrel.Core.Internal.Http.HttpVersion;

namespace CacheProxy.Tests.Wire;

/// <summary>What is taken for a plain request, and that Kestrel's own parser reads the same.</summary>
public sealed class PlainRequestTests
{
    private static readonly NeutralFields Fields = new(["X-Request-ID"]);

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "/", "a")]
    [InlineData("GET /x?y=%20 HTTP/1.1\r\nhost:a.b-c:8080\r\nUSER-AGENT:  \r\n\r\nGET", "/x?y=%20", "a.b-c:8080")]
    [InlineData("GET / HTTP/1.1\r\nHost: 127.0.0.1:5000 \r\nConnection: KEEP-alive\r\n\r\n", "/", "127.0.0.1:5000")]
    [InlineData("GET / HTTP/1.1\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nHost: a\r\nCookie: x\r\n\r\n", "/", "a")]
    public void Plain(string text, string target, string host)
    {
        PlainRequest.TryRead(Encoding.Latin1.GetBytes(text), 100, Fields, out var request).ShouldBeTrue();
        Encoding.ASCII.GetString(request.Target).ShouldBe(target);
        Encoding.ASCII.GetString(request.Host).ShouldBe(host);
        text[..request.Length].ShouldEndWith("\r\n\r\n");
        text[request.Length..].ShouldBeOneOf("", "GET");
    }

    [Theory]
    [InlineData("")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\n\r\n")]
    [InlineData("GET / HTTP/1.1\nHost: a\r\n\r\n")]
    [InlineData("GET  / HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET / HTTP/1.0\r\nHost: a\r\n\r\n")]
    [InlineData("get / HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET * HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET /\u0001 HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET /\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost:\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: A\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a:80\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a:443\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a:\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost : a\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n User-Agent: folded\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nAccept: a\u0000b\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nAccept: a\rb\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, upgrade\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: 1\r\n\r\n")] // the operator says it is a credential
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: b\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: HTTPS\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4, 5.6.7.8\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: nobody\r\n\r\n")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
    [InlineData("\u0016\u0003\u0001")]
    public void Not_plain(string text) => PlainRequest.TryRead(Encoding.Latin1.GetBytes(text), 100, Fields, out _).ShouldBeFalse();

    [Fact]
    public void Limits_hold()
    {
        var many = "GET / HTTP/1.1\r\nHost: a\r\n" + string.Concat(Enumerable.Repeat("Accept: x\r\n", 9)) + "\r\n";
        PlainRequest.TryRead(Encoding.ASCII.GetBytes(many), 10, Fields, out _).ShouldBeTrue();
        PlainRequest.TryRead(Encoding.ASCII.GetBytes(many), 9, Fields, out _).ShouldBeFalse();
        var large = "GET / HTTP/1.1\r\nHost: a\r\nAccept: " + new string('x', PlainRequest.MaxBytes) + "\r\n\r\n";
        PlainRequest.TryRead(Encoding.ASCII.GetBytes(large), 10, Fields, out _).ShouldBeFalse();
    }

    /// <summary>For texts near the border between plain and not: what is taken here, Kestrel takes too, and reads the same in it.</summary>
    [Fact]
    public void Kestrels_parser_reads_the_same()
    {
        var random = new Random(20261121);
        var plain = 0;
        for (var round = 0; round < 40_000; round++)
        {
            var bytes = RequestTexts.Next(random);
            if (!PlainRequest.TryRead(bytes, 100, Fields, out var request))
                continue;
            plain++;
            var seen = new Seen();
            var reader = new SequenceReader<byte>(new ReadOnlySequence<byte>(bytes));
            var parser = new HttpParser<Seen>(showErrorDetails: true);
            var text = Encoding.Latin1.GetString(bytes);
            parser.ParseRequestLine(seen, ref reader).ShouldBeTrue(text);
            parser.ParseHeaders(seen, ref reader).ShouldBeTrue(text);
            reader.Consumed.ShouldBe(request.Length, text);
            seen.Target.ShouldBe(Encoding.ASCII.GetString(request.Target), text);
            (seen.Method, seen.Version).ShouldBe((HttpMethod.Get, HttpVersion.Http11), text);
            seen.Fields.Where(f => f.Name == "host").ShouldHaveSingleItem().Value.ShouldBe(Encoding.ASCII.GetString(request.Host), text);
            seen.Fields.Any(f => f.Name == "cookie").ShouldBe(request.HasCookie, text);
            seen.Fields.ShouldNotContain(f => f.Name == "content-length" || f.Name == "transfer-encoding" || f.Name == "upgrade" || f.Name == "expect" || f.Name == "range" || f.Name == "authorization", text);
            seen.Fields.Where(f => f.Name == "connection").ShouldAllBe(f => f.Value.Equals("keep-alive", StringComparison.OrdinalIgnoreCase), text);
        }
        plain.ShouldBeGreaterThan(4_000);
    }

    private sealed class Seen : IHttpRequestLineHandler, IHttpHeadersHandler
    {
        public HttpMethod Method { get; private set; }

        public HttpVersion Version { get; private set; }

        public string Target { get; private set; } = "";

        public List<(string Name, string Value)> Fields { get; } = [];

        public void OnStartLine(HttpVersionAndMethod versionAndMethod, TargetOffsetPathLength targetPath, Span<byte> startLine)
        {
            (Method, Version) = (versionAndMethod.Method, versionAndMethod.Version);
            Target = Encoding.Latin1.GetString(startLine[targetPath.Offset..]);
        }

        public void OnHeader(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) =>
            Fields.Add((Encoding.Latin1.GetString(name).ToLowerInvariant(), Encoding.Latin1.GetString(value)));

        public void OnHeadersComplete(bool endStream)
        {
        }

        public void OnStaticIndexedHeader(int index)
        {
        }

        public void OnStaticIndexedHeader(int index, ReadOnlySpan<byte> value)
        {
        }
    }
}
