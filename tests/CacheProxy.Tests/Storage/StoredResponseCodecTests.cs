using System.Text;
using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Storage;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Tests.Storage;

public sealed class StoredResponseCodecTests
{
    private const string Key = "https://shop.example/items/1?q=\u00e9";
    private static readonly DateTimeOffset Now = new(2026, 1, 5, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65536)]
    [InlineData(200_001)]
    public void What_is_encoded_is_decoded(int length)
    {
        var body = new byte[length];
        new Random(length).NextBytes(body);
        var given = Response(body, [new("Digest", "x")]);
        var (response, retention) = Decode(Encode(given))!.Value;
        response.ReadHead().StatusCode.ShouldBe(203);
        response.ReadHead().ReasonPhrase.ShouldBe("So to say");
        response.ReadHead().Fields.ToArray().ShouldBe(given.ReadHead().Fields.ToArray());
        response.VaryFields.ShouldBe(given.VaryFields);
        response.VaryValues.ShouldBe(given.VaryValues);
        response.Trailers!.ShouldBe(given.Trailers!);
        response.RequestWasAuthorized.ShouldBeTrue();
        response.FreshnessLifetime.ShouldBe(60 * Second);
        retention.ShouldBe(90 * Second);
        Responses.Bytes(response).ShouldBe(body);
    }

    [Fact]
    public void Age_goes_on_where_it_was_kept_and_no_clock_is_compared()
    {
        var bytes = Encode(Response([1], null), at: Now + (10 * Second)); // 5 s old when it came, encoded 10 s later
        var elsewhere = Now.AddYears(-3);
        var (response, retention) = Decode(bytes, resident: 7 * Second, now: elsewhere)!.Value;
        response.AgeAt(elsewhere).ShouldBe(22 * Second);
        response.AgeAt(elsewhere + Second).ShouldBe(23 * Second);
        retention.ShouldBe(83 * Second);
        response.Trailers.ShouldBeNull();
    }

    [Fact]
    public void Another_keys_response_is_nothing() =>
        StoredResponseCodec.Decode(Key + "x", Encode(Response([1], null)), TimeSpan.Zero, Now, new Standing(1, default), Fenced).ShouldBeNull();

    [Fact]
    public void Every_beginning_is_nothing()
    {
        var bytes = Encode(Response([1, 2, 3], [new("Digest", "x")]));
        for (var length = 0; length < bytes.Length; length++)
            Decode(bytes[..length]).ShouldBeNull();
        Decode([.. bytes, 0]).ShouldBeNull();
    }

    [Fact]
    public void No_bytes_make_it_throw_or_take_memory_that_is_not_there()
    {
        var bytes = Encode(Response([1, 2, 3], [new("Digest", "x")]));
        var random = new Random(1);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 20_000; i++)
        {
            var broken = (byte[])bytes.Clone();
            for (var changes = random.Next(1, 4); changes > 0; changes--)
                broken[random.Next(broken.Length)] = (byte)random.Next(256);
            Decode(broken);
        }
        ((GC.GetAllocatedBytesForCurrentThread() - before) / 20_000).ShouldBeLessThan(20_000);
    }

    [Theory]
    [InlineData("X-Name__a", "X-Name", "a\r\nSet-Cookie: x")]
    [InlineData("X-Name__a", "X Name", "a")]
    [InlineData("X-Name__a", "", "a")]
    [InlineData("X-Name__a", "X-Name", "a")]
    public void What_no_client_could_be_sent_is_nothing(string marked, string name, string value)
    {
        var bytes = Encode(Response([1], null, new KeyValuePair<string, StringValues>(marked, "")));
        var at = bytes.AsSpan().IndexOf(Encoding.Latin1.GetBytes(marked)) - 4;
        byte[] field = [.. Text(name), 1, 0, .. Text(value)];
        Decode([.. bytes[..at], .. field, .. bytes[(at + 4 + marked.Length + 2 + 4)..]]).HasValue.ShouldBe((name, value) == ("X-Name", "a"));

        static byte[] Text(string text) => [(byte)text.Length, 0, 0, 0, .. Encoding.Latin1.GetBytes(text)];
    }

    [Fact]
    public void What_is_too_large_or_no_byte_is_not_encoded()
    {
        StoredResponseCodec.Encode(Key, Response(new byte[1000], null), Second, Now, 1000).ShouldBeNull();
        StoredResponseCodec.Encode(Key, Response([1], [new("X", "\u0100")]), Second, Now, 10_000).ShouldBeNull();
    }

    private static byte[] Encode(StoredResponse response, DateTimeOffset? at = null) =>
        StoredResponseCodec.Encode(Key, response, 90 * Second, at ?? Now, 1 << 20).ShouldNotBeNull();

    private static (StoredResponse Response, TimeSpan Retention)? Decode(byte[] bytes, TimeSpan resident = default, DateTimeOffset? now = null) =>
        StoredResponseCodec.Decode(Key, bytes, resident, now ?? Now, new Standing(1, default), Fenced);

    private static Fence? Fenced(string key, ResponseHead head, long fill) => new Fence(key, Array.Empty<string>(), fill);

    private static StoredResponse Response(
        byte[] body, IReadOnlyList<KeyValuePair<string, StringValues>>? trailers, params KeyValuePair<string, StringValues>[] more) => new(
            new ResponseHead(203, "So to say",
                [new("Content-Type", "text/plain"), new("Link", new StringValues(["<a>", "<b>"])), new("X-Name", "caf\u00e9"), new("Empty", ""), .. more], Now),
            new Body(body.Length == 0 ? [] : [body], body.Length))
        {
            Trailers = trailers,
            ResponseTime = Now,
            InitialAge = 5 * Second,
            FreshnessLifetime = 60 * Second,
            RequestWasAuthorized = true,
            VaryFields = ["accept", "x"],
            VaryValues = ["text/html", null],
            Fence = new Fence(Key, Array.Empty<string>(), 1),
        };
}
