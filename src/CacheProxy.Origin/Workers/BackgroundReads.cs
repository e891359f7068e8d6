using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CacheProxy.Origin.Workers;

/// <summary>
/// Reads what will be asked for: at the start the keys of <see cref="OriginCacheOptions.WarmFile"/> and <see cref="OriginCacheOptions.WarmKeys"/>, then, as
/// long as it runs, the most read keys whose entries are soon to end. Never more than <see cref="OriginCacheOptions.BackgroundReadsPerSecond"/>, one
/// at a time while warming.
/// </summary>
/// <remarks>Warming reads as a request would: an entry that the remote store still has is taken from there, fenced by whatever was written meanwhile.</remarks>
internal sealed class BackgroundReads(
    OriginCache cache, IEnumerable<EntryKind> kinds, TopKeys top, OriginMetrics metrics, IOptions<OriginCacheOptions> options, TimeProvider time,
    ILogger<BackgroundReads> log)
    : BackgroundService
{
    private const int LooksPerAging = 60;
    private const int MostKept = 1000;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly OriginCacheOptions _options = options.Value;
    private readonly Dictionary<string, EntryKind> _kinds = kinds.ToDictionary(kind => kind.Name, StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await WarmAsync(stoppingToken);
            for (var look = 1; ; look++)
            {
                await Task.Delay(Pause, time, stoppingToken);
                RefreshHotKeys();
                if (look % LooksPerAging != 0)
                    continue;
                await KeepAsync();
                top.Age();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            await KeepAsync();
        }
    }

    internal async Task WarmAsync(CancellationToken cancellation)
    {
        var keys = (await ReadFileAsync(cancellation)).Concat(_options.WarmKeys).Distinct(StringComparer.Ordinal).ToList();
        var (read, failed, unknown) = (0, 0, 0);
        foreach (var key in keys)
        {
            if (Find(key) is not var (kind, id))
            {
                unknown++;
                continue;
            }
            if ((read + failed) % _options.BackgroundReadsPerSecond == _options.BackgroundReadsPerSecond - 1)
                await Task.Delay(Pause, time, cancellation);
            try
            {
                metrics.Background("warm");
                await kind.WarmAsync(cache, id, cancellation);
                read++;
            }
            catch (Exception) when (!cancellation.IsCancellationRequested) // of one key; the count is logged
            {
                failed++;
            }
        }
        if (keys.Count > 0)
            Log.Warmed(log, read, failed, unknown);
    }

    internal int RefreshHotKeys()
    {
        var begun = 0;
        foreach (var key in top.Take(_options.HotKeys))
        {
            if (begun >= _options.BackgroundReadsPerSecond)
                break;
            if (Find(key) is var (kind, id) && kind.Policy.RefreshAt < 1 && kind.Refresh(cache, id))
                begun++;
        }
        return begun;
    }

    internal async Task KeepAsync()
    {
        if (string.IsNullOrEmpty(_options.WarmFile))
            return;
        try
        {
            var next = _options.WarmFile + ".new";
            await File.WriteAllLinesAsync(next, top.Take(MostKept).Where(key => !key.AsSpan().ContainsAny('\r', '\n')));
            File.Move(next, _options.WarmFile, overwrite: true); // whole or not at all
        }
        catch (Exception trouble) when (trouble is IOException or UnauthorizedAccessException)
        {
            Log.WarmFileAway(log, trouble.Message);
        }
    }

    private (EntryKind Kind, string Id)? Find(string key) =>
        key.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon && _kinds.TryGetValue(key[..colon], out var kind) ? (kind, key[(colon + 1)..]) : null;

    private async Task<string[]> ReadFileAsync(CancellationToken cancellation)
    {
        if (string.IsNullOrEmpty(_options.WarmFile) || !File.Exists(_options.WarmFile))
            return [];
        try
        {
            return [.. (await File.ReadAllLinesAsync(_options.WarmFile, cancellation)).Take(MostKept)];
        }
        catch (Exception trouble) when (trouble is IOException or UnauthorizedAccessException)
        {
            Log.WarmFileAway(log, trouble.Message);
            return [];
        }
    }
}
