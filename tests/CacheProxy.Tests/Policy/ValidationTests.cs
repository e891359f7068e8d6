using CacheProxy.Http;
using CacheProxy.Policy;
using CacheProxy.Tests.Http;
using FsCheck;
using FsCheck.Fluent;

namespace CacheProxy.Tests.Policy;

public class ValidationTests
{
    [Theory]
    [InlineData("conditional-etag-strong-generate", "ETag: \"a\"", "\"a\"", null)]
    [InlineData("conditional-etag-weak-generate-weak", "ETag: W/\"a\"", "W/\"a\"", null)]
    [InlineData("conditional-etag-generate-unquoted", "ETag: a", null, null)]
    [InlineData("conditional-lm-stale", "Last-Modified: Thu, 18 Aug 2020 02:01:18 GMT", null, "Thu, 18 Aug 2020 02:01:18 GMT")]
    [InlineData("as the origin wrote it", "Last-Modified: Thursday, 18-Aug-20 02:01:18 GMT", null, "Thursday, 18-Aug-20 02:01:18 GMT")]
    [InlineData("both", "ETag: \"a\" | Last-Modified: Thu, 18 Aug 2020 02:01:18 GMT", "\"a\"", "Thu, 18 Aug 2020 02:01:18 GMT")]
    [InlineData("unreadable", "ETag: | Last-Modified: yesterday", null, null)]
    [InlineData("contradicting", "Last-Modified: @-1 | Last-Modified: @-2", null, null)]
    [InlineData("none", "", null, null)]
    public void Conditions_are_the_validators_as_written(string source, string stored, string? ifNoneMatch, string? ifModifiedSince)
    {
        var head = HeaderText.Response(stored);

        Validation.Conditions(head).ShouldBe(new ValidationConditions(ifNoneMatch, ifModifiedSince), source);
        Validation.HasValidator(head.Facts).ShouldBe(ifNoneMatch is not null || ifModifiedSince is not null, source);
    }

    [Theory]
    [InlineData("equal tags", "ETag: \"a\"", "ETag: \"a\"", true)]
    [InlineData("other tags", "ETag: \"b\"", "ETag: \"a\"", false)]
    [InlineData("weak and strong", "ETag: W/\"a\"", "ETag: \"a\"", true)]
    [InlineData("weak and strong", "ETag: \"a\"", "ETag: W/\"a\"", true)]
    [InlineData("no validators", "", "ETag: \"a\"", true)]
    [InlineData("an unreadable one is none", "ETag: b", "ETag: \"a\"", true)]
    [InlineData("equal dates", "Last-Modified: @-1", "Last-Modified: @-1", true)]
    [InlineData("other dates", "Last-Modified: @-1", "Last-Modified: @-2", false)]
    [InlineData("the tag decides", "ETag: \"a\" | Last-Modified: @-1", "ETag: \"a\" | Last-Modified: @-2", true)]
    [InlineData("the tag decides", "ETag: \"b\" | Last-Modified: @-1", "ETag: \"a\" | Last-Modified: @-1", false)]
    [InlineData("a strong tag that is not stored", "ETag: \"a\" | Last-Modified: @-1", "Last-Modified: @-1", false)]
    [InlineData("a weak tag that is not stored", "ETag: W/\"a\" | Last-Modified: @-1", "Last-Modified: @-1", true)]
    [InlineData("a date that is not stored", "Last-Modified: @-1", "ETag: \"a\"", true)]
    public void A_304_speaks_of_the_response_with_its_validators(string source, string notModified, string stored, bool selects) =>
        Validation.Selects(HeaderText.Response(notModified, 304), HeaderText.Response(stored)).ShouldBe(selects, source);

    [Theory]
    [InlineData("304-lm-use-stored-Test-Header", "Test: 1", "", "Test", "1")]
    [InlineData("304-etag-update-response-Test-Header", "Test: 1", "Test: 2", "Test", "2")]
    [InlineData("304-etag-update-response-X-Content-Foo", "x-content-foo: 1", "X-Content-Foo: 2", "X-Content-Foo", "2")]
    [InlineData("304-etag-update-response-Cache-Control", "Cache-Control: max-age=1", "Cache-Control: max-age=2", "Cache-Control", "max-age=2")]
    [InlineData("all lines", "A: 1 | A: 2", "A: 3 | A: 4", "A", "3,4")]
    [InlineData("a new field", "", "A: 1", "A", "1")]
    [InlineData("304-etag-update-response-Content-Length", "Content-Length: 1", "Content-Length: 2", "Content-Length", "1")]
    [InlineData("304-etag-update-response-Content-Encoding", "Content-Encoding: gzip", "Content-Encoding: br", "Content-Encoding", "gzip")]
    [InlineData("304-etag-update-response-Content-Type", "Content-Type: a/b", "Content-Type: c/d", "Content-Type", "c/d")]
    [InlineData("304-etag-update-response-Content-MD5", "Content-MD5: a", "Content-MD5: b", "Content-MD5", "a")]
    [InlineData("304-etag-update-response-Content-Range", "", "Content-Range: bytes 0-1/2", "Content-Range", "")]
    [InlineData("the stored tag stays", "ETag: W/\"a\"", "ETag: \"a\"", "ETag", "W/\"a\"")]
    [InlineData("a tag for a response without one", "", "ETag: W/\"a\"", "ETag", "W/\"a\"")]
    [InlineData("7.3: cookies", "", "Set-Cookie: a=b", "Set-Cookie", "")]
    [InlineData("7.3: cookies of who validated", "", "Set-Cookie2: a=b", "Set-Cookie2", "")]
    [InlineData("7.3: cookies of who validated", "Set-Cookie2: a=a", "Set-Cookie2: a=b", "Set-Cookie2", "a=a")]
    [InlineData("5.1: Age", "", "Age: 5", "Age", "")]
    [InlineData("7.6.1: named by Connection", "A: 1", "Connection: A | A: 2", "A", "1")]
    [InlineData("7.6.1: hop by hop", "", "Connection: x", "Connection", "")]
    [InlineData("7.6.1: hop by hop", "", "Keep-Alive: x | Transfer-Encoding: chunked", "Keep-Alive", "")]
    [InlineData("5.2.2.7: newly private", "A: 1", "Cache-Control: private=\"A\"", "A", "")]
    public void A_304_updates_the_stored_fields(string source, string stored, string notModified, string name, string value)
    {
        var head = Validation.Freshen(HeaderText.Response(stored, 203), HeaderText.Response(notModified, 304), HeaderText.Now);

        head.StatusCode.ShouldBe(203);
        head[name].ToString().ShouldBe(value, source);
    }

    [Theory]
    [InlineData("Date: @-100", "Date: @-1", -1)]
    [InlineData("Date: @-100", "", 50)]
    [InlineData("", "", 50)]
    public void A_304_brings_a_Date(string stored, string notModified, int seconds)
    {
        var now = HeaderText.Now.AddSeconds(50);
        var head = Validation.Freshen(HeaderText.Response(stored), HeaderText.Response(notModified, 304), now);

        head.Date.ShouldBe(HeaderText.Now.AddSeconds(seconds));
        head["Date"].Count.ShouldBe(1);
        head.ReceivedAt.ShouldBe(now);
    }

    [Theory]
    [InlineData("9111 3.1: unrecognised fields stay", "Foo: 1", "Foo", true)]
    [InlineData("9111 3.1: Trailer stays", "Trailer: x", "Trailer", true)]
    [InlineData("9211 2: the members of other caches stay", "Cache-Status: up; hit", "Cache-Status", true)]
    [InlineData("headers-store-Content-Range", "Content-Range: foo", "Content-Range", true)]
    [InlineData("headers-omit-headers-listed-in-Connection", "Connection: a, b | A: 1", "A", false)]
    [InlineData("headers-omit-headers-listed-in-Connection", "Connection: a, b | C: 1", "C", true)]
    [InlineData("headers-store-Connection", "Connection: a", "Connection", false)]
    [InlineData("headers-store-Proxy-Authenticate", "Proxy-Authenticate: a", "Proxy-Authenticate", false)]
    [InlineData("7.6.1", "Connection: cache-control | Cache-Control: max-age=1", "Cache-Control", true)]
    [InlineData("5.2.2.7", "Cache-Control: private=\"x-User\" | X-User: a", "X-User", false)]
    [InlineData("5.2.2.4", "Cache-Control: no-cache=\"x-User\" | X-User: a", "X-User", false)]
    [InlineData("5.1", "Age: 5", "Age", false)]
    [InlineData("7.3", "Set-Cookie: a=b", "Set-Cookie", false)]
    public void Fields_are_stored_but_those_for_one_hop_or_one_client(string source, string received, string name, bool isStored) =>
        Validation.StoredFields(HeaderText.Response(received)).Any(field => field.Key.Equals(name, StringComparison.OrdinalIgnoreCase))
            .ShouldBe(isStored, source);

    [Fact]
    public void A_response_without_Date_is_stored_with_that_of_its_receipt() =>
        Validation.StoredFields(HeaderText.Response("")).ShouldBe([new("Date", "Wed, 04 Mar 2026 05:06:07 GMT")]);

    [Fact]
    public void An_unreadable_Date_stays_as_it_is() =>
        Validation.StoredFields(HeaderText.Response("Date: foo")).ShouldBe([new("Date", "foo")]);

    [Fact]
    public void No_304_brings_cookies_or_another_body() => Prop.ForAll<string, string>((connection, cacheControl) =>
    {
        var notModified = new ResponseHead(304, null,
        [
            new("Connection", connection), new("Cache-Control", cacheControl), new("Set-Cookie", "a"), new("Content-Length", "9"),
            new("Content-Encoding", "b"), new("Age", "9"),
        ], HeaderText.Now);
        var head = Validation.Freshen(HeaderText.Response("Content-Length: 5 | Content-Encoding: a"), notModified, HeaderText.Now);
        return head is { HasSetCookie: false, ContentLength: 5, Age.Ticks: 0 } && head["Content-Encoding"] == "a" && head["Connection"].Count == 0;
    }).QuickCheckThrowOnFailure();
}
