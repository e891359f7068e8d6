using static CacheProxy.Tests.Scenarios.RawClient;

namespace CacheProxy.Tests.Scenarios;

/// <summary>Fields that change what origins answer, and fields that Connection names.</summary>
public sealed class SecurityFieldsTests
{
    /// <summary>Names by which origins and their frameworks are known to take another host, path, scheme, method or client than the request's.</summary>
    public static readonly TheoryData<string> Overrides =
    [
        "Forwarded", "X-Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Forwarded-Scheme",
        "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server", "X-Forwarded-Path", "X-Forwarded-Uri", "X-Forwarded-Url",
        "X-Forwarded-Ssl", "X-Forwarded-By", "X-Forwarded-User", "X-Forwarded-Method", "X-Forwarded-Anything", "X-Host", "X-Original-Host",
        "X-Original-URL", "X-Original-URI", "X-Original-For", "X-Original-Proto", "X-Original-Prefix", "X-Original-Method", "X-Rewrite-URL",
        "X-Rewrite-URI", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-HTTP-Host-Override", "X-Url-Scheme", "X-Scheme",
        "X-Script-Name", "Front-End-Https", "Proxy", "Base-Url", "Request-Uri", "X-Middleware-Rewrite", "X-Middleware-Subrequest",
        "X-Middleware-Prefetch", "X-Invoke-Path", "X-Invoke-Query", "X-Invoke-Status", "X-Matched-Path", "X-Now-Route-Matches", "X-Real-IP",
        "X-Client-IP", "Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Cluster-Client-IP", "X-Originating-IP", "X-Remote-IP",
        "X-Remote-Addr", "X-Custom-IP-Authorization", "X_Forwarded_Host", "x_forwarded-proto", "X_Original_URL", "X_HTTP_METHOD_OVERRIDE",
        "x-forwarded-HOST", "X_Forwarded_For",
    ];

    [Theory]
    [MemberData(nameof(Overrides))]
    public async Task Override_does_not_reach_an_origin_that_reflects_it(string name)
    {
        await using var origin = SecurityOracle.Telling();
        await SecurityOracle.HoldsAsync(origin, Get("/p", $"{name}: evil.example"), Get("/p"));
        origin.Requests.ShouldAllBe(r => !r.Head.Contains("evil.example"));
        // Twice, and with the client's word that it is for us alone.
        await SecurityOracle.HoldsAsync(origin, Get("/p", $"{name}: evil.example", $"{name}: evil.example", $"Connection: {name}"), Get("/p"));
        origin.Requests.ShouldAllBe(r => !r.Head.Contains("evil.example"));
    }

    [Theory]
    [InlineData("X-Forwarded-Host")]
    [InlineData("X-Forwarded-Proto")]
    [InlineData("X-Original-URL")]
    [InlineData("X_Forwarded_Host")]
    [InlineData("Proxy")]
    public async Task Override_does_not_reach_the_origin_of_a_passed_request_either(string name)
    {
        await using var origin = SecurityOracle.Telling();
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await AskAsync(proxy, Request("POST", "/p", "Content-Length: 0", $"{name}: evil.example"));
        await AskAsync(proxy, Request("HEAD", "/p", $"{name}: evil.example"));
        await AskAsync(proxy, Get("/p", "Cookie: a=b", $"{name}: evil.example"));
        origin.Requests.Count.ShouldBe(3);
        origin.Requests.ShouldAllBe(r => !r.Head.Contains("evil.example"));
    }

    [Fact]
    public async Task Method_override_of_a_post_is_the_origins_business()
    {
        await using var origin = SecurityOracle.Telling();
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await AskAsync(proxy, Request("POST", "/p", "Content-Length: 0", "X-HTTP-Method-Override: DELETE"));
        origin.Requests.Single()["X-HTTP-Method-Override"].ShouldBe("DELETE");
    }

    [Fact]
    public async Task Origin_is_told_the_clients_address_scheme_and_host_by_the_proxy_alone()
    {
        await using var origin = SecurityOracle.Telling();
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        string[] lies = ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example"];
        await AskAsync(proxy, Get("/p", lies));
        await AskAsync(proxy, Request("POST", "/p", ["Content-Length: 0", .. lies]));
        foreach (var request in origin.Requests)
        {
            request["X-Forwarded-For"].ShouldBe("127.0.0.1");
            request["X-Forwarded-Proto"].ShouldBe("http");
            request["X-Forwarded-Host"].ShouldBe("site.example");
        }
    }

    [Theory]
    [InlineData("X-Forwarded-For")]
    [InlineData("Forwarded, X-Forwarded-For")]
    public async Task What_varies_by_the_clients_address_is_shared_with_nobody(string vary)
    {
        // The origin sees the address that we tell, not the field that clients send: comparing fields says nothing.
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond($"{r["X-Forwarded-For"]} {r.Number}", "200 OK", $"Vary: {vary}\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        (await GetAsync(proxy, "/p")).Body.ShouldBe("127.0.0.1 1");
        (await GetAsync(proxy, "/p")).Body.ShouldBe("127.0.0.1 2");
    }

    [Theory]
    [InlineData("Connection: X-Secret")]
    [InlineData("Connection: X-Other\r\nConnection: x-secret")]
    [InlineData("Connection: ,, X-SECRET ,")]
    public async Task Named_request_field_is_gone_before_the_key_and_the_origin(string connection)
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond($"secret {r["X-Secret"] ?? "none"}", "200 OK", "Vary: X-Secret\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        (await GetAsync(proxy, "/p", "X-Secret: evil", connection)).Body.ShouldBe("secret none");
        (await GetAsync(proxy, "/p")).Body.ShouldBe("secret none");
        (await GetAsync(proxy, "/p", "X-Secret: other", connection)).Body.ShouldBe("secret none");
        origin.Requests.Count.ShouldBe(1);
        (await GetAsync(proxy, "/p", "X-Secret: mine")).Body.ShouldBe("secret mine");
        (await GetAsync(proxy, "/p")).Body.ShouldBe("secret none");
    }

    [Theory]
    [InlineData("Connection: X-Secret, close")]
    [InlineData("Connection: keep-alive\r\nConnection: x-secret")]
    [InlineData("Connection: \"a, X-Secret")]
    public async Task Where_the_server_loses_the_names_key_and_origin_still_agree(string connection)
    {
        // Kestrel replaces a Connection field that says close or keep-alive by that word alone.
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond($"secret {r["X-Secret"] ?? "none"}", "200 OK", "Vary: X-Secret\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var odd = await GetAsync(proxy, "/p", "X-Secret: evil", connection);
        odd.Body.ShouldBe($"secret {origin.Requests[0]["X-Secret"] ?? "none"}");
        (await GetAsync(proxy, "/p")).Body.ShouldBe("secret none");
        (await GetAsync(proxy, "/p", "X-Secret: mine")).Body.ShouldBe("secret mine");
    }

    [Fact]
    public async Task Named_field_does_not_carry_one_variants_body_to_another()
    {
        // An origin with one tag for all its languages.
        await using var origin = ScriptedOrigin.Answering(r => r["If-None-Match"] is not null
            ? "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nVary: X-Lang\r\nCache-Control: max-age=10\r\n\r\n"
            : StoryTests.Respond($"lang {r["X-Lang"] ?? "none"}", "200 OK", "ETag: \"v1\"\r\nVary: X-Lang\r\nCache-Control: max-age=10\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await GetAsync(proxy, "/p", "X-Lang: evil");
        proxy.Time.Advance(TimeSpan.FromSeconds(11));
        await GetAsync(proxy, "/p", "X-Lang: evil", "Connection: X-Lang");
        (await GetAsync(proxy, "/p")).Body.ShouldBe("lang none");
    }

    [Theory]
    [InlineData("Host")]
    [InlineData("Content-Length")]
    [InlineData("Transfer-Encoding")]
    [InlineData("Authorization")]
    [InlineData("Cookie")]
    [InlineData("Cache-Control")]
    [InlineData("Content-Type")]
    [InlineData("Pragma")]
    public async Task What_everybody_must_see_cannot_be_named_away_by_a_client(string name)
    {
        await using var origin = SecurityOracle.Telling();
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        string[] fields = ["Authorization: Basic YTpi", "Cookie: a=b", "Cache-Control: max-age=1", "Content-Type: text/x", "Pragma: x"];
        var length = name == "Transfer-Encoding" ? "Transfer-Encoding: chunked" : "Content-Length: 5";
        var body = name == "Transfer-Encoding" ? "5\r\nhello\r\n0\r\n\r\n" : "hello";
        await using var client = await ConnectAsync(proxy);
        await client.SendAsync(Request("POST", "/p", [.. fields, length, $"Connection: {name}"]) + body + Get("/next", "Cookie: c=d"));
        (await client.ReadAsync()).Status.ShouldBe(200);
        (await client.ReadAsync()).Status.ShouldBe(200);
        origin.Requests.Count.ShouldBe(2);
        var post = origin.Requests[0];
        System.Text.Encoding.Latin1.GetString(post.Body).ShouldBe("hello");
        foreach (var field in fields)
            post.Head.ShouldContain(field + "\r\n", Case.Insensitive);
        post["Host"].ShouldBe($"127.0.0.1:{origin.Port}");
        post["Connection"].ShouldBeNull();
        origin.Requests[1].Target.ShouldBe("/next");
    }

    [Theory]
    [InlineData("Authorization: Basic YTpi", "Authorization")]
    [InlineData("Cookie: a=b", "Cookie")]
    [InlineData("X-Api-Key: k", "X-Api-Key")]
    public async Task Naming_a_credential_does_not_store_a_personal_page(string credential, string name)
    {
        await using var origin = SecurityOracle.Telling();
        await SecurityOracle.HoldsAsync(origin, Get("/p", credential, $"Connection: {name}"), Get("/p"));
    }

    [Theory]
    [InlineData("Proxy-Connection: keep-alive")]
    [InlineData("Keep-Alive: timeout=5")]
    [InlineData("TE: gzip")]
    [InlineData("Proxy-Authorization: Basic YTpi")]
    [InlineData("Proxy-Authenticate: Basic")]
    [InlineData("Upgrade: h2c")]
    [InlineData("HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")]
    public async Task Hop_by_hop_request_field_does_not_reach_the_origin(string field)
    {
        await using var origin = SecurityOracle.Telling();
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        await GetAsync(proxy, "/p", field, "Connection: " + field.Split(':')[0]);
        await GetAsync(proxy, "/q", field);
        origin.Requests.ShouldAllBe(r => r[field.Split(':', 2)[0]] == null);
        origin.Requests.Count.ShouldBe(2);
    }

    [Theory]
    [InlineData("GET", "")]
    [InlineData("POST", "Content-Length: 0\r\n")]
    public async Task Fields_that_the_origin_names_stop_here_on_a_miss_a_hit_and_a_pass(string method, string framing)
    {
        const string answer = "HTTP/1.1 200 OK\r\nConnection: X-Hop, keep-alive, x-other\r\nX-Hop: 1\r\nX-Other: 2\r\nKeep-Alive: timeout=5\r\n"
            + "Proxy-Authenticate: Basic\r\nProxy-Authentication-Info: a\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\nTE: x\r\n"
            + "X-Stays: 3\r\nContent-Length: 2\r\n\r\nok";
        await using var origin = ScriptedOrigin.Answering(_ => answer);
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        for (var i = 0; i < 2; i++)
        {
            var response = await AskAsync(proxy, $"{method} /p HTTP/1.1\r\nHost: site.example\r\n{framing}\r\n");
            response.Body.ShouldBe("ok");
            response["X-Stays"].ShouldBe("3");
            foreach (var gone in new[] { "X-Hop", "X-Other", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Connection", "Upgrade", "TE", "Connection" })
                response[gone].ShouldBeNull(gone);
        }
        origin.Requests.Count.ShouldBe(method == "GET" ? 1 : 2);
    }

    [Theory]
    [InlineData("Cache-Control: no-store", "Cache-Control")]
    [InlineData("Cache-Control: private", "cache-control")]
    [InlineData("Set-Cookie: a=b", "Set-Cookie")]
    [InlineData("Vary: *", "Vary")]
    [InlineData("Expires: 0", "Expires")]
    [InlineData("Pragma: no-cache", "Pragma")]
    [InlineData("Age: 100", "Age")]
    [InlineData("Content-Range: bytes 0-1/9", "Content-Range")]
    public async Task What_says_how_a_response_is_stored_cannot_be_named_away(string field, string name)
    {
        await using var origin = ScriptedOrigin.Answering(r => StoryTests.Respond($"body {r.Number}", "200 OK", $"{field}\r\nConnection: {name}\r\n"));
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        var response = await GetAsync(proxy, "/p");
        response.Body.ShouldBe("body 1");
        response.Fields.ShouldContain(field);
        if (name != "Content-Range")
            (await GetAsync(proxy, "/p")).Body.ShouldBe("body 2");
    }

    [Fact]
    public async Task Length_cannot_be_named_away_by_the_origin()
    {
        await using var origin = ScriptedOrigin.Answering(_ => "HTTP/1.1 200 OK\r\nConnection: Content-Length\r\nContent-Length: 2\r\n\r\nok");
        await using var proxy = await RunningProxy.StartAsync(origin.Address);
        for (var i = 0; i < 2; i++)
            (await GetAsync(proxy, "/p")).ShouldSatisfyAllConditions(r => r.Body.ShouldBe("ok"), r => r["Content-Length"].ShouldBe("2"));
        origin.Requests.Count.ShouldBe(1);
    }
}
