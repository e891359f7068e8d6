using Items.Api.Catalog;
using Items.Api.Tests.Database;
using Microsoft.Extensions.DependencyInjection;

namespace Items.Api.Tests;

/// <summary>
/// How much faster an item is read from the process's cache than from PostgreSQL: at <see cref="ItemStore.FindAsync"/>, and over HTTP with the client in
/// the same process. Asked for only: <c>dotnet build -c Release tests/Items.Api.Tests</c>, then its program with <c>-explicit only -class "*.ReadBenchmark"</c>.
/// </summary>
public sealed class ReadBenchmark(PostgreSqlDatabase database) : IClassFixture<PostgreSqlDatabase>
{
    private const int Items = 1000;
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(3);

    [Fact(Explicit = true)]
    public async Task Reads_from_the_cache_against_reads_from_the_database()
    {
        (string, string)[] quiet = [("Logging:LogLevel:Default", "Error"), ("Items:Seed", $"{Items}")];
        await using var cached = RunningApi.Start(database.Provider, database.NewConnection(), quiet);
        await using var direct = RunningApi.Start(database.Provider, database.NewConnection(), [.. quiet, ("Items:Cache:Item:Lifetime", "00:00:00")]);
        foreach (var (name, callers, read) in new (string, int, Func<RunningApi, long, Task>)[] { ("FindAsync", 16, FindAsync), ("HTTP", 32, GetAsync) })
        {
            await CountAsync(cached, callers, read); // warm
            await CountAsync(direct, callers, read);
            for (var round = 1; round <= 3; round++)
            {
                var fast = await CountAsync(cached, callers, read);
                var slow = await CountAsync(direct, callers, read);
                TestContext.Current.SendDiagnosticMessage("{0}", $"{name}, {callers} callers: cache {fast:n0}/s, PostgreSQL {slow:n0}/s, ratio {fast / slow:n1}");
            }
        }
    }

    private static async Task FindAsync(RunningApi api, long id)
    {
        await using var scope = api.Services.CreateAsyncScope();
        (await scope.ServiceProvider.GetRequiredService<ItemStore>().FindAsync(id, default)).ShouldNotBeNull();
    }

    private static async Task GetAsync(RunningApi api, long id) => await api.Client.GetByteArrayAsync($"/items/{id}");

    private static async Task<double> CountAsync(RunningApi api, int callers, Func<RunningApi, long, Task> read)
    {
        var began = TimeProvider.System.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(async () =>
        {
            var count = 0L;
            while (TimeProvider.System.GetElapsedTime(began) < Length)
                await read(api, ((caller * 31) + count++) % Items + 1);
            return count;
        })));
        return counts.Sum() / TimeProvider.System.GetElapsedTime(began).TotalSeconds;
    }
}
