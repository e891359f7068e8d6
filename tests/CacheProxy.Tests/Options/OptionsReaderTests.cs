using Microsoft.Extensions.Configuration;

namespace CacheProxy.Tests.Options;

public class OptionsReaderTests
{
    [Fact]
    public void Every_option_is_read()
    {
        var (options, complaints) = Read(new()
        {
            ["Origin"] = "http://a, http://b",
            ["Profile"] = "Rfc9111",
            ["MemoryBudgetBytes"] = "1GiB",
            ["LaggardGrace"] = "1s",
            ["Routes:api:Enabled"] = "false",
            ["Routes:api:MaxAge"] = "10s",
            ["Routes:api:MaxBodyBytes"] = "1KiB",
        });
        complaints.ShouldBeEmpty();
        options.Origin.ShouldBe("http://a, http://b");
        options.Profile.ShouldBe(CacheProfile.Rfc9111);
        options.MemoryBudgetBytes.ShouldBe(1L << 30);
        options.LaggardGrace.ShouldBe(TimeSpan.FromSeconds(1));
        options.Routes["API"].Enabled.ShouldBe(false);
        options.Routes["api"].MaxAge.ShouldBe(TimeSpan.FromSeconds(10));
        options.Routes["api"].MaxBodyBytes.ShouldBe(1024);
        options.Routes["api"].Keep.ShouldBeNull();
    }

    [Fact]
    public void All_mistakes_are_told_at_once_each_with_its_key_and_value()
    {
        var (_, complaints) = Read(new()
        {
            ["MemoryBudgtBytes"] = "1GiB",
            ["FinishTime"] = "60",
            ["Profile"] = "Fast",
            ["MaxVariants"] = "many",
            ["Routes:api:MaxAgee"] = "1s",
            ["Xyzzy"] = "1",
            ["MaxBodyBytes:Deep"] = "1",
        });
        complaints.Count.ShouldBe(7);
        complaints.ShouldContain("CacheProxy:MemoryBudgtBytes is not an option. Did you mean CacheProxy:MemoryBudgetBytes?");
        complaints.ShouldContain("CacheProxy:FinishTime is '60'; it takes a duration such as 500ms, 60s, 5m, 1h or 00:01:00.");
        complaints.ShouldContain("CacheProxy:Profile is 'Fast'; it takes OneMinute or Rfc9111.");
        complaints.ShouldContain("CacheProxy:MaxVariants is 'many'; it takes a whole number.");
        complaints.ShouldContain("CacheProxy:Routes:api:MaxAgee is not an option. Did you mean CacheProxy:Routes:api:MaxAge?");
        complaints.ShouldContain(c => c.StartsWith("CacheProxy:Xyzzy is not an option. Known here: Origin, Profile,"));
        complaints.ShouldContain("CacheProxy:MaxBodyBytes is a section; it takes one value.");
    }

    [Fact]
    public void Metadata_is_read_the_same_way_and_other_metadata_is_left_alone()
    {
        var complaints = new List<string>();
        var options = OptionsReader.ReadMetadata("ReverseProxy:Routes:r:Metadata", new Dictionary<string, string>
        {
            ["Cache.MaxAge"] = "5s",
            ["cache.enabled"] = "true",
            ["Team"] = "blue",
            ["Cache.Keeep"] = "1s",
            ["Cache.MaxBodyBytes"] = "big",
        }, complaints);
        options.MaxAge.ShouldBe(TimeSpan.FromSeconds(5));
        options.Enabled.ShouldBe(true);
        complaints.ShouldBe([
            "ReverseProxy:Routes:r:Metadata:Cache.Keeep is not an option. Did you mean Cache.Keep?",
            "ReverseProxy:Routes:r:Metadata:Cache.MaxBodyBytes is 'big'; it takes a number of bytes such as 1048576, 64KiB, 256MiB or 1GiB."]);
    }

    [Fact]
    public void An_empty_value_means_the_default()
    {
        var (options, complaints) = Read(new() { ["MaxVariants"] = "", ["Origin"] = "" });
        complaints.ShouldBeEmpty();
        options.MaxVariants.ShouldBe(64);
        options.Origin.ShouldBeNull();
    }

    private static (CacheProxyOptions Options, List<string> Complaints) Read(Dictionary<string, string?> values)
    {
        var section = new ConfigurationBuilder()
            .AddInMemoryCollection(values.Select(v => KeyValuePair.Create("CacheProxy:" + v.Key, v.Value))).Build().GetSection("CacheProxy");
        var (options, complaints) = (new CacheProxyOptions(), new List<string>());
        OptionsReader.Read(section, complaints, options);
        return (options, complaints);
    }
}
