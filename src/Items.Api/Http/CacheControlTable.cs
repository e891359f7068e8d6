using Microsoft.Net.Http.Headers;

namespace Items.Api.Http;

/// <summary>Says <c>Cache-Control</c> on every answer, from the row its endpoint names.</summary>
internal static class CacheControlTable
{
    /// <summary>Names the row of the table for an endpoint's answers to safe requests.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="row">The row.</param>
    /// <param name="alsoErrors">Whether it holds for errors too, in place of the row for all errors.</param>
    public static TBuilder CacheAs<TBuilder>(this TBuilder endpoint, Func<CacheControlOptions, string> row, bool alsoErrors = false)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new Row(row, alsoErrors));

    /// <summary>
    /// Goes first, so that its callback runs last and also has the word over what the exception handler says. A component that
    /// has named a lifetime of its own for a successful answer (the files of the API page) keeps it.
    /// </summary>
    public static IApplicationBuilder UseCacheControlTable(this IApplicationBuilder app, CacheControlOptions table) =>
        app.Use((context, next) =>
        {
            context.Response.OnStarting(() =>
            {
                var headers = context.Response.Headers;
                var named = ValueFor(context, table);
                if (named is { Length: > 0 })
                    headers.CacheControl = named;
                else if (named is not null)
                    headers.Remove(HeaderNames.CacheControl);
                return Task.CompletedTask;
            });
            return next(context);
        });

    private static string? ValueFor(HttpContext context, CacheControlOptions table)
    {
        var row = context.GetEndpoint()?.Metadata.GetMetadata<Row>();
        if (context.Response.StatusCode >= StatusCodes.Status400BadRequest && row is not { AlsoErrors: true })
            return table.Error;
        return Methods.IsSafe(context.Request.Method) ? row?.Value(table) : table.Write;
    }

    private sealed record Row(Func<CacheControlOptions, string> Value, bool AlsoErrors);
}
