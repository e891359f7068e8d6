namespace CacheProxy.Tests.Options;

public class CacheProxyOptionsValidatorTests
{
    [Fact]
    public void Defaults_are_valid() => Complaints(_ => { }).ShouldBeEmpty();

    [Fact]
    public void Every_option_out_of_range_is_named_with_its_value_and_range() => Complaints(o =>
    {
        o.MemoryBudgetBytes = 5;
        o.MaxVariants = 0;
        o.RecordingBudgetBytes = (1L << 40) + 1;
        o.LaggardGrace = TimeSpan.Zero;
        o.FinishBytes = -1;
        o.FinishTime = TimeSpan.FromMinutes(11);
        o.UncacheableMemory = TimeSpan.FromSeconds(-1);
        o.ConnectTimeout = TimeSpan.FromMinutes(2);
        o.ActivityTimeout = TimeSpan.FromHours(2);
    }).ShouldBe([
        "CacheProxy:MemoryBudgetBytes is 5; allowed: 1MiB to 1TiB.",
        "CacheProxy:MaxVariants is 0; allowed: 1 to 1024.",
        "CacheProxy:RecordingBudgetBytes is 1099511627777; allowed: 1MiB to 1TiB.",
        "CacheProxy:LaggardGrace is 0; allowed: 100ms to 1m.",
        "CacheProxy:FinishBytes is -1; allowed: 0 to 1GiB.",
        "CacheProxy:FinishTime is 11m; allowed: 0 to 10m.",
        "CacheProxy:UncacheableMemory is -1s; allowed: 0 to 1h.",
        "CacheProxy:ConnectTimeout is 2m; allowed: 100ms to 1m.",
        "CacheProxy:ActivityTimeout is 2h; allowed: 100ms to 1h."]);

    [Fact]
    public void Body_may_take_a_quarter_of_the_budget_and_the_default_gives_way()
    {
        Complaints(o => o.MemoryBudgetBytes = 1 << 20).ShouldBeEmpty();
        Complaints(o => (o.MemoryBudgetBytes, o.MaxBodyBytes) = (1 << 20, 1 << 18)).ShouldBeEmpty();
        Complaints(o => (o.MemoryBudgetBytes, o.MaxBodyBytes) = (1 << 20, (1 << 18) + 1))
            .ShouldBe(["CacheProxy:MaxBodyBytes is 262145; allowed: 0 to 256KiB."]);
    }

    [Theory]
    [InlineData("http://api:8080")]
    [InlineData("https://api.example, http://[::1]:81/base ,")]
    public void Origin_is_one_or_more_urls(string origin) => Complaints(o => o.Origin = origin).ShouldBeEmpty();

    [Theory]
    [InlineData("api:8080", "names 'api:8080'")]
    [InlineData("http://a,ftp://b", "names 'ftp://b'")]
    [InlineData("http://user:secret@a", "without user")]
    [InlineData("http://a?x=1", "without user, query")]
    [InlineData("http://a,http://A", "twice")]
    [InlineData(",", "takes one or more")]
    public void Origin_that_is_none_is_refused(string origin, string complaint) =>
        Complaints(o => o.Origin = origin).ShouldHaveSingleItem().ShouldContain(complaint);

    [Theory]
    [InlineData("10.0.0.7, ::1, 10.0.0.0/8, fd00::/8", 0)]
    [InlineData("10.0.0.1/8", 1)] // bits below the prefix: what was meant?
    [InlineData("nginx, 10, 1.2.3.4/99", 3)]
    public void Trusted_proxies_are_addresses_or_ranges(string proxies, int complaints) =>
        Complaints(o => o.TrustedProxies = proxies).Count.ShouldBe(complaints);

    [Fact]
    public void Route_overrides_are_checked_where_they_stand() => Complaints(o =>
    {
        o.Routes["api"] = new() { DefaultLifetime = TimeSpan.FromDays(366), MaxAge = TimeSpan.Zero, MaxBodyBytes = 1L << 31 };
    }).ShouldBe([
        "CacheProxy:Routes:api:DefaultLifetime is 366d; allowed: 0 to 365d.",
        "CacheProxy:Routes:api:MaxAge is 0; allowed: 1s to 365d.",
        "CacheProxy:Routes:api:MaxBodyBytes is 2GiB; allowed: 0 to 64MiB."]);

    [Fact]
    public void Credential_fields_are_field_names() =>
        Complaints(o => o.CredentialFields = "X-Key, X Y").ShouldHaveSingleItem().ShouldContain("'X Y'");

    [Fact]
    public void Warming_is_checked_with_the_rest() => Complaints(o =>
    {
        var w = o.Warming;
        (w.TopKeys, w.MaxUrls, w.RequestsPerSecond, w.Concurrency, w.ReadyWait) = (0, 0, 10_001, 65, TimeSpan.FromMinutes(11));
        (w.Urls, w.Sitemaps) = ("/items, http://shop.example/a", "ftp://a/b");
        (w.UrlsFile, w.TopKeysFile, w.AcceptEncoding) = ("/no/such/file", "/no/such/folder/top", "gzip\r\nX: y");
    }).ShouldBe([
        "CacheProxy:Warming:TopKeys is 0; allowed: 1 to 100000.",
        "CacheProxy:Warming:MaxUrls is 0; allowed: 1 to 1000000.",
        "CacheProxy:Warming:RequestsPerSecond is 10001; allowed: 1 to 10000.",
        "CacheProxy:Warming:Concurrency is 65; allowed: 1 to 64.",
        "CacheProxy:Warming:ReadyWait is 11m; allowed: 0 to 10m.",
        "CacheProxy:Warming:Urls names '/items'; it takes absolute URLs as clients use them, such as https://shop.example/items/1, separated by commas.",
        "CacheProxy:Warming:Sitemaps names 'ftp://a/b'; it takes absolute URLs as clients use them, such as https://shop.example/items/1, separated by commas.",
        "CacheProxy:Warming:UrlsFile is '/no/such/file'; there is no such file.",
        "CacheProxy:Warming:TopKeysFile is '/no/such/folder/top'; there is no such folder.",
        "CacheProxy:Warming:AcceptEncoding has a control character or one outside ASCII; it goes into a header field."]);

    private static List<string> Complaints(Action<CacheProxyOptions> change)
    {
        var (options, complaints) = (new CacheProxyOptions(), new List<string>());
        change(options);
        CacheProxyOptionsValidator.Check(options, complaints);
        return complaints;
    }
}
