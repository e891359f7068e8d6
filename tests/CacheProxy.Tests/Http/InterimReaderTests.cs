using System.Text;
using CacheProxy.Http;

namespace CacheProxy.Tests.Http;

public sealed class InterimReaderTests
{
    private const string Final = "HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </of-the-body>\r\n\r\n";

    [Theory]
    [InlineData("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")]
    [InlineData("HTTP/1.1 102 Processing\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\n")]
    [InlineData("HTTP/1.1 102 \r\n\r\n", "HTTP/1.1 102 \r\n\r\n")]
    [InlineData("HTTP/1.1 102\r\n\r\n", "HTTP/1.1 102\r\n\r\n")]
    [InlineData("HTTP/1.1 199 X\r\nA:1\r\nB:\r\nA: \t 2\t \r\n\r\n", "HTTP/1.1 199 X\r\nA: 1\r\nB: \r\nA: 2\r\n\r\n")]
    [InlineData("HTTP/1.1 102 A\r\n\r\nHTTP/1.1 103 B\r\nC: d\r\n\r\n", "HTTP/1.1 102 A\r\n\r\nHTTP/1.1 103 B\r\nC: d\r\n\r\n")]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 B\r\n\r\n", "HTTP/1.1 103 B\r\n\r\n")] // 100 is between the origin and us
    [InlineData("HTTP/1.1 103 A\r\nETag: \"\u00e4\u00ff\"\r\n\r\n", "HTTP/1.1 103 A\r\nETag: \"\u00e4\u00ff\"\r\n\r\n")]
    [InlineData("HTTP/1.1 103 A\r\nConnection: x-a, close\r\nX-A: 1\r\nKeep-Alive: 1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\nCacheProxy-Cache-Control: a\r\nLink: b\r\n\r\n",
        "HTTP/1.1 103 A\r\nLink: b\r\n\r\n")]
    [InlineData("", "")]
    public void Interim_responses_before_the_final_one_are_found(string before, string expected) => Read(before + Final).ShouldBe(expected);

    [Theory]
    [InlineData("HTTP/1.0 103 A\r\n\r\n")]
    [InlineData("http/1.1 103 A\r\n\r\n")]
    [InlineData("HTTP/1.1  103 A\r\n\r\n")]
    [InlineData("HTTP/1.1 1x3 A\r\n\r\n")]
    [InlineData("HTTP/1.1 1034 A\r\n\r\n")]
    [InlineData("HTTP/1.1 10\r\n\r\n")]
    [InlineData("HTTP/1.1 103 A\nLink: a\n\n")]
    [InlineData("HTTP/1.1 103 A\r\nLink: a\n\r\n")]
    [InlineData("HTTP/1.1 103 A\r\nLink: a\rb\r\n\r\n")]
    [InlineData("HTTP/1.1 103 A\rB\r\n\r\n")]
    [InlineData("HTTP/1.1 103 A\r\n folded: a\r\n\r\n")]
    [InlineData("HTTP/1.1 103 A\r\nLink: a\r\n folded\r\n\r\n")]
    [InlineData("HTTP/1.1 103 A\r\nLink : a\r\n\r\n")]
    [InlineData("HTTP/1.1 103 A\r\n: a\r\n\r\n")]
    [InlineData("HTTP/1.1 103 A\r\nLi nk: a\r\n\r\n")]
    [InlineData("HTTP/1.1 103 A\r\nnothing\r\n\r\n")]
    [InlineData("HTTP/1.1 103 A\r\nLink: a\u0000b\r\n\r\n")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\n\r\n")]
    [InlineData("\r\nHTTP/1.1 103 A\r\n\r\n")]
    public void What_is_not_as_it_should_be_is_left_alone_with_all_that_follows(string before) =>
        Read(before + "HTTP/1.1 103 Later\r\n\r\n" + Final).ShouldBe("");

    [Fact]
    public void Head_of_any_length_and_any_number_of_heads_have_an_end()
    {
        var fits = "HTTP/1.1 103 A\r\nLink: " + new string('a', InterimReader.MaxHeadBytes - 30) + "\r\n\r\n";
        Read(fits).ShouldBe(fits);
        Read("HTTP/1.1 103 A\r\nLink: " + new string('a', InterimReader.MaxHeadBytes) + "\r\n\r\n").ShouldBe("");
        Read(string.Concat(Enumerable.Repeat("HTTP/1.1 102 A\r\n\r\n", 100))).ShouldBe(string.Concat(Enumerable.Repeat("HTTP/1.1 102 A\r\n\r\n", InterimReader.MaxHeads)));
    }

    [Fact]
    public void Any_division_of_any_bytes_gives_the_same()
    {
        string[] parts =
        [
            "HTTP/1.1 103 Early Hints\r\n", "HTTP/1.1 1", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 101 A\r\n", "HTTP/1.1 100 A\r\n", "Link: a\r\n", "Connection: link\r\n",
            "\r\n", "\r", "\n", ":", " ", "\t", "\u0000", "\u00ff", "103", "Content-Length: 3\r\n", "\r\n\r\n", "X-Long: " + new string('x', 3000) + "\r\n",
        ];
        var random = new Random(20261121);
        for (var round = 0; round < 20_000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => parts[random.Next(parts.Length)]));
            if (random.Next(2) == 0)
                text = "HTTP/1.1 103 A\r\nLink: b\r\n\r\n" + text;
            var whole = Read(text, _ => int.MaxValue);
            Read(text, _ => 1).ShouldBe(whole, text);
            Read(text, _ => random.Next(1, 40)).ShouldBe(whole, text);
            Check(whole, text);
        }
    }

    /// <summary>What is sent on is heads of status 1xx and nothing else, whatever came.</summary>
    private static void Check(string sent, string text)
    {
        if (sent.Length == 0)
            return;
        sent.ShouldEndWith("\r\n\r\n", Case.Sensitive, text);
        foreach (var head in sent[..^4].Split("\r\n\r\n"))
        {
            var lines = head.Split("\r\n");
            lines[0].ShouldStartWith("HTTP/1.1 1", Case.Sensitive, text);
            lines[0][10..12].ShouldNotBeOneOf("00", "01");
            foreach (var line in lines)
                line.ShouldAllBe(c => c >= ' ' && c != '\u007f', text);
            foreach (var line in lines[1..])
            {
                Token.IsValid(line.Split(": ")[0]).ShouldBeTrue(text);
                line.ShouldNotStartWith("Content-Length", Case.Insensitive, text);
                line.ShouldNotStartWith("Connection", Case.Insensitive, text);
            }
        }
    }

    private static string Read(string text) => Read(text, _ => int.MaxValue);

    private static string Read(string text, Func<int, int> piece)
    {
        var reader = new InterimReader();
        var sent = new StringBuilder();
        ReadOnlySpan<byte> all = Encoding.Latin1.GetBytes(text);
        while (!all.IsEmpty)
        {
            var bytes = all[..Math.Min(all.Length, piece(all.Length))];
            all = all[bytes.Length..];
            while (!bytes.IsEmpty && !reader.IsOver)
            {
                bytes = bytes[reader.Read(bytes, out var head)..];
                if (head is not null)
                    sent.Append(Encoding.Latin1.GetString(head));
            }
        }
        return sent.ToString();
    }
}
