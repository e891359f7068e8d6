namespace CacheProxy.Host.Tests;

public class ForwardingTests
{
    [Fact]
    public async Task Obs_text_survives_both_ways()
    {
        string? seen = null;
        await using var origin = new RawOrigin(head =>
        {
            seen = head;
            return Task.FromResult(RawOrigin.Response("ok", "Cache-Control: no-store\r\nX-Name: caf\xe9\r\n"));
        });
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address]);
        using var client = await RawClient.ConnectAsync(host.Proxy);
        await client.SendAsync("/", "X-Name: na\xefve\r\n");
        var answer = (await client.ReceiveAsync()).ShouldNotBeNull();
        answer.ShouldContain("X-Name: caf\xe9\r\n");
        answer.ShouldNotContain("Server:");
        seen!.ShouldContain("X-Name: na\xefve\r\n");
        seen!.ShouldNotContain("traceparent", Case.Insensitive);
    }

    [Theory]
    [InlineData(null, "127.0.0.1", "http", "test")]
    [InlineData("10.0.0.0/8", "127.0.0.1", "http", "test")] // somebody else is trusted
    [InlineData("127.0.0.1", "203.0.113.9", "https", "shop.example")]
    public async Task A_forwarded_address_is_believed_from_trusted_proxies_only(string? trusted, string address, string scheme, string host)
    {
        string? seen = null;
        await using var origin = new RawOrigin(head =>
        {
            seen = head;
            return Task.FromResult(RawOrigin.Response("ok"));
        });
        await using var proxy = await HostProcess.StartAsync(["--origin", origin.Address, .. trusted is null ? Array.Empty<string>() : ["--CacheProxy:TrustedProxies", trusted]]);
        using var client = await RawClient.ConnectAsync(proxy.Proxy);
        await client.SendAsync("/", "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n");
        await client.ReceiveAsync();
        seen!.ShouldContain($"X-Forwarded-For: {address}\r\n");
        seen!.ShouldContain($"X-Forwarded-Proto: {scheme}\r\n");
        seen!.ShouldContain($"X-Forwarded-Host: {host}\r\n");
    }

    [Fact]
    public async Task Cookie_affinity_has_its_key_when_it_needs_it()
    {
        await using var one = new RawOrigin(_ => Task.FromResult(RawOrigin.Response("one")));
        await using var two = new RawOrigin(_ => Task.FromResult(RawOrigin.Response("two")));
        var home = HostProcess.NewFolder();
        await using var host = await HostProcess.StartAsync([], null, ("HOME", home),
            ("ReverseProxy__Routes__all__ClusterId", "c"), ("ReverseProxy__Routes__all__Match__Path", "{**rest}"),
            ("ReverseProxy__Clusters__c__Destinations__one__Address", one.Address), ("ReverseProxy__Clusters__c__Destinations__two__Address", two.Address),
            ("ReverseProxy__Clusters__c__SessionAffinity__Enabled", "true"), ("ReverseProxy__Clusters__c__SessionAffinity__Policy", "Cookie"),
            ("ReverseProxy__Clusters__c__SessionAffinity__AffinityKeyName", "stay"));
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = true }) { BaseAddress = host.Proxy };
        async Task<string> PostAsync()
        {
            using var answer = await client.PostAsync("/", null, TestContext.Current.CancellationToken);
            return await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        }
        var first = await PostAsync();
        for (var i = 0; i < 12; i++)
            (await PostAsync()).ShouldBe(first);
        Directory.EnumerateFiles(home, "key-*.xml", SearchOption.AllDirectories).ShouldHaveSingleItem();
        Directory.Delete(home, recursive: true);
    }

    [Fact]
    public async Task Heads_that_are_too_large_never_reach_the_origin()
    {
        var requests = 0;
        await using var origin = new RawOrigin(_ =>
        {
            requests++;
            return Task.FromResult(RawOrigin.Response("ok"));
        });
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address]);
        foreach (var (path, fields, status) in new[]
        {
            ("/" + new string('a', 9000), "", "414"), ("/", $"X-Long: {new string('b', 15000)}\r\n", "431"),
            ("/", string.Concat(Enumerable.Range(0, 101).Select(i => $"X-{i}: 1\r\n")), "431"),
        })
        {
            using var client = await RawClient.ConnectAsync(host.Proxy);
            await client.SendAsync(path, fields);
            (await client.ReceiveAsync()).ShouldNotBeNull().ShouldStartWith($"HTTP/1.1 {status} ");
        }

        requests.ShouldBe(0);
    }

    [Fact]
    public async Task Limits_can_be_changed_in_the_Kestrel_section()
    {
        await using var origin = RawOrigin.Hello();
        await using var host = await HostProcess.StartAsync(["--origin", origin.Address, "--Kestrel:Limits:MaxRequestLineSize", "20000"]);
        using var client = await RawClient.ConnectAsync(host.Proxy);
        await client.SendAsync("/" + new string('a', 9000));
        (await client.ReceiveAsync()).ShouldNotBeNull().ShouldStartWith("HTTP/1.1 200 ");
    }

    [Fact]
    public async Task A_large_upload_passes()
    {
        await using var upload = await UploadOrigin.StartAsync();
        await using var host = await HostProcess.StartAsync(["--origin", upload.Address]);
        using var client = new HttpClient { BaseAddress = host.Proxy };
        using var body = new ByteArrayContent(new byte[40 << 20]); // Kestrel's own default is 30 MB
        var answer = await client.PostAsync("/", body, TestContext.Current.CancellationToken);
        (await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).ShouldBe($"{40 << 20}");
    }
}
