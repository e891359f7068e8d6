using CacheProxy.Origin;
using Items.Api.Caching;
using Items.Api.Database;
using Items.Api.Http;
using Microsoft.Extensions.Configuration;

namespace Items.Api.Tests;

public sealed class ItemsConfigurationTests
{
    [Fact]
    public void Nothing_configured_is_sqlite_in_the_content_root_and_no_seed()
    {
        var options = Read();
        options.Provider.ShouldBe(DatabaseProvider.Sqlite);
        options.ConnectionString.ShouldBe("Data Source=/app/items.db");
        options.Seed.ShouldBe(0);
        options.StartTimeout.ShouldBe(TimeSpan.FromSeconds(30));
        options.CacheControl.ShouldBe(new CacheControlOptions());
    }

    [Fact]
    public void Everything_configured_is_taken()
    {
        var options = Read(("Items:Provider", "postgresql"), ("ConnectionStrings:Items", "Host=db;Password=p"), ("Items:Seed", "100000"),
            ("Items:StartTimeout", "01:00:00"), ("Items:CacheControl:Item", "private"), ("Items:CacheControl:Error", ""));
        options.Provider.ShouldBe(DatabaseProvider.PostgreSql);
        options.ConnectionString.ShouldBe("Host=db;Password=p");
        options.Seed.ShouldBe(100_000);
        options.StartTimeout.ShouldBe(TimeSpan.FromHours(1));
        options.CacheControl.ShouldBe(new CacheControlOptions { Item = "private", Error = "" });
    }

    [Fact]
    public void Cache_is_configured_for_each_kind_and_Redis_by_either_name()
    {
        var options = Read(("Items:Cache:Item:Writes", "ttl"), ("Items:Cache:Item:Lifetime", "00:00:30"), ("Items:Cache:List:StaleIfError", "01:00:00"),
            ("Items:Cache:WarmKeys", "item:1, page:1-20"), ("Items:Cache:WarmFile", "warm.txt"), ("ConnectionStrings:Redis", "redis:6379"));
        options.Cache.Item.ShouldBe(new CacheOptions().Item with { Writes = WritePolicy.Ttl, Lifetime = TimeSpan.FromSeconds(30) });
        options.Cache.List.ShouldBe(new CacheOptions().List with { StaleIfError = TimeSpan.FromHours(1) });
        options.Cache.WarmKeys.ShouldBe(["item:1", "page:1-20"]);
        options.Cache.WarmFile.ShouldBe("/app/warm.txt");
        options.Redis.ShouldBe("redis:6379");
        Read(("Items:Redis", "a:1"), ("ConnectionStrings:Redis", "b:2")).Redis.ShouldBe("a:1");
        Read().Redis.ShouldBeNull();
    }

    [Theory]
    [InlineData("Items:Provider", "Oracle", "Sqlite or PostgreSql")]
    [InlineData("Items:Provider", "1", "Sqlite or PostgreSql")]
    [InlineData("Items:Seed", "-1", "0 to 100000")]
    [InlineData("Items:Seed", "100001", "0 to 100000")]
    [InlineData("Items:Seed", "many", "0 to 100000")]
    [InlineData("Items:StartTimeout", "30", "00:00:01 to 01:00:00")]
    [InlineData("Items:StartTimeout", "00:00:00", "00:00:01 to 01:00:00")]
    [InlineData("Items:Cache:Item:Writes", "Sometimes", "Ttl, WriteInvalidate or WriteThrough")]
    [InlineData("Items:Cache:Item:Lifetime", "400.00:00:00", "from 00:00:00 to 365.00:00:00")]
    [InlineData("Items:Cache:Item:Lifetime", "five minutes", "a time as hh:mm:ss")]
    [InlineData("Items:Cache:Item:Jitter", "0.95", "from 0 to 0.9")]
    [InlineData("Items:Cache:Item:RefreshAt", "NaN", "from 0.1 to 1")]
    [InlineData("Items:Cache:Item:RefreshAt", "half", "a number from 0 to 1")]
    [InlineData("Items:Cache:List:LocalLifetime", "00:05:00", "to Lifetime (00:01:00)")]
    [InlineData("Items:Cache:List:Writes", "WriteThrough", "Ttl or WriteInvalidate")]
    [InlineData("Items:CacheControl:List", "max-age=", "empty to send none")]
    [InlineData("Items:CacheControl:List", "public\r\nX: y", "empty to send none")]
    public void Bad_value_is_refused_naming_key_value_and_range(string key, string value, string allowed)
    {
        var refusal = Should.Throw<StartupException>(() => Read((key, value)));
        refusal.Message.ShouldContain($"{key} is '{value}'");
        refusal.Message.ShouldContain(allowed);
    }

    [Theory]
    [InlineData("Sqlite", "Host=db;Password=secret", "set Items:Provider to PostgreSql")]
    [InlineData("Sqlite", "Data Source=:memory:", "names a file")]
    [InlineData("Sqlite", "Data Source=x;Mode=Memory", "names a file")]
    [InlineData("Sqlite", "secret", "names a file")]
    [InlineData("PostgreSql", null, "is missing; it must be a PostgreSQL connection string")]
    [InlineData("PostgreSql", "Database=secret", "Host=")]
    [InlineData("PostgreSql", "Host=db;Port=secret", "Host=")]
    public void Bad_connection_string_is_refused_without_being_repeated(string provider, string? connection, string allowed)
    {
        var refusal = Should.Throw<StartupException>(() => Read(("Items:Provider", provider), ("ConnectionStrings:Items", connection)));
        refusal.Message.ShouldContain("ConnectionStrings:Items");
        refusal.Message.ShouldContain(allowed);
        refusal.Message.ShouldNotContain("secret");
    }

    [Fact]
    public void All_faults_are_named_at_once()
    {
        var refusal = Should.Throw<StartupException>(() => Read(("Items:Provider", "x"), ("Items:Seed", "y"), ("Items:StartTimeout", "z")));
        refusal.Message.Split('\n').Length.ShouldBe(4);
    }

    private static ItemsOptions Read(params (string Key, string? Value)[] settings) => ItemsConfiguration.Read(
        new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(one => one.Key, one => one.Value)).Build(), "/app");
}
