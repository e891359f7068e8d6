using System.Globalization;
using System.IO.Compression;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Benchmarks.Load;

/// <summary>
/// The origin of the load test, as fast as Kestrel goes. The last part of the path says what is asked for: <c>64k</c>, <c>1m</c>,
/// <c>gzip</c> (8 KB of text, compressed for who accepts it), anything else 1 KB. It is to be kept for an hour under <c>/cacheable</c> and
/// <c>/slow</c> (which takes half a second), not at all elsewhere. <c>/count</c> tells how many requests came.
/// </summary>
internal static class LoadOrigin
{
    public const int TextLength = 8 * 1024;
    public static readonly TimeSpan Slowness = TimeSpan.FromMilliseconds(500);

    private static readonly byte[] Small = Encoding.ASCII.GetBytes(new string('x', 1024));
    private static readonly byte[] Medium = Encoding.ASCII.GetBytes(new string('x', 64 * 1024));
    private static readonly byte[] Large = Encoding.ASCII.GetBytes(new string('x', 1024 * 1024));
    private static readonly byte[] Text = MakeText();
    private static long _requests;

    /// <summary>The text of <c>gzip</c> as compressed.</summary>
    public static byte[] Compressed { get; } = Compress(Text);

    public static async Task RunAsync(string address)
    {
        await using var app = LoadServer.Builder(address, inlineSockets: true).Build();
        app.Run(AnswerAsync);
        await app.RunAsync();
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        if (path == "/count")
        {
            await context.Response.WriteAsync(Interlocked.Read(ref _requests).ToString(CultureInfo.InvariantCulture));
            return;
        }

        Interlocked.Increment(ref _requests);
        if (!HttpMethods.IsGet(context.Request.Method))
            await context.Request.Body.CopyToAsync(Stream.Null);
        var slow = path.StartsWith("/slow", StringComparison.Ordinal);
        if (slow)
            await Task.Delay(Slowness);
        var headers = context.Response.Headers;
        headers.ContentType = "text/plain";
        headers.CacheControl = slow || path.StartsWith("/cacheable", StringComparison.Ordinal) ? "max-age=3600" : "no-store";
        headers.ETag = "\"v1\"";
        var body = path[(path.LastIndexOf('/') + 1)..] switch { "64k" => Medium, "1m" => Large, "gzip" => Variant(context), _ => Small };
        headers.ContentLength = body.Length;
        await context.Response.BodyWriter.WriteAsync(body);
    }

    private static byte[] Variant(HttpContext context)
    {
        context.Response.Headers.Vary = "Accept-Encoding";
        if (!context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.Ordinal))
            return Text;
        context.Response.Headers.ContentEncoding = "gzip";
        context.Response.Headers.ETag = "\"v1-gzip\"";
        return Compressed;
    }

    private static byte[] MakeText()
    {
        var words = new Random(1);
        var text = new StringBuilder();
        while (text.Length < TextLength)
            text.Append("word").Append(words.Next(1000)).Append(' ');
        return Encoding.ASCII.GetBytes(text.ToString(0, TextLength));
    }

    private static byte[] Compress(byte[] text)
    {
        var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Optimal))
            gzip.Write(text);
        return memory.ToArray();
    }
}
