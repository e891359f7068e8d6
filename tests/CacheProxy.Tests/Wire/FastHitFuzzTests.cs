using System.Net.Sockets;
using System.Text;
using CacheProxy.Tests.Scenarios;

namespace CacheProxy.Tests.Wire;

/// <summary>
/// The same bytes, cut in the same places, to a proxy that answers hits on the connection and to one that does not: what comes back must be the
/// same, answer for answer.
/// </summary>
public sealed class FastHitFuzzTests
{
    private const int Connections = 250;

    /// <summary>A reset, which follows a refusal, may swallow what was sent before it: then the last answer counts for nothing.</summary>
    private const int LinesOfOne = 16;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Same_bytes_get_the_same_answers(int seed)
    {
        await using var origin = ScriptedOrigin.Answering(Answer);
        await using var slow = await RunningProxy.StartAsync(origin.Address);
        await using var fast = await RunningProxy.StartAsync(origin.Address, fastHits: true);
        slow.Time.Advance(TimeSpan.FromSeconds(1));
        var random = new Random(seed);
        var answered = 0;
        for (var connection = 0; connection < Connections; connection++)
        {
            var bytes = new List<byte>();
            // The first two make sure that something can be answered on the connection at all.
            bytes.AddRange(Encoding.ASCII.GetBytes(RawClient.Get("/a") + RawClient.Get("/b")));
            for (var count = random.Next(1, 12); count > 0; count--)
                bytes.AddRange(Encoding.Latin1.GetBytes(RequestTexts.Whole(random)));
            var isWhole = random.Next(4) > 0;
            if (!isWhole)
                bytes.AddRange(Encoding.Latin1.GetBytes(RequestTexts.Broken(random)));
            // The server ends the connection, for one that the client ends is one that the client has left.
            bytes.AddRange(Encoding.ASCII.GetBytes(RawClient.Get("/a", "Connection: close")));
            var pieces = Cut([.. bytes], random);
            var answers = await Task.WhenAll(TalkAsync(slow, pieces, isWhole), TalkAsync(fast, pieces, isWhole));
            var same = answers[0].IsReset || answers[1].IsReset ? Math.Max(0, Math.Min(answers[0].Lines.Count, answers[1].Lines.Count) - LinesOfOne) : int.MaxValue;
            foreach (var ((one, other), line) in answers[0].Lines.Append("end").Zip(answers[1].Lines.Append("end")).Take(same).Select((pair, line) => (pair, line)))
                other.ShouldBe(one, $"line {line} of connection {connection} of seed {seed}: {string.Join('|', pieces.Select(Encoding.Latin1.GetString))}");
            answered += answers[0].Lines.Take(same).Count(line => line.StartsWith("HTTP/1.1 200", StringComparison.Ordinal));
            if (random.Next(10) == 0)
                foreach (var proxy in (RunningProxy[])[slow, fast])
                    proxy.Time.Advance(TimeSpan.FromSeconds(1 + (connection % 7)));
        }
        answered.ShouldBeGreaterThan(4 * Connections);
        (slow.Asked - fast.Asked).ShouldBeGreaterThan(Connections); // or it would prove nothing
    }

    /// <summary>Sends the pieces, and reads to the end: the lines of heads, names in lower case and in order, and bodies.</summary>
    private static async Task<(List<string> Lines, bool IsReset)> TalkAsync(RunningProxy proxy, List<byte[]> pieces, bool isWhole)
    {
        using var tcp = new TcpClient { NoDelay = true };
        await tcp.ConnectAsync(proxy.Address.Host, proxy.Address.Port);
        var stream = tcp.GetStream();
        var all = new MemoryStream();
        var reading = ReadToEndAsync(stream, all);
        var isRefused = false;
        try
        {
            foreach (var piece in pieces)
            {
                await stream.WriteAsync(piece);
                await Task.Yield();
            }
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            isRefused = true;
        }
        // What is broken may ask for more than ever comes.
        if (!isWhole && await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(1))) != reading)
        {
            tcp.Client.Shutdown(SocketShutdown.Send);
            isRefused = true;
        }
        var isReset = isRefused | await reading.WaitAsync(TimeSpan.FromSeconds(20));
        return (Answers(Encoding.Latin1.GetString(all.ToArray())), isReset);
    }

    /// <returns>Whether the end was a reset.</returns>
    private static async Task<bool> ReadToEndAsync(NetworkStream stream, MemoryStream all)
    {
        try
        {
            await stream.CopyToAsync(all);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static List<string> Answers(string text)
    {
        var answers = new List<string>();
        foreach (var answer in text.Split("HTTP/1.1 ", StringSplitOptions.RemoveEmptyEntries))
        {
            var end = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            var lines = (end < 0 ? answer : answer[..end]).Split("\r\n");
            answers.Add("HTTP/1.1 " + lines[0]);
            answers.AddRange(lines.Skip(1).Select(Normal).Where(l => l.Length > 0).Order(StringComparer.Ordinal));
            answers.Add(end < 0 ? "" : answer[end..]);
        }
        return answers;
    }

    /// <summary>Kestrel's own Date, on answers that are nobody's but ours, is the machine's time.</summary>
    private static string Normal(string line)
    {
        var colon = line.IndexOf(':');
        var name = line[..Math.Max(colon, 0)].ToLowerInvariant();
        return name == "date" && !line.Contains("2026 13:00:00", StringComparison.Ordinal) ? "" : name + line[Math.Max(colon, 0)..];
    }

    private static List<byte[]> Cut(byte[] bytes, Random random)
    {
        var pieces = new List<byte[]>();
        for (var at = 0; at < bytes.Length;)
        {
            var length = random.Next(3) == 0 ? random.Next(1, 40) : random.Next(40, 2000);
            pieces.Add(bytes[at..Math.Min(bytes.Length, at + length)]);
            at += length;
        }
        return pieces;
    }

    private static string Answer(OriginRequest request) => request.Target.Split('?')[0] switch
    {
        "/short" => FastHitTests.Respond("short", "Cache-Control: max-age=3", "ETag: \"1\""),
        "/varies" => FastHitTests.Respond("varies " + request["Accept-Encoding"], "Vary: Accept-Encoding", $"ETag: \"{request["Accept-Encoding"]?.Length}\""),
        "/b" => FastHitTests.Respond(new string('b', 3000), "Cache-Control: max-age=60", "ETag: \"1\"", "Last-Modified: Mon, 05 Jan 2026 11:00:00 GMT"),
        "/none" => "HTTP/1.1 404 Not Found\r\nCache-Control: max-age=30\r\nDate: Mon, 05 Jan 2026 13:00:00 GMT\r\nContent-Length: 2\r\n\r\nno",
        _ => FastHitTests.Respond("of " + request.Target, "Cache-Control: max-age=50", "ETag: \"1\""),
    };
}
