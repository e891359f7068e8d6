using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;

namespace CacheProxy.Checker;

/// <summary>
/// Between proxies and APIs: numbers each request when it arrives and stamps the number on the answer, so that whoever is given a stored response knows
/// when its fill was asked for (<see cref="FillField"/>: its body; <see cref="SeenField"/>: its last validation, since a 304 brings the stored fields up to date).
/// Now and then an answer is held, so that writes and purges overtake it. A path can be taken down.
/// </summary>
internal sealed class Tap : IAsyncDisposable
{
    public const string FillField = "Checker-Fill";
    public const string SeenField = "Checker-Seen";

    private readonly WebApplication _app;
    private readonly HttpMessageInvoker _client = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false, AllowAutoRedirect = false });
    private readonly IHttpForwarder _forwarder;
    private readonly Uri[] _apis;
    private readonly Random _random;
    private readonly List<Fill> _fills = [new(0, 0, "")];

    private Tap(WebApplication app, Uri[] apis, int seed)
    {
        (_app, _apis, _random) = (app, apis, new Random(seed));
        _forwarder = app.Services.GetRequiredService<IHttpForwarder>();
    }

    /// <summary>One for each API, in their order.</summary>
    public Uri[] Addresses { get; private set; } = [];

    /// <summary>Whether answers are held now and then.</summary>
    public bool Holds { get; set; } = true;

    /// <summary>Paths whose requests get no answer.</summary>
    public ConcurrentDictionary<string, bool> Down { get; } = new();

    public static async Task<Tap> StartAsync(Uri[] apis, int seed)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddHttpForwarder();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            foreach (var _ in apis)
                kestrel.Listen(IPAddress.Loopback, 0);
        });
        var app = builder.Build();
        var tap = new Tap(app, apis, seed);
        app.Run(tap.ForwardAsync);
        await app.StartAsync();
        tap.Addresses = [.. app.Urls.Select(url => new Uri(url))];
        return tap;
    }

    public Fill FillOf(int number)
    {
        lock (_fills)
            return _fills[number];
    }

    public int Count(string path, int after)
    {
        lock (_fills)
            return _fills.Skip(after + 1).Count(fill => fill.Path == path);
    }

    public int Last
    {
        get
        {
            lock (_fills)
                return _fills.Count - 1;
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
        _client.Dispose();
    }

    private async Task ForwardAsync(HttpContext context)
    {
        var api = Array.FindIndex(Addresses, address => address.Port == context.Connection.LocalPort);
        var path = context.Request.Path + context.Request.QueryString;
        int number;
        int hold;
        lock (_fills)
        {
            number = _fills.Count;
            _fills.Add(new Fill(Stopwatch.GetTimestamp(), api, HttpMethods.IsGet(context.Request.Method) ? path : ""));
            hold = !Holds ? 0 : _random.Next(1000) switch { < 4 => 300, < 50 => _random.Next(30), _ => 0 };
        }
        if (Down.ContainsKey(path))
        {
            context.Abort();
            return;
        }
        var error = await _forwarder.SendAsync(context, _apis[api].ToString(), _client, ForwarderRequestConfig.Empty, new Stamp(number, hold));
        if (error != ForwarderError.None)
            context.Abort(); // as a lost connection to the API would look; a 502 would say that nothing was written
    }

    private sealed class Stamp(int number, int hold) : HttpTransformer
    {
        public override async ValueTask<bool> TransformResponseAsync(HttpContext context, HttpResponseMessage? response, CancellationToken cancellation)
        {
            if (response is null)
                return false; // nothing is said; the connection is cut
            if (hold > 0)
                await Task.Delay(hold, cancellation);
            await base.TransformResponseAsync(context, response, cancellation);
            var text = number.ToString(CultureInfo.InvariantCulture);
            context.Response.Headers[SeenField] = text;
            if (response.StatusCode != HttpStatusCode.NotModified)
                context.Response.Headers[FillField] = text;
            return true;
        }
    }
}

/// <param name="Arrived">When the request arrived at the tap, before which the proxy had noted its place.</param>
/// <param name="Api">Which API answered.</param>
/// <param name="Path">What was asked for; empty for a write.</param>
internal readonly record struct Fill(long Arrived, int Api, string Path);
