using System.Text;
using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Storage;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Tests.Storage;

/// <summary>A stored response as bytes, and back.</summary>
public sealed class StoredResponseTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 5, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Lines_are_what_an_answer_says_and_a_304_has_none_of_the_body()
    {
        var stored = Store([1, 2, 3],
            new("Content-Type", "text/plain"), new("ETag", "\"a\""), new("Content-Length", "3"), new("CacheProxy-Cache-Control", "max-age=5"),
            new("Content-Location", "/x"), new("Link", new StringValues(["<a>", "<b>"])), new("X-Empty", ""), new("X-Latin", "caf\u00e9"));
        const string any = "ETag: \"a\"\r\nContent-Location: /x\r\nLink: <a>\r\nLink: <b>\r\nX-Empty: \r\nX-Latin: caf\u00e9\r\n";
        Text(stored.LinesOfNotModified).ShouldBe(any);
        Text(stored.Lines).ShouldBe(any + "Content-Type: text/plain\r\n");
        Text(stored.EntityTag).ShouldBe("\"a\"");
        stored.BlockBody.ToArray().ShouldBe([1, 2, 3]);
    }

    [Fact]
    public void Head_reads_as_it_was_stored()
    {
        var stored = Store([], new("Link", new StringValues(["<a>", "<b>"])), new("Last-Modified", "Mon, 05 Jan 2026 11:00:00 GMT"), new("X-Empty", ""),
            new("CacheProxy-Cache-Control", "max-age=5"));
        var head = stored.ReadHead();
        (head.StatusCode, head.ReasonPhrase, head.ReceivedAt).ShouldBe((203, "So to say", Now));
        head["link"].ShouldBe(new StringValues(["<a>", "<b>"]));
        head["X-Empty"].ShouldBe(new StringValues(""));
        head.LastModified.ShouldBe(Now.AddHours(-1));
        head.CacheControl.MaxAge.ShouldBe(TimeSpan.FromSeconds(5));
        stored.Facts.CacheControl.ShouldBe(head.CacheControl);
        stored.Facts.LastModified.ShouldBe(head.LastModified);
        (stored.EntityTag.Length, stored.Facts.HasEntityTag).ShouldBe((0, false));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(StoredResponse.LargestBlockBody, false)]
    [InlineData(StoredResponse.LargestBlockBody + 1, true)]
    public void Large_body_lies_apart(int length, bool isApart)
    {
        var body = new byte[length];
        new Random(1).NextBytes(body);
        var stored = Store(body, new KeyValuePair<string, StringValues>("ETag", "\"a\""));
        (stored.LargeBody is not null).ShouldBe(isApart);
        stored.BodyLength.ShouldBe(length);
        Responses.Bytes(stored).ShouldBe(body);
        Text(stored.Lines).ShouldBe("ETag: \"a\"\r\n");
    }

    [Fact]
    public void Released_block_cannot_be_held_again()
    {
        var stored = Store([1]);
        stored.TryHold().ShouldBeTrue();
        stored.Release();
        stored.TryHold().ShouldBeTrue(); // its maker still holds it
        stored.Release();
        stored.Release();
        stored.TryHold().ShouldBeFalse();
        Should.Throw<InvalidOperationException>(stored.Release);
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);

    private static StoredResponse Store(byte[] body, params KeyValuePair<string, StringValues>[] fields) =>
        new(new ResponseHead(203, "So to say", fields, Now), new Body(body.Length == 0 ? [] : [body], body.Length))
        {
            ResponseTime = Now,
            InitialAge = TimeSpan.Zero,
            FreshnessLifetime = TimeSpan.FromSeconds(60),
            VaryFields = [],
            VaryValues = [],
            Fence = new Fence("a", Array.Empty<string>(), 1),
        };
}
