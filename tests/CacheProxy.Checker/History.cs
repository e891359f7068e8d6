using System.Globalization;
using System.Text.Json;

namespace CacheProxy.Checker;

internal enum Act : byte
{
    Read,
    List,
    Create,
    Replace,
    Delete,
}

/// <summary>An item as an answer shows it.</summary>
/// <param name="Item">Its id.</param>
/// <param name="Version">0: there is none.</param>
/// <param name="Write">The number of the write that brought it; 0: the seed.</param>
internal readonly record struct Seen(int Item, int Version, int Write)
{
    public static string NameOf(int write) => string.Create(CultureInfo.InvariantCulture, $"w{write}");

    public static int WriteOf(string name) => name[0] == 'w' && int.TryParse(name.AsSpan(1), CultureInfo.InvariantCulture, out var write) ? write : 0;

    public static Seen Of(JsonElement item) =>
        new(item.GetProperty("id").GetInt32(), item.GetProperty("version").GetInt32(), WriteOf(item.GetProperty("name").GetString()!));
}

/// <summary>One thing a client did, and what came of it. Times are of one monotonic clock.</summary>
internal sealed class Operation
{
    public long Start, End;
    public int Session, Node;
    public Act Act;

    /// <summary>The item, or the page; 0 until a creation has its answer.</summary>
    public int Target;

    /// <summary>The number of a write.</summary>
    public int Write;

    /// <summary>0: no answer.</summary>
    public int Status;

    /// <summary>What the answer shows.</summary>
    public Seen[] Items = [];

    /// <summary>The version that If-Match named; 0 without.</summary>
    public int Condition;

    /// <summary>The tap's numbers; 0: the answer has none.</summary>
    public int Fill, Checked;

    /// <summary>The token that was sent with a read; given with a write.</summary>
    public string? Token;

    public string? CacheStatus;

    /// <summary>The entity tag of the answer.</summary>
    public string? Entity;

    public bool IsWrite => Act >= Act.Create;

    public bool Succeeded => Status is >= 200 and < 300;

    /// <summary>A write that may or may not have been done.</summary>
    public bool IsUnknown => IsWrite && Status is 0 or >= 500;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Clock.Text(Start)}..{Clock.Text(End)} session {Session} node {Node + 1} {Act} {Target} {(IsWrite ? $"w{Write} " : "")}-> {Status} " +
        $"{string.Join(" ", Items.Take(3).Select(item => $"{item.Item}@{item.Version}=w{item.Write}"))} fill {Fill}/{Checked} token {Token ?? "-"} [{CacheStatus}]");
}

/// <summary>An acknowledged purge: complete at <see cref="Effective"/> on all nodes.</summary>
/// <param name="Path">The URL's; <c>null</c>: everything.</param>
/// <param name="IsHard">Else what was stored before may be served after it has been validated.</param>
internal sealed record Purge(long Start, long Effective, string? Path, bool IsHard);

internal static class Clock
{
    private static readonly long Began = System.Diagnostics.Stopwatch.GetTimestamp();

    public static long Now => System.Diagnostics.Stopwatch.GetTimestamp();

    public static double Milliseconds(long ticks) => ticks * 1000.0 / System.Diagnostics.Stopwatch.Frequency;

    public static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * System.Diagnostics.Stopwatch.Frequency);

    /// <summary>Seconds since the checker began.</summary>
    public static string Text(long at) => (Milliseconds(at - Began) / 1000).ToString("0.0000", CultureInfo.InvariantCulture);
}
