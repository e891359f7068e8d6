using System.Net;

namespace CacheProxy.Host;

/// <summary>
/// The options of the process around the cache, in the same section <c>CacheProxy</c>. All of them are read at start only, but for
/// <see cref="DrainTime"/> and <see cref="ShutdownTimeout"/>, which are read when the process is asked to stop.
/// </summary>
internal sealed record ServiceOptions
{
    /// <summary>
    /// Whether requests are worked on by the thread that reads their socket: on Linux by event loops of our own, for clients and origins. Default
    /// <c>true</c>: nearly twice as many hits a second (docs/configuration.md). <c>false</c>: Kestrel's and the runtime's sockets, as they come.
    /// </summary>
    public bool InlineSockets { get; set; } = true;

    /// <summary>
    /// Whether the event loops come before all other threads of the process where they want the same core, and the one that collects all of the heap last (Linux;
    /// docs/performance.md). Default <c>true</c>. <c>false</c>: the system is told nothing, for where it kills who calls sched_setscheduler(2).
    /// </summary>
    public bool EventLoopsFirst { get; set; } = true;

    /// <summary>
    /// Whether plain hits are answered on the connection, below HTTP (docs/hits.md). Default <c>true</c>. With <see cref="AccessLog"/> or OTLP every request
    /// goes the long way all the same, for it is to be seen.
    /// </summary>
    public bool FastHits { get; set; } = true;

    /// <summary>One line a request, at Information. Default <c>false</c>: it costs most of the throughput.</summary>
    public bool AccessLog { get; set; }

    /// <summary>How log lines look. Default <see cref="LogFormat.Text"/>.</summary>
    public LogFormat LogFormat { get; set; }

    /// <summary>
    /// How long, after being asked to stop, the process still accepts connections while it says that it is not ready. Default 5 s; 0 to
    /// 5 min. It ends early when no connection is left and for half a second no other has come.
    /// </summary>
    public TimeSpan DrainTime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long requests in flight may take after that before they are cut off. Default 30 s; 0 to 1 h.</summary>
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The admin server: health, metrics.</summary>
    public AdminOptions Admin { get; set; } = new();

    /// <summary>Adds a complaint for everything that is out of range.</summary>
    public void Check(ICollection<string> complaints)
    {
        const string at = CacheProxyOptions.SectionName + ":";
        var range = new RangeCheck(complaints);
        range.Duration(at + nameof(DrainTime), DrainTime, TimeSpan.Zero, TimeSpan.FromMinutes(5));
        range.Duration(at + nameof(ShutdownTimeout), ShutdownTimeout, TimeSpan.Zero, TimeSpan.FromHours(1));
        Admin.Check(at + nameof(Admin) + ":", complaints);
    }

    /// <summary>The properties that differ in <paramref name="changed"/> and count at start only.</summary>
    public IEnumerable<string> RestartFor(ServiceOptions changed)
    {
        if (InlineSockets != changed.InlineSockets)
            yield return nameof(InlineSockets);
        if (EventLoopsFirst != changed.EventLoopsFirst)
            yield return nameof(EventLoopsFirst);
        if (FastHits != changed.FastHits)
            yield return nameof(FastHits);
        if (AccessLog != changed.AccessLog)
            yield return nameof(AccessLog);
        if (LogFormat != changed.LogFormat)
            yield return nameof(LogFormat);
        if (Admin != changed.Admin)
            yield return nameof(Admin);
    }
}

/// <summary>The options of the admin server.</summary>
internal sealed record AdminOptions
{
    private const int MinKeyLength = 16;

    /// <summary>Default 9090; 0 (any free port, told in the log) to 65535.</summary>
    public int Port { get; set; } = 9090;

    /// <summary>
    /// Where it listens. Default: loopback without a <see cref="Key"/>, every address with one. Without a key only a loopback address is allowed.
    /// </summary>
    public string? Address { get; set; }

    /// <summary>
    /// What <c>Authorization: Bearer</c> must say, for everything but <c>/healthz</c>; at least 16 characters. Default none: loopback only,
    /// and nothing that changes anything is answered.
    /// </summary>
    public string? Key { get; set; }

    /// <summary>The address to listen on.</summary>
    public IPAddress Listen =>
        Address is null ? (Key is null ? IPAddress.Loopback : IPAddress.Any) : IPAddress.Parse(Address);

    public void Check(string at, ICollection<string> complaints)
    {
        new RangeCheck(complaints).Number(at + nameof(Port), Port, 0, 65535);
        if (Key is { Length: < MinKeyLength })
            complaints.Add($"{at}{nameof(Key)} has {Key.Length} characters; it takes at least {MinKeyLength}.");
        if (Key is not null && Key.AsSpan().ContainsAnyExceptInRange('!', '~'))
            complaints.Add($"{at}{nameof(Key)} has a blank or a character outside ASCII; it goes into a header field.");
        if (Address is null)
            return;
        if (!IPAddress.TryParse(Address, out var address))
            complaints.Add($"{at}{nameof(Address)} is '{Address}'; it takes an address such as 127.0.0.1, ::1 or 0.0.0.0.");
        else if (Key is null && !IPAddress.IsLoopback(address))
            complaints.Add($"{at}{nameof(Address)} is '{Address}'; without {at}{nameof(Key)} only loopback is allowed (127.0.0.1 or ::1).");
    }
}

/// <summary>How log lines look.</summary>
internal enum LogFormat
{
    /// <summary>For people.</summary>
    Text,

    /// <summary>One JSON object a line.</summary>
    Json,
}
