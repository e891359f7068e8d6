using System.Data.Common;
using System.Globalization;
using CacheProxy.Origin;
using Items.Api.Caching;
using Items.Api.Database;
using Items.Api.Http;
using Microsoft.Data.Sqlite;
using Microsoft.Net.Http.Headers;
using Npgsql;

namespace Items.Api;

/// <summary>Reads <see cref="ItemsOptions"/>. Complains of everything at once, naming key, value and what is allowed.</summary>
internal sealed class ItemsConfiguration(IConfiguration configuration, string contentRoot)
{
    private const int MostSeeds = 100_000;
    private static readonly TimeSpan ShortestStart = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestStart = TimeSpan.FromHours(1);

    private readonly List<string> _complaints = [];

    /// <exception cref="StartupException">Something is wrong; the message has a line for each fault.</exception>
    public static ItemsOptions Read(IConfiguration configuration, string contentRoot)
    {
        var reader = new ItemsConfiguration(configuration, contentRoot);
        var options = reader.ReadAll();
        return reader._complaints.Count == 0
            ? options
            : throw new StartupException("The configuration is refused:\n" + string.Join('\n', reader._complaints));
    }

    private ItemsOptions ReadAll()
    {
        var provider = ReadProvider();
        var usual = new CacheControlOptions();
        return new ItemsOptions
        {
            Provider = provider,
            ConnectionString = provider == DatabaseProvider.PostgreSql ? ReadPostgreSql() : ReadSqlite(),
            Seed = ReadSeed(),
            StartTimeout = ReadStartTimeout(),
            Redis = configuration["Items:Redis"] is { Length: > 0 } redis ? redis
                : configuration["ConnectionStrings:Redis"] is { Length: > 0 } connection ? connection : null,
            Cache = ReadCache(),
            CacheControl = new CacheControlOptions
            {
                Item = ReadCacheControl(nameof(usual.Item), usual.Item),
                List = ReadCacheControl(nameof(usual.List), usual.List),
                Document = ReadCacheControl(nameof(usual.Document), usual.Document),
                Health = ReadCacheControl(nameof(usual.Health), usual.Health),
                Write = ReadCacheControl(nameof(usual.Write), usual.Write),
                Error = ReadCacheControl(nameof(usual.Error), usual.Error),
            },
        };
    }

    private DatabaseProvider ReadProvider()
    {
        const string key = "Items:Provider";
        if (configuration[key] is not { Length: > 0 } value)
            return DatabaseProvider.Sqlite;
        if (Enum.GetNames<DatabaseProvider>().Contains(value, StringComparer.OrdinalIgnoreCase))
            return Enum.Parse<DatabaseProvider>(value, ignoreCase: true);
        Complain(key, value, "Sqlite or PostgreSql");
        return DatabaseProvider.Sqlite;
    }

    private string ReadSqlite() =>
        ReadConnection(
            "a SQLite connection string that names a file, as 'Data Source=items.db' (for a server, set Items:Provider to PostgreSql)",
            text => new SqliteConnectionStringBuilder(text ?? "Data Source=items.db"),
            builder => builder.Mode != SqliteOpenMode.Memory && builder.DataSource is { Length: > 0 } file && !file.StartsWith(':')
                && !file.StartsWith("file:", StringComparison.OrdinalIgnoreCase),
            builder => builder.DataSource = Path.GetFullPath(builder.DataSource, contentRoot));

    private string ReadPostgreSql() =>
        ReadConnection("a PostgreSQL connection string, as 'Host=...;Database=...;Username=...;Password=...'",
            text => new NpgsqlConnectionStringBuilder(text ?? ""), builder => !string.IsNullOrWhiteSpace(builder.Host), _ => { });

    /// <summary>The complaint does not repeat the value: there may be a password in it.</summary>
    private string ReadConnection<T>(string allowed, Func<string?, T> parse, Func<T, bool> isValid, Action<T> complete)
        where T : DbConnectionStringBuilder
    {
        const string key = "ConnectionStrings:Items";
        var value = configuration[key] is { Length: > 0 } text ? text : null;
        try
        {
            var builder = parse(value);
            if (isValid(builder))
            {
                complete(builder);
                return builder.ConnectionString;
            }
            Complain(key, value is null ? null : "(not shown)", allowed);
        }
        catch (Exception unreadable) when (unreadable is ArgumentException or FormatException or KeyNotFoundException)
        {
            Complain(key, "(not shown)", $"{allowed}; {unreadable.Message}");
        }
        return "";
    }

    private int ReadSeed()
    {
        const string key = "Items:Seed";
        if (configuration[key] is not { Length: > 0 } value)
            return 0;
        if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var seed) && seed <= MostSeeds)
            return seed;
        Complain(key, value, $"a whole number from 0 to {MostSeeds}");
        return 0;
    }

    private TimeSpan ReadStartTimeout()
    {
        const string key = "Items:StartTimeout";
        var usual = TimeSpan.FromSeconds(30);
        if (configuration[key] is not { Length: > 0 } value)
            return usual;
        if (TimeSpan.TryParseExact(value, @"hh\:mm\:ss", CultureInfo.InvariantCulture, out var timeout)
            && timeout >= ShortestStart && timeout <= LongestStart)
        {
            return timeout;
        }
        Complain(key, value, $"hh:mm:ss from {ShortestStart} to {LongestStart}");
        return usual;
    }

    private CacheOptions ReadCache()
    {
        var usual = new CacheOptions();
        var list = ReadPolicy("Items:Cache:List", usual.List);
        if (list.Writes == WritePolicy.WriteThrough)
            Complain("Items:Cache:List:Writes", "WriteThrough", "Ttl or WriteInvalidate: a write does not know what it does to each page");
        return new CacheOptions
        {
            Item = ReadPolicy("Items:Cache:Item", usual.Item),
            List = list,
            PublicOrigins = ReadList("Items:Cache:PublicOrigins"),
            WarmFile = configuration["Items:Cache:WarmFile"] is { Length: > 0 } file ? Path.GetFullPath(file, contentRoot) : null,
            WarmKeys = ReadList("Items:Cache:WarmKeys"),
        };
    }

    private EntryPolicy ReadPolicy(string section, EntryPolicy usual)
    {
        var before = _complaints.Count;
        var policy = usual with
        {
            Writes = ReadWrites($"{section}:Writes", usual.Writes),
            Lifetime = ReadTime($"{section}:Lifetime") ?? usual.Lifetime,
            LocalLifetime = ReadTime($"{section}:LocalLifetime") ?? usual.LocalLifetime,
            Jitter = ReadFraction($"{section}:Jitter", usual.Jitter),
            RefreshAt = ReadFraction($"{section}:RefreshAt", usual.RefreshAt),
            StaleIfError = ReadTime($"{section}:StaleIfError") ?? usual.StaleIfError,
            NegativeLifetime = ReadTime($"{section}:NegativeLifetime") ?? usual.NegativeLifetime,
        };
        if (_complaints.Count == before)
            _complaints.AddRange(policy.Complaints(section).Select(complaint => "  " + complaint));
        return policy;
    }

    private WritePolicy ReadWrites(string key, WritePolicy usual)
    {
        if (configuration[key] is not { Length: > 0 } value)
            return usual;
        if (Enum.GetNames<WritePolicy>().Contains(value, StringComparer.OrdinalIgnoreCase))
            return Enum.Parse<WritePolicy>(value, ignoreCase: true);
        Complain(key, value, "Ttl, WriteInvalidate or WriteThrough");
        return usual;
    }

    private TimeSpan? ReadTime(string key)
    {
        if (configuration[key] is not { Length: > 0 } value)
            return null;
        if (TimeSpan.TryParseExact(value, ["c", @"hh\:mm\:ss"], CultureInfo.InvariantCulture, out var time))
            return time;
        Complain(key, value, "a time as hh:mm:ss");
        return null;
    }

    private double ReadFraction(string key, double usual)
    {
        if (configuration[key] is not { Length: > 0 } value)
            return usual;
        if (double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            return number;
        Complain(key, value, "a number from 0 to 1");
        return usual;
    }

    private string[] ReadList(string key) =>
        configuration[key]?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];

    private string ReadCacheControl(string row, string usual)
    {
        var key = $"Items:CacheControl:{row}";
        var value = configuration[key];
        if (value is null)
            return usual;
        if (value.Length == 0 || CacheControlHeaderValue.TryParse(value, out _))
            return value;
        Complain(key, value, "a Cache-Control value, as 'public, max-age=30', or empty to send none");
        return usual;
    }

    private void Complain(string key, string? value, string allowed) =>
        _complaints.Add(value is null ? $"  {key} is missing; it must be {allowed}." : $"  {key} is '{value}'; it must be {allowed}.");
}
