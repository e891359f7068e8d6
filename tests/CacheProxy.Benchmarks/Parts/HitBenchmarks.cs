using BenchmarkDotNet.Attributes;
using CacheProxy.Coherence;
using CacheProxy.Http;
using CacheProxy.Keys;
using CacheProxy.Policy;
using CacheProxy.Storage;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Benchmarks.Parts;

/// <summary>What the cache itself adds to a hit, step by step: the request line, the head, the look-up, the decision.</summary>
[MemoryDiagnoser]
public class HitBenchmarks : IDisposable
{
    private readonly string _target = "/items/4711?fields=name,price";

    private readonly CachePolicy _policy = new()
    {
        DefaultLifetime = TimeSpan.FromMinutes(1),
        MaxAge = TimeSpan.FromMinutes(1),
        HeuristicFreshness = false,
        Keep = TimeSpan.Zero,
    };

    private readonly HeaderDictionary _fields = new()
    {
        ["Host"] = "api.example",
        ["Accept"] = "application/json",
        ["Accept-Encoding"] = "gzip, deflate, br",
        ["User-Agent"] = "benchmark",
    };

    private readonly CoherenceNode _node = new();
    private readonly CacheClock _clock = new(TimeProvider.System);
    private ResponseStore _store = null!;
    private StoredResponse _stored = null!;
    private TargetUri _uri;

    /// <summary>How many other responses are stored.</summary>
    [Params(100, 100_000)]
    public int Stored { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _store = new ResponseStore(1L << 30, 64, _node, _clock);
        for (var i = 0; i < Stored; i++)
            _store.Store($"http://api.example/other/{i}", Response(), TimeSpan.FromHours(1));
        TargetUri.Read("http", "api.example", _target, out _uri);
        _stored = Response();
        _store.Store(CacheKey.Text(_uri), _stored, TimeSpan.FromHours(1));
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _store.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public int ReadTarget() => TargetUri.Read("http", "api.example", _target, out var uri) == TargetError.None ? uri.Target.Length : 0;

    [Benchmark]
    public bool ParseHead() => new RequestHead("GET", _fields, ["X-Api-Key"]).HasCredentials;

    [Benchmark]
    public object? Find()
    {
        Span<char> buffer = stackalloc char[CacheKey.StackLength];
        return _store.Find(CacheKey.Write(_uri, buffer), _clock.Now);
    }

    [Benchmark]
    public TimeSpan Decide() => Reuse.Decide(new RequestHead("GET", _fields), _stored, _stored.Fence.Check(_node), _node.IsInTouch, _clock.Now, _policy).Age;

    private StoredResponse Response() => new(
        new ResponseHead(200, null, [new("Content-Type", "application/json"), new("Cache-Control", "max-age=3600")], _clock.Now), new Body([new byte[1024]], 1024))
    {
        ResponseTime = _clock.Now,
        InitialAge = TimeSpan.Zero,
        FreshnessLifetime = TimeSpan.FromHours(1),
        VaryFields = [],
        VaryValues = [],
        Fence = new Fence("http://api.example/", Array.Empty<string>(), _node.Applied),
    };
}
