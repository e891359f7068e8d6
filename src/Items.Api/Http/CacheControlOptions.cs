namespace Items.Api.Http;

/// <summary>
/// The one table of <c>Cache-Control</c> values, section <c>Items:CacheControl</c>. A value is sent as it is written; an empty one
/// sends no field at all, which leaves the lifetime to the cache.
/// </summary>
internal sealed record CacheControlOptions
{
    /// <summary><c>GET /items/{id}</c>, 200 and 304. Default <c>public, max-age=30</c>.</summary>
    public string Item { get; init; } = "public, max-age=30";

    /// <summary><c>GET /items</c>. Default <c>public, max-age=10</c>: a list is out of date with any write.</summary>
    public string List { get; init; } = "public, max-age=10";

    /// <summary>The OpenAPI document. Default <c>public, max-age=60</c>.</summary>
    public string Document { get; init; } = "public, max-age=60";

    /// <summary><c>GET /health/</c>, whatever its status. Default <c>no-store</c>.</summary>
    public string Health { get; init; } = "no-store";

    /// <summary>Answers to POST, PUT and DELETE. Default <c>no-store</c>.</summary>
    public string Write { get; init; } = "no-store";

    /// <summary>Every answer with a status of 400 or more. Default <c>no-store</c>.</summary>
    public string Error { get; init; } = "no-store";
}
