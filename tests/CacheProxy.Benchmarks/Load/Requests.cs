using System.Text;

namespace CacheProxy.Benchmarks.Load;

/// <summary>What is right as an answer: any other is a failure.</summary>
/// <param name="Status">The status code.</param>
/// <param name="Length">Bytes of the body, after chunks are put together.</param>
internal readonly record struct Answer(int Status, int Length);

/// <summary>A request as bytes. <c>#######</c> in it is the place of a key of seven digits.</summary>
internal sealed class RequestTemplate
{
    public const string Key = "#######";

    public RequestTemplate(string text, Answer answer)
    {
        Bytes = Encoding.ASCII.GetBytes(text);
        KeyAt = text.IndexOf(Key, StringComparison.Ordinal);
        Answer = answer;
    }

    public byte[] Bytes { get; }

    public int KeyAt { get; }

    public Answer Answer { get; }

    /// <summary>A request to the load origin's address of that path, with these further field lines and body.</summary>
    public static RequestTemplate Of(string method, string path, Answer answer, string fields = "", string body = "") =>
        new($"{method} {path} HTTP/1.1\r\nHost: load.example\r\n{fields}{(body.Length > 0 ? $"Content-Length: {body.Length}\r\n" : "")}\r\n{body}", answer);
}

/// <summary>The requests of a scenario, one after the other: templates in turn, keys from a prepared sequence or counted up.</summary>
internal sealed class Requests(RequestTemplate[] templates, int[]? keys = null, int firstKey = 0)
{
    private long _next;

    /// <summary>The next request; the bytes are good until the next call.</summary>
    public ReadOnlySpan<byte> Next(out Answer answer)
    {
        var number = _next++;
        var template = templates[number % templates.Length];
        answer = template.Answer;
        if (template.KeyAt >= 0)
            WriteKey(template.Bytes.AsSpan(template.KeyAt, RequestTemplate.Key.Length), keys is null ? firstKey + number : keys[number % keys.Length]);
        return template.Bytes;
    }

    private static void WriteKey(Span<byte> digits, long key)
    {
        for (var i = digits.Length - 1; i >= 0; i--, key /= 10)
            digits[i] = (byte)('0' + (key % 10));
    }
}
