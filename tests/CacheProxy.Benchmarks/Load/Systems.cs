using System.Globalization;

namespace CacheProxy.Benchmarks.Load;

/// <summary>
/// The systems that are compared, each set as someone would who wants it fast: no access log, kept connections to the origin, what is
/// cached in memory, as many workers as cores. Locks that make one request of many are on where the load needs them (<c>/slow</c>).
/// </summary>
/// <param name="work">A folder in memory (/dev/shm), for configuration, logs and what nginx stores.</param>
/// <param name="host">CacheProxy.Host.dll, published.</param>
/// <param name="origin">The origin's port.</param>
/// <param name="workers">How many cores a server has.</param>
internal sealed class Systems(string work, string host, int origin, int workers)
{
    public const string All = "cacheproxy nginx haproxy varnish squid outputcache yarp yarp-inline";

    /// <summary>The log in shared memory, which nobody reads here: without what each request writes there.</summary>
    private const string VarnishLogOff =
        "-Begin,-End,-Link,-SessOpen,-SessClose,-ReqStart,-ReqMethod,-ReqURL,-ReqProtocol,-ReqHeader,-ReqUnset,-ReqAcct,-RespProtocol,-RespStatus,"
        + "-RespReason,-RespHeader,-RespUnset,-VCL_call,-VCL_return,-VCL_use,-Timestamp,-Hit,-HitMiss,-Length,-Filters,-Storage,-TTL,-Fetch_Body,"
        + "-BackendOpen,-BackendReuse,-BackendClose,-BereqMethod,-BereqURL,-BereqProtocol,-BereqHeader,-BereqUnset,-BereqAcct,"
        + "-BerespProtocol,-BerespStatus,-BerespReason,-BerespHeader,-BerespUnset";

    private static readonly string Benchmarks = typeof(Systems).Assembly.Location;

    /// <summary>Those without a cache: they get only what passes through.</summary>
    public static bool Caches(string system) => !system.StartsWith("yarp", StringComparison.Ordinal);

    public string NginxCache => Path.Combine(work, "nginx-cache");

    /// <summary>How to start a system on that port, with so much room for what it stores.</summary>
    public ServerCommand Command(string system, int port, long bytes)
    {
        var url = $"http://127.0.0.1:{port}";
        var originUrl = $"http://127.0.0.1:{origin}";
        var megabytes = (bytes >> 20).ToString(CultureInfo.InvariantCulture);
        var serverGc = new Dictionary<string, string> { ["DOTNET_gcServer"] = "1" }; // as the web SDK has it
        return system switch
        {
            "cacheproxy" => new("dotnet", ["exec", host, "--urls", url], new()
            {
                ["CacheProxy__Origin"] = originUrl,
                ["CacheProxy__Profile"] = "Rfc9111",
                ["CacheProxy__Routes__origin__PassInterimResponses"] = "false", // which none of the others but HAProxy does
                ["CacheProxy__MemoryBudgetBytes"] = bytes.ToString(CultureInfo.InvariantCulture),
                ["CacheProxy__Admin__Port"] = (port + 100).ToString(CultureInfo.InvariantCulture),
                ["CacheProxy__DrainTime"] = "00:00:00",
                ["DOTNET_GCGen1MaxBudget"] = "80000", // as the image has it
            }),
            "nginx" => new("nginx", ["-c", Write("nginx.conf", Nginx(port, megabytes))]),
            "haproxy" => new("haproxy", ["-db", "-f", Write("haproxy.cfg", HAProxy(port, Math.Min(bytes >> 20, 4095)))]),
            "varnish" => new("varnishd",
            [
                "-F", "-j", "none", "-n", Path.Combine(work, "varnish"), "-a", $"127.0.0.1:{port}", "-T", "none",
                "-f", Write("varnish.vcl", $"vcl 4.0; backend default {{ .host = \"127.0.0.1\"; .port = \"{origin}\"; }}"),
                "-s", $"malloc,{megabytes}M", "-p", $"thread_pools={workers}", "-p", "thread_pool_min=200", "-p", $"vsl_mask={VarnishLogOff}",
            ]),
            "squid" => new("squid", ["-N", "-f", Write("squid.conf", Squid(port, megabytes))]),
            "outputcache" => new("dotnet", ["exec", Benchmarks, "outputcache", url, originUrl, bytes.ToString(CultureInfo.InvariantCulture)], serverGc),
            "yarp" => new("dotnet", ["exec", Benchmarks, "yarp", url, originUrl], serverGc),
            "yarp-inline" => new("dotnet", ["exec", Benchmarks, "yarp-inline", url, originUrl], serverGc),
            _ => throw new ArgumentException($"There is no system {system}; there are {All}."),
        };
    }

    /// <summary>Version and settings, as one line.</summary>
    public string Describe(string system) => system switch
    {
        "cacheproxy" => $"CacheProxy on .NET {Environment.Version}: as the image runs it, profile Rfc9111 without PassInterimResponses",
        "nginx" => $"{Tool.FirstLine("nginx", "-v").Replace("nginx version: ", "", StringComparison.Ordinal)}: proxy_cache on tmpfs, {workers} worker(s), sendfile, tcp_nopush, open_file_cache, no access log, proxy_cache_lock in the herd alone",
        "haproxy" => $"{Tool.FirstLine("haproxy", "-v").Split(" 20")[0]}: cache with process-vary, nbthread {workers}, no log, http-reuse always",
        "varnish" => $"{Tool.FirstLine("varnishd", "-V")}: malloc, thread_pools {workers}, thread_pool_min 200, nothing of a request in its shared log",
        "squid" => $"{Tool.FirstLine("squid", "-v")}: memory cache alone, one process, collapsed_forwarding, no access log",
        "outputcache" => $"YARP {typeof(Yarp.ReverseProxy.Forwarder.IHttpForwarder).Assembly.GetName().Version?.ToString(3)} behind ASP.NET Core's OutputCache: inline sockets, a policy that follows max-age, its lock in the herd alone",
        "yarp" => "YARP alone, as it comes",
        "yarp-inline" => "YARP alone, inline sockets",
        _ => system,
    };

    private string Write(string name, string text)
    {
        var file = Path.Combine(work, name);
        File.WriteAllText(file, text);
        return file;
    }

    private string Nginx(int port, string megabytes) => $$"""
        daemon off; worker_processes {{workers}}; worker_rlimit_nofile 20000; pid {{work}}/nginx.pid; error_log {{work}}/nginx.log error;
        events { worker_connections 4096; }
        http {
          access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=15000 inactive=60s;
          client_body_temp_path {{work}}/b; proxy_temp_path {{work}}/p; fastcgi_temp_path {{work}}/f; uwsgi_temp_path {{work}}/u; scgi_temp_path {{work}}/s;
          proxy_cache_path {{NginxCache}} levels=1:2 keys_zone=cache:256m max_size={{megabytes}}m inactive=2h use_temp_path=off;
          upstream origin { server 127.0.0.1:{{origin}}; keepalive 256; keepalive_requests 100000000; }
          proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Accept-Encoding $http_accept_encoding; proxy_cache cache;
          server {
            listen 127.0.0.1:{{port}} backlog=1024;
            location / { proxy_pass http://origin; }
            location /slow { proxy_pass http://origin; proxy_cache_lock on; }
          }
        }

        """;

    private string HAProxy(int port, long megabytes) => $"""
        global
          nbthread {workers}
          maxconn 4000
        defaults
          mode http
          timeout connect 5s
          timeout client 60s
          timeout server 60s
          option http-keep-alive
          http-reuse always
        cache memory
          total-max-size {megabytes}
          max-object-size 2097152
          max-age 3600
          process-vary on
          max-secondary-entries 100
        listen proxy
          bind 127.0.0.1:{port}
          http-request cache-use memory
          http-response cache-store memory
          server origin 127.0.0.1:{origin} pool-max-conn -1

        """;

    private string Squid(int port, string megabytes) => $"""
        http_port 127.0.0.1:{port} accel defaultsite=load.example
        cache_peer 127.0.0.1 parent {origin} 0 no-query originserver name=origin no-digest
        http_access allow all
        cache_mem {megabytes} MB
        maximum_object_size_in_memory 8 MB
        collapsed_forwarding on
        access_log none
        cache_log {work}/squid.log
        cache_store_log none
        pid_filename {work}/squid.pid
        coredump_dir {work}
        pinger_enable off
        icp_port 0
        client_db off
        via off
        forwarded_for delete
        max_filedescriptors 8192
        shutdown_lifetime 0 seconds

        """;
}
