using CacheProxy.Diagnostics;
using CacheProxy.Keys;
using CacheProxy.Pipeline;
using CacheProxy.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CacheProxy.Warming;

/// <summary>
/// Fills the cache before clients ask, once, when the proxy listens: (1) what is to be got is gathered; (2) each URL is got at the given pace; (3) a
/// sitemap adds to the list; (4) while the origin fails, nothing goes out but, now and then, one request.
/// </summary>
internal sealed class Warmer : BackgroundService
{
    private const int MaxAttempts = 5, MaxSitemaps = 1000;

    private readonly WarmingOptions _options;
    private readonly InnerClient _client;
    private readonly HotKeys? _hotKeys;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly ILogger<Warmer> _log;
    private readonly TimeProvider _time;
    private readonly Pace _pace;
    private readonly WarmingQueue _queue;
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WarmingState _state;
    private long _total, _stored, _skipped, _failed, _retried;
    private int _sitemaps;

    public Warmer(
        IOptions<CacheProxyOptions> options, CacheCore core, InnerClient client, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<Warmer> log)
    {
        _options = options.Value.Warming;
        (_client, _hotKeys, _lifetime, _log, _time) = (client, core.HotKeys, lifetime, log, time);
        _pace = new Pace(_options.RequestsPerSecond, time);
        _queue = new WarmingQueue(_options.MaxUrls);
        _state = _options.IsWanted ? WarmingState.Waiting : WarmingState.Off;
        core.Metrics.ObserveWarming(() => Progress is var p ? new WarmingFigures(p.Stored, p.Skipped, p.Failed, p.Retried, p.Total - p.Done) : default);
    }

    public WarmingProgress Progress
    {
        get
        {
            lock (_lock)
                return new(_state == WarmingState.Running && _pace.IsProbing ? WarmingState.Paused : _state, _total, _stored, _skipped, _failed, _retried);
        }
    }

    /// <summary>Until it is over, or for the time that readiness may wait.</summary>
    public async Task UntilReadyAsync()
    {
        if (_options.ReadyWait > TimeSpan.Zero)
            await _over.Task.WaitAsync(_options.ReadyWait, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, _lifetime.ApplicationStopping);
        try
        {
            if (!_options.IsWanted)
                return;
            await StartedAsync(end.Token);
            var began = _time.GetTimestamp();
            SetState(WarmingState.Running);
            Gather();
            await WarmAsync(end.Token);
            SetState(WarmingState.Done);
            Log.WarmingDone(_log, _stored, _skipped, _failed, _time.GetElapsedTime(began));
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            SetState(WarmingState.Stopped);
        }
        finally
        {
            _over.TrySetResult();
        }
    }

    /// <summary>The routes are there, and this node has had its chance to come into touch with the others.</summary>
    private Task StartedAsync(CancellationToken cancellation)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _lifetime.ApplicationStarted.Register(() => started.TrySetResult());
        return started.Task.WaitAsync(cancellation);
    }

    // (1) First what clients asked for most, then what the operator names.
    private void Gather()
    {
        AddFile(_options.TopKeysFile, isOptional: true);
        foreach (var url in OptionLists.Split(_options.Urls))
            _queue.Add(url);
        AddFile(_options.UrlsFile, isOptional: false);
        foreach (var url in OptionLists.Split(_options.Sitemaps))
            _queue.Add(url, WarmingKind.Sitemap);
        Recount();
    }

    private void AddFile(string? path, bool isOptional)
    {
        if (string.IsNullOrWhiteSpace(path) || (isOptional && !File.Exists(path)))
            return;
        try
        {
            var refused = _queue.AddFile(path);
            if (refused > 0)
                Log.WarmingSourceRefused(_log, path, $"{refused} of its lines are not URLs");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            Log.WarmingSourceRefused(_log, path, failure.Message);
        }
    }

    // (2) At the pace, so many at a time.
    private async Task WarmAsync(CancellationToken cancellation)
    {
        var running = new List<Task<(WarmingItem Item, InnerAnswer Answer, int Stretch)>>();
        Task? turn = null;
        while (_queue.Count > 0 || running.Count > 0)
        {
            if (running.Count < (_pace.IsProbing ? 1 : _options.Concurrency) && _queue.Count > 0)
            {
                turn ??= _pace.NextAsync(cancellation);
                if (turn.IsCompleted)
                {
                    await turn;
                    turn = null;
                    running.Add(GetAsync(_queue.Take(), cancellation));
                    continue;
                }
            }
            await Task.WhenAny(turn is { IsCompleted: false } ? [turn, .. running] : running);
            foreach (var ended in running.FindAll(task => task.IsCompleted))
            {
                running.Remove(ended);
                var (item, answer, stretch) = await ended;
                OnAnswer(item, answer, stretch);
                if (answer.Result == InnerResult.Trouble && turn is { IsCompleted: true })
                    turn = null; // it was before the pause
            }
        }
    }

    private async Task<(WarmingItem, InnerAnswer, int)> GetAsync(WarmingItem item, CancellationToken cancellation)
    {
        var stretch = _pace.Stretch;
        var isPage = item.Kind == WarmingKind.Page;
        // A sitemap is to be read, so it is not asked for in a coding.
        var answer = await _client.GetAsync(item.Uri, isPage ? _options.AcceptEncoding : "", isPage ? 0 : Sitemap.MaxBytes, cancellation);
        return (item, answer, stretch);
    }

    private void OnAnswer(WarmingItem item, InnerAnswer answer, int stretch)
    {
        if (answer.Result == InnerResult.Trouble)
        {
            // (4)
            if (_pace.OnFailure(stretch))
                Log.WarmingPaused(_log);
            if (item.Attempts + 1 < MaxAttempts)
            {
                _queue.PutBack(item);
                Add(ref _retried);
                return;
            }
        }
        else
        {
            _pace.OnAnswer(stretch);
        }
        if (item.Kind != WarmingKind.Page && answer.Result is not (InnerResult.Trouble or InnerResult.NoRoute))
            Follow(item, answer.Body);
        switch (answer.Result)
        {
            case InnerResult.Stored:
                Add(ref _stored);
                break;
            case InnerResult.Present or InnerResult.NotStored:
                Add(ref _skipped);
                break;
            default:
                Add(ref _failed);
                break;
        }
        if (item.Kind == WarmingKind.Page && answer.Result is InnerResult.Stored or InnerResult.Present)
            _hotKeys?.Count(item.Uri); // what was hit much before a restart is remembered over the next one, too
    }

    // (3) A sitemap speaks for its own origin alone (sitemaps.org, "Sitemap file location").
    private void Follow(WarmingItem item, ReadOnlyMemory<byte>? body)
    {
        if (body is not { } text || Sitemap.Read(text, _queue.Room) is not { } sitemap)
        {
            Log.WarmingSourceRefused(_log, item.Key, $"it is no sitemap, or longer than {Sitemap.MaxBytes} bytes");
            return;
        }
        if (sitemap.IsIndex && item.Kind == WarmingKind.SitemapOfIndex)
        {
            Log.WarmingSourceRefused(_log, item.Key, "an index within an index is not followed");
            return;
        }
        var refused = 0;
        foreach (var location in sitemap.Locations)
        {
            var isOwn = TargetUri.TryReadUrl(location, out var uri) && uri.Scheme == item.Uri.Scheme && uri.Host == item.Uri.Host;
            if (!isOwn || (sitemap.IsIndex && ++_sitemaps > MaxSitemaps) || !_queue.Add(location, sitemap.IsIndex ? WarmingKind.SitemapOfIndex : WarmingKind.Page))
                refused++;
        }
        Recount();
        if (refused > 0)
            Log.WarmingSourceRefused(_log, item.Key, $"{refused} of its entries are not URLs of the same origin, or too many");
    }

    private void Recount()
    {
        lock (_lock)
            _total = _options.MaxUrls - _queue.Room;
    }

    private void Add(ref long count)
    {
        lock (_lock)
            count++;
    }

    private void SetState(WarmingState state)
    {
        lock (_lock)
            _state = state;
    }
}
