using System.Globalization;
using System.Text;

namespace CacheProxy.Tests.Scenarios;

/// <summary>An origin with one file of many versions, which does what RFC 9110 says of ranges and conditions. A POST makes the next version.</summary>
internal sealed class FileOrigin : IAsyncDisposable
{
    /// <summary>Five parts of 64 KiB, the last of them shorter.</summary>
    public const int Length = 300_000;

    private readonly ScriptedOrigin _origin;
    private int _version = 1;

    public FileOrigin() => _origin = new ScriptedOrigin(AnswerAsync);

    public string Address => _origin.Address;

    public int Version
    {
        get => Volatile.Read(ref _version);
        set => Volatile.Write(ref _version, value);
    }

    public string Fields { get; set; } = "Cache-Control: max-age=60\r\n";

    /// <summary>The length of the file.</summary>
    public int Size { get; set; } = Length;

    /// <summary>What is done instead, for those requests that it takes.</summary>
    public Func<OriginRequest, Task<bool>>? Instead { get; set; }

    /// <summary>What was asked for: ranges, and <c>null</c> for the whole.</summary>
    public IEnumerable<string?> Asked => _origin.Requests.Where(r => r.Method == "GET").Select(r => r["Range"]);

    public IReadOnlyList<OriginRequest> Requests => _origin.Requests;

    public static string TagOf(int version) => $"\"v{version}\"";

    /// <summary>No two versions have the same byte in one place, nor one version the same 256 bytes in two.</summary>
    public static byte[] Bytes(int version, int length = Length)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i++)
            bytes[i] = (byte)(i + (i >> 8) + (version * 37));
        return bytes;
    }

    public static byte[] Slice(int version, long first, long last, int length = Length) => Bytes(version, length)[(int)first..(int)(last + 1)];

    public string HeadOf(int version, string status, int contentLength, string more = "") =>
        $"HTTP/1.1 {status}\r\nContent-Length: {contentLength}\r\nETag: {TagOf(version)}\r\n{Fields}{more}\r\n";

    public async Task AnswerAsync(OriginRequest request)
    {
        if (Instead is { } instead && await instead(request))
            return;
        if (request.Method == "POST")
        {
            Interlocked.Increment(ref _version);
            await request.WriteAsync("HTTP/1.1 204 No Content\r\n\r\n");
            return;
        }
        var version = Version;
        if (request["If-None-Match"] == TagOf(version))
        {
            await request.WriteAsync($"HTTP/1.1 304 Not Modified\r\nETag: {TagOf(version)}\r\n{Fields}\r\n");
            return;
        }
        if (request["Range"] is { } range && (request["If-Range"] ?? TagOf(version)) == TagOf(version))
        {
            var (first, last) = Read(range, Size);
            await (first >= Size
                ? request.WriteAsync(HeadOf(version, "416 Range Not Satisfiable", 0, $"Content-Range: bytes */{Size}\r\n"))
                : WritePartAsync(request, version, first, last));
            return;
        }
        await request.WriteAsync(HeadOf(version, "200 OK", Size));
        if (request.Method != "HEAD")
            await request.WriteAsync(Bytes(version, Size));
    }

    public async Task WritePartAsync(OriginRequest request, int version, long first, long last, string more = "")
    {
        await request.WriteAsync(HeadOf(version, "206 Partial Content", (int)(last - first + 1), $"Content-Range: bytes {first}-{last}/{Size}\r\n{more}"));
        await request.WriteAsync(Slice(version, first, last, Size));
    }

    public static (long First, long Last) Read(string range, int size)
    {
        var ends = range["bytes=".Length..].Split('-');
        if (ends[0].Length == 0)
            return (Math.Max(0, size - Number(ends[1])), size - 1);
        return (Number(ends[0]), ends[1].Length == 0 ? size - 1 : Math.Min(Number(ends[1]), size - 1));
    }

    public ValueTask DisposeAsync() => _origin.DisposeAsync();

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
