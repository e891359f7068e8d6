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

    [Theory]
    [InlineData("Items:Provider", "Oracle", "Sqlite or PostgreSql")]
    [InlineData("Items:Provider", "1", "Sqlite or PostgreSql")]
    [InlineData("Items:Seed", "-1", "0 to 100000")]
    [InlineData("Items:Seed", "100001", "0 to 100000")]
    [InlineData("Items:Seed", "many", "0 to 100000")]
    [InlineData("Items:StartTimeout", "30", "00:00:01 to 01:00:00")]
    [InlineData("Items:StartTimeout", "00:00:00", "00:00:01 to 01:00:00")]
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
