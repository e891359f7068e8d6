using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Items.Api.Tests.Database;

namespace Items.Api.Tests;

/// <summary>What tests over HTTP have in common: a running API on a database of its own, and short words for requests.</summary>
public abstract class ApiTests(TestDatabase database) : IAsyncLifetime
{
    internal RunningApi Api { get; private set; } = null!;

    protected HttpClient Client => Api.Client;

    protected TestDatabase Database => database;

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Settings beside the database's.</summary>
    protected virtual (string Key, string Value)[] Settings => [];

    public virtual ValueTask InitializeAsync()
    {
        Api = database.Start(Settings);
        return ValueTask.CompletedTask;
    }

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (Api is not null)
            await Api.DisposeAsync();
    }

    protected static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    protected async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, string? json = null, params (string Name, string Value)[] fields)
    {
        using var request = new HttpRequestMessage(method, path) { Content = json is null ? null : Json(json) };
        foreach (var (name, value) in fields)
            request.Headers.TryAddWithoutValidation(name, value).ShouldBeTrue();
        return await Client.SendAsync(request, Cancellation);
    }

    protected Task<HttpResponseMessage> GetAsync(string path, params (string Name, string Value)[] fields) =>
        SendAsync(HttpMethod.Get, path, null, fields);

    /// <summary>Creates an item; answers with its path and entity tag.</summary>
    protected async Task<(string Path, string Tag)> CreateAsync(string name = "Lamp")
    {
        using var created = await SendAsync(HttpMethod.Post, "/items", $$"""{"name":"{{name}}","price":1}""");
        created.StatusCode.ShouldBe(System.Net.HttpStatusCode.Created);
        return (created.Headers.Location!.ToString(), created.Headers.ETag!.ToString());
    }

    protected static async Task<JsonElement> BodyAsync(HttpResponseMessage response) =>
        await response.Content.ReadFromJsonAsync<JsonElement>(Cancellation);

    /// <summary>Checks that an answer is a problem that no cache may keep, and returns it.</summary>
    protected static async Task<JsonElement> ProblemAsync(HttpResponseMessage response, int status)
    {
        ((int)response.StatusCode).ShouldBe(status);
        response.Content.Headers.ContentType.ShouldBe(new MediaTypeHeaderValue("application/problem+json"));
        response.Headers.CacheControl!.ToString().ShouldBe("no-store");
        var problem = await BodyAsync(response);
        problem.GetProperty("status").GetInt32().ShouldBe(status);
        return problem;
    }
}
