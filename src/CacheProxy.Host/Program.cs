using CacheProxy;
using CacheProxy.Admin;
using CacheProxy.Diagnostics;
using CacheProxy.Host;
using CacheProxy.Warming;

if (HealthProbe.IsAskedFor(args))
    return await HealthProbe.RunAsync(args);

try
{
    // 1. Configuration: all of it, checked, before anything else happens.
    CommandLine.Check(args);
    var builder = WebApplication.CreateSlimBuilder(args);
    builder.Configuration.AddCommandLine(args, CommandLine.Switches);
    using var configuration = AcceptedConfiguration.Read(builder.Configuration);
    var service = configuration.Service;

    // 2. The parts.
    builder.AddConsoleLog(service.LogFormat);
    builder.AddProxyServer(service.InlineSockets, service.FastHits && !service.AccessLog && !Telemetry.IsOn, TrustedProxies.Of(configuration.Cache.TrustedProxies));
    builder.Services.AddSingleton(TimeProvider.System);
    builder.Services.AddSingleton<Readiness>();
    builder.Services.AddSingleton<PrometheusExporter>();
    builder.Services.AddSingleton(service.Admin);
    builder.Services.AddHostedService<AdminServer>();
    if (BackgroundCollections.AreOfUse)
        builder.Services.AddHostedService<BackgroundCollections>();
    if (service.EventLoopsFirst && Precedence.IsOfUse)
        builder.Services.AddSingleton<Precedence>().AddHostedService(services => services.GetRequiredService<Precedence>());
    Telemetry.AddTo(builder.Services);
    configuration.AddOptions(builder.Services);
    builder.Services.AddHttpCache();
    builder.Services.AddReverseProxy().LoadFromConfig(configuration.Configuration.GetSection("ReverseProxy"));
    DataProtectionOnFirstUse.AddTo(builder.Services);
    await using var app = builder.Build();

    // 3. The way of a request: every path goes to the origin.
    var draining = app.Services.GetRequiredService<Draining>();
    app.Use(draining.WatchAsync);
    TrustedProxies.Use(app, configuration.Cache.TrustedProxies);
    if (service.AccessLog)
        AccessLog.Use(app);
    app.MapReverseProxy(proxy =>
    {
        proxy.UseHttpCache();
        proxy.UseSessionAffinity();
        proxy.UseLoadBalancing();
        proxy.UsePassiveHealthChecks();
    });

    // 4. Run until asked to stop; then drain, and finish what is in flight.
    var log = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("CacheProxy.Host");
    RuntimeVersion.Check(log);
    configuration.Follow(log);
    await app.StartAsync();
    await app.Services.GetRequiredService<Warmer>().UntilReadyAsync();
    app.Services.GetRequiredService<Readiness>().Started();
    Log.ProxyListening(log, string.Join(", ", app.Urls));
    await app.StopRequestedAsync();
    await draining.DrainAsync(configuration.Service.DrainTime);
    await app.StopWithinAsync(configuration.Service.ShutdownTimeout, log);
    return 0;
}
catch (Exception failure) when (StartFailure.Explain(failure) is { } explanation)
{
    await Console.Error.WriteLineAsync(explanation);
    return 1;
}
