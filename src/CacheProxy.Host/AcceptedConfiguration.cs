using CacheProxy.Diagnostics;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Host;

/// <summary>
/// The configuration that the proxy runs by: sections <c>CacheProxy</c> and <c>ReverseProxy</c> as last found to be right. What files and
/// environment say is read aside and checked whole; only if nothing is wrong with any of it does it take the place of what was before.
/// The options and YARP read from here, so neither ever sees a bad value.
/// </summary>
internal sealed class AcceptedConfiguration : ConfigurationProvider, IConfigurationSource, IDisposable
{
    private readonly IConfiguration _raw;
    private readonly ConfigurationRoot _root;
    private readonly Lock _changing = new();
    private volatile string? _unreadableFile;
    private ConfigurationCandidate _current;
    private ConfigurationCandidate _latest;
    private ILogger? _log;
    private IDisposable? _subscription;

    private AcceptedConfiguration(ConfigurationManager raw)
    {
        _raw = raw;
        foreach (var file in ((IConfigurationBuilder)raw).Sources.OfType<FileConfigurationSource>())
            file.OnLoadException = FileUnreadable;
        _current = _latest = ConfigurationCandidate.Read(raw, null);
        if (_current.Complaints.Count > 0)
            throw new InvalidConfigurationException(_current.Complaints);
        Data = _current.Data;
        _root = new ConfigurationRoot([this]);
    }

    /// <summary>What was accepted last, as configuration.</summary>
    public IConfiguration Configuration => _root;

    /// <summary>What was accepted last, as options of the process.</summary>
    public ServiceOptions Service => Volatile.Read(ref _current).Service;

    /// <summary>What was accepted last, as options of the cache.</summary>
    public CacheProxyOptions Cache => Volatile.Read(ref _current).Cache;

    /// <summary>Reads and checks the configuration for the first time.</summary>
    /// <exception cref="InvalidConfigurationException">Something is wrong with it.</exception>
    public static AcceptedConfiguration Read(ConfigurationManager raw) => new(raw);

    /// <summary>Makes <see cref="CacheProxyOptions"/> come from here, and follow.</summary>
    public void AddOptions(IServiceCollection services)
    {
        services.AddSingleton<IOptionsChangeTokenSource<CacheProxyOptions>>(new ConfigurationChangeTokenSource<CacheProxyOptions>(_root));
        services.AddOptions<CacheProxyOptions>().Configure(options =>
            OptionsReader.Read(_root.GetSection(CacheProxyOptions.SectionName), complaints: null, options));
    }

    /// <summary>From now on a change of files is read, checked and taken or refused.</summary>
    public void Follow(ILogger log)
    {
        _log = log;
        _subscription = ChangeToken.OnChange(_raw.GetReloadToken, Changed);
    }

    IConfigurationProvider IConfigurationSource.Build(IConfigurationBuilder builder) => this;

    /// <summary>The root is not disposed: it would dispose its one provider, which is this.</summary>
    public void Dispose() => _subscription?.Dispose();

    /// <summary>A file that is not JSON, perhaps half written: the framework has emptied it by now and would go on without it.</summary>
    private void FileUnreadable(FileLoadExceptionContext context)
    {
        context.Ignore = true;
        _unreadableFile = $"{context.Provider.Source.Path}: {context.Exception.InnerException?.Message ?? context.Exception.Message}";
    }

    /// <summary>One saved file may give several signals: what is the same as before says nothing.</summary>
    private void Changed()
    {
        lock (_changing)
        {
            var candidate = ConfigurationCandidate.Read(_raw, Interlocked.Exchange(ref _unreadableFile, null));
            if (candidate.Says(_latest))
                return;
            _latest = candidate;
            if (candidate.Complaints.Count > 0)
                Log.ConfigurationRefused(_log!, string.Join(" ", candidate.Complaints));
            else if (!candidate.Says(_current))
                Accept(candidate);
        }
    }

    private void Accept(ConfigurationCandidate candidate)
    {
        var restart = _current.RestartFor(candidate).ToArray();
        Volatile.Write(ref _current, candidate);
        Data = candidate.Data;
        OnReload();
        Log.ConfigurationAccepted(_log!);
        if (restart.Length > 0)
            Log.RestartNeeded(_log!, string.Join(", ", restart));
    }
}
