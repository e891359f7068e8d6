using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Items.Api.Database;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Items.Api.Tests.Database;

public sealed class DatabaseStartTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Start_waits_for_a_server_that_comes_up_later()
    {
        await using var server = new PostgreSqlServer();
        var lines = new Lines(atFirst: server.Start);
        await using var services = Services(DatabaseProvider.PostgreSql, server.NewConnectionBeforeStart(), TimeSpan.FromMinutes(1), lines);

        await services.GetRequiredService<IHostedService>().StartAsync(Cancellation);

        lines.All[0].ShouldContain("not ready (attempt 1, giving up 00:01:00 after the start)");
        lines.All[^1].ShouldBe("The PostgreSql database is ready");
    }

    [Fact]
    public async Task Start_gives_up_saying_what_it_waited_for()
    {
        var time = new CacheProxy.Tests.Scenarios.ManualTime(); // whose timers, unlike those of the one here, go by it
        var lines = new Lines(atFirst: () => time.Advance(TimeSpan.FromMinutes(1)));
        await using var services = Services(DatabaseProvider.PostgreSql, "Host=127.0.0.1;Port=1;Password=secret", TimeSpan.FromMinutes(1), lines, time);

        var failure = await Should.ThrowAsync<StartupException>(
            services.GetRequiredService<IHostedService>().StartAsync(Cancellation));

        failure.Message.ShouldContain("Items:StartTimeout (00:01:00)");
        failure.Message.ShouldContain("Connection refused");
        failure.Message.ShouldNotContain("secret");
    }

    [Fact]
    public async Task Start_that_cannot_help_waiting_fails_at_once()
    {
        var lines = new Lines();
        await using var services = Services(DatabaseProvider.Sqlite, "Data Source=/proc/none/items.db", TimeSpan.FromMinutes(1), lines);

        var failure = await Should.ThrowAsync<StartupException>(
            services.GetRequiredService<IHostedService>().StartAsync(Cancellation));
        failure.Message.ShouldStartWith("The Sqlite database cannot be used: ");
        lines.All.ShouldBeEmpty();
    }

    [Fact]
    public async Task Database_that_goes_away_makes_503_and_an_unhealthy_reply()
    {
        await using var server = new PostgreSqlServer();
        await using var api = RunningApi.Start("PostgreSql", server.NewConnection(), ("Items:Seed", "1"));
        using (var well = await api.Client.GetAsync("/health/", Cancellation))
            well.StatusCode.ShouldBe(HttpStatusCode.OK);

        await server.StopAsync();

        using var read = await api.Client.GetAsync("/items/1", Cancellation);
        read.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        read.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        read.Headers.RetryAfter!.ToString().ShouldBe("1");
        read.Headers.CacheControl!.ToString().ShouldBe("no-store");
        using var ill = await api.Client.GetAsync("/health/", Cancellation);
        ill.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await ill.Content.ReadFromJsonAsync<JsonElement>(Cancellation)).GetRawText()
            .ShouldBe("""{"status":"unhealthy","checks":{"database":"unhealthy","outbox":"healthy"}}""");
    }

    private static ServiceProvider Services(DatabaseProvider provider, string connection, TimeSpan patience, Lines lines, TimeProvider? time = null)
    {
        var options = new ItemsOptions { Provider = provider, ConnectionString = connection, StartTimeout = patience };
        return new ServiceCollection().AddLogging().AddSingleton<IConfiguration>(new ConfigurationBuilder().Build()).AddSingleton<ILogger<DatabaseStart>>(lines).AddSingleton(time ?? TimeProvider.System)
            .AddSingleton(options).AddItemsDatabase(options).BuildServiceProvider();
    }

    /// <summary>Keeps what is logged; and does something when the first line comes.</summary>
    private sealed class Lines(Action? atFirst = null) : ILogger<DatabaseStart>
    {
        public List<string> All { get; } = [];

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            All.Add(formatter(state, exception));
            if (All.Count == 1)
                atFirst?.Invoke();
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;
    }
}
